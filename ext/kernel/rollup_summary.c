/* What a group's cells say together: those of integers and of reals, at times of one type or another. */
#include "ext/kernel/rollup_inside.h"
#include <math.h>

#define NOTHING                                                                                              \
  { .type = BATCH_NULL }

static const struct rollup_value null_value = NOTHING;
static const struct rollup_summary nothing = {
    .sum = NOTHING,
    .avg = NOTHING,
    .min = NOTHING,
    .max = NOTHING,
    .first = NOTHING,
    .last = NOTHING,
    .first_at = NOTHING,
    .last_at = NOTHING,
    .min_at = NOTHING,
    .max_at = NOTHING,
};

static struct rollup_value number_value(int type, union number number) {
  if (type == KEPT_INTEGER) return (struct rollup_value){.type = BATCH_INTEGER, .is.integer = number.integer};
  return (struct rollup_value){.type = BATCH_REAL, .is.real = number.real};
}

static struct rollup_value real_value(double real) {
  return isnan(real) ? null_value : (struct rollup_value){.type = BATCH_REAL, .is.real = real};
}

static struct rollup_value moment_value(int type, union moment moment) {
  if (type == KEPT_INTEGER) return (struct rollup_value){.type = BATCH_INTEGER, .is.integer = moment.integer};
  if (type == KEPT_REAL) return (struct rollup_value){.type = BATCH_REAL, .is.real = moment.real};
  return (struct rollup_value){
      .type = BATCH_TEXT, .is.bytes = moment.text->bytes, .length = moment.text->length};
}

/* Is `a` before `b`, which is the best so far, or nothing yet? Of equal numbers, the integer. */
static bool is_before(const struct rollup_value *a, const struct rollup_value *b, int sign) {
  if (b->type == BATCH_NULL) return true;
  int order = sign * rollup_compare(a, b);
  return order < 0 || (order == 0 && a->type == BATCH_INTEGER && b->type == BATCH_REAL);
}

/* Times of a group are all texts or all numbers; several cells with texts differ in the types of their values only. */
struct best {
  struct rollup_value value, at;
  const struct kept_text *text;
};

static int compare_moments(const struct best *a, const struct best *b) {
  if (!a->text) return rollup_compare(&a->at, &b->at);
  if (a->text->unix_s != b->text->unix_s) return a->text->unix_s < b->text->unix_s ? -1 : 1;
  return (a->text->nanosecond > b->text->nanosecond) - (a->text->nanosecond < b->text->nanosecond);
}

/* Takes the better one's time, and of equal ones the spelling that is shown. */
static void choose_at(struct best *best, const struct best *other, int order) {
  if (order < 0 || (order == 0 && is_before(&other->at, &best->at, 1))) {
    best->at = other->at;
    best->text = other->text;
  }
}

/* first (sign 1) or last (-1): by time, then by value. */
static void choose_end(struct best *best, const struct best *other, int sign) {
  if (best->value.type == BATCH_NULL) {
    *best = *other;
    return;
  }
  int order = sign * compare_moments(other, best);
  if (order < 0 || (order == 0 && is_before(&other->value, &best->value, sign))) best->value = other->value;
  choose_at(best, other, order);
}

/* min (sign 1) or max (-1): by value, then by time. */
static void choose_extreme(struct best *best, const struct best *other, int sign, bool has_times) {
  if (best->value.type == BATCH_NULL) {
    *best = *other;
    return;
  }
  int order = sign * rollup_compare(&other->value, &best->value);
  if (is_before(&other->value, &best->value, sign)) best->value = other->value;
  if (!has_times) return;
  choose_at(best, other, order ? order : compare_moments(other, best));
}

/* An integer sum with what it carried. */
static __int128 whole_sum(const struct kept *cell, int64_t carry) {
  return (__int128)carry * ((__int128)1 << 64) + cell->sum.integer;
}

/* A summary as it is put together. */
struct gathered {
  struct best first, last, min, max;
  __int128 integers;
  double reals;
  bool has_reals;
};

static void gather(struct gathered *all, const struct kept *cell, int64_t carry, enum kept_level level,
                   int type, int time_type) {
  if (type == KEPT_INTEGER)
    all->integers += whole_sum(cell, carry);
  else
    all->reals += cell->sum.real;
  all->has_reals |= type == KEPT_REAL;
  struct best min = {.value = number_value(type, cell->min), .at = null_value};
  struct best max = {.value = number_value(type, cell->max), .at = null_value};
  if (level >= KEPT_PLACES) {
    min.at = moment_value(time_type, cell->min_at);
    max.at = moment_value(time_type, cell->max_at);
    min.text = time_type == KEPT_TEXT ? cell->min_at.text : NULL;
    max.text = time_type == KEPT_TEXT ? cell->max_at.text : NULL;
  }
  choose_extreme(&all->min, &min, 1, level >= KEPT_PLACES);
  choose_extreme(&all->max, &max, -1, level >= KEPT_PLACES);
  if (level < KEPT_ENDS) return;
  struct best first = {number_value(type, cell->first), moment_value(time_type, cell->first_at),
                       time_type == KEPT_TEXT ? cell->first_at.text : NULL};
  struct best last = {number_value(type, cell->last), moment_value(time_type, cell->last_at),
                      time_type == KEPT_TEXT ? cell->last_at.text : NULL};
  choose_end(&all->first, &first, 1);
  choose_end(&all->last, &last, -1);
}

static void add_up(const struct gathered *all, struct rollup_summary *summary) {
  double total = all->reals + (double)all->integers;
  summary->avg = real_value(total / (double)summary->n);
  if (all->has_reals)
    summary->sum = real_value(total);
  else if (all->integers >= INT64_MIN && all->integers <= INT64_MAX)
    summary->sum = (struct rollup_value){.type = BATCH_INTEGER, .is.integer = (int64_t)all->integers};
  else
    summary->sum_overflows = true;
}

/* The rule: one type of values, and of times. */
static void summarize_alike(const struct kept *cell, int64_t carry, enum kept_level level, int type,
                            int time_type, struct rollup_summary *summary) {
  summary->min = number_value(type, cell->min);
  summary->max = number_value(type, cell->max);
  if (type == KEPT_REAL) {
    summary->sum = real_value(cell->sum.real);
    summary->avg = real_value(cell->sum.real / (double)cell->n);
  } else {
    struct gathered all = {.integers = whole_sum(cell, carry)};
    add_up(&all, summary);
  }
  if (level >= KEPT_ENDS) {
    summary->first = number_value(type, cell->first);
    summary->last = number_value(type, cell->last);
    summary->first_at = moment_value(time_type, cell->first_at);
    summary->last_at = moment_value(time_type, cell->last_at);
  }
  if (level >= KEPT_PLACES) {
    summary->min_at = moment_value(time_type, cell->min_at);
    summary->max_at = moment_value(time_type, cell->max_at);
  }
}

static void summarize_mixed(uint32_t group, const struct kept_field *field, struct rollup_summary *summary) {
  const struct best none = {.value = null_value, .at = null_value};
  struct gathered all = {.first = none, .last = none, .min = none, .max = none};
  for (int section = 0; section < 6; section++) {
    const struct kept_section *at = &field->sections[section / 3][section % 3];
    const struct kept *cell = rollup_cell(field, at, group);
    if (cell && cell->n > 0)
      gather(&all, cell, at->carries ? at->carries[group] : 0, field->level, section / 3, section % 3);
  }
  add_up(&all, summary);
  summary->min = all.min.value;
  summary->max = all.max.value;
  summary->min_at = all.min.at;
  summary->max_at = all.max.at;
  summary->first = all.first.value;
  summary->last = all.last.value;
  summary->first_at = all.first.at;
  summary->last_at = all.last.at;
}

void rollup_summarize(const struct rollup *rollup, size_t group, int field, struct rollup_summary *summary) {
  const struct kept_field *kept = &rollup->fields[field];
  uint32_t number = rollup_group_at(rollup, group);
  int n_found = 0, found = 0;
  *summary = nothing;
  for (unsigned open = kept->open; open; open &= open - 1) {
    int section = __builtin_ctz(open);
    const struct kept *cell = rollup_cell(kept, &kept->sections[section / 3][section % 3], number);
    if (cell->n == 0) continue;
    summary->n += cell->n;
    n_found++;
    found = section;
  }
  if (n_found == 0 || kept->level == KEPT_N) return;
  const struct kept_section *at = &kept->sections[found / 3][found % 3];
  if (n_found == 1)
    summarize_alike(rollup_cell(kept, at, number), at->carries ? at->carries[number] : 0, kept->level,
                    found / 3, found % 3, summary);
  else
    summarize_mixed(number, kept, summary);
}
