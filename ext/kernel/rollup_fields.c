/*
** What is kept of a value column: cells of plain numbers, of one type of values and times each, so that the loops over
** a batch have no types to ask for. Integer sums wrap around, and what they carry is counted beside, so they are exact.
*/
#include "ext/kernel/rollup_inside.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

#define ALWAYS static inline __attribute__((always_inline))
#define NEVER  __attribute__((noinline, cold))

/* ---- Room ---- */

static void start_cell(struct kept *cell, enum kept_level level, int type) {
  cell->n = 0;
  if (level == KEPT_N) return;
  if (type == KEPT_INTEGER) {
    cell->sum.integer = 0;
    cell->min.integer = INT64_MAX;
    cell->max.integer = INT64_MIN;
  } else {
    cell->sum.real = 0;
    cell->min.real = INFINITY;
    cell->max.real = -INFINITY;
  }
  if (level >= KEPT_ENDS)
    memset((char *)cell + offsetof(struct kept, first), 0,
           (level == KEPT_ENDS ? offsetof(struct kept, min_at) : sizeof *cell) -
               offsetof(struct kept, first));
}

/* A section that is met for the first time: all groups there are get a cell. */
static NEVER bool open_section(struct rollup *rollup, struct kept_field *field, int type, int time) {
  struct kept_section *section = &field->sections[type][time];
  size_t bytes = 0;
  section->cells = rollup_grow(&rollup->memory, NULL, &bytes, rollup->capacity * field->cell_bytes);
  if (section->cells) field->open |= 1u << (type * 3 + time);
  for (uint32_t group = 0; group < rollup->n_groups && section->cells; group++)
    start_cell(rollup_cell(field, section, group), field->level, type);
  return section->cells;
}

static NEVER bool open_carries(struct rollup *rollup, struct kept_section *section) {
  size_t bytes = 0, wanted = rollup->capacity * sizeof *section->carries;
  section->carries = rollup_grow(&rollup->memory, NULL, &bytes, wanted);
  if (section->carries) memset(section->carries, 0, wanted);
  return section->carries;
}

static bool resize_section(struct rollup *rollup, struct kept_section *section, size_t cell_bytes,
                           uint32_t old, uint32_t capacity) {
  size_t bytes = old * cell_bytes;
  if (section->cells) {
    void *cells = rollup_grow(&rollup->memory, section->cells, &bytes, capacity * cell_bytes);
    if (!cells) return false;
    section->cells = cells;
  }
  bytes = old * sizeof *section->carries;
  if (section->carries) {
    int64_t *carries =
        rollup_grow(&rollup->memory, section->carries, &bytes, capacity * sizeof *section->carries);
    if (!carries) return false;
    memset(carries + old, 0, (capacity - old) * sizeof *carries);
    section->carries = carries;
  }
  return true;
}

bool kept_resize(struct rollup *rollup, uint32_t old, uint32_t capacity) {
  for (int i = 0; i < rollup->spec->n_fields; i++)
    for (int section = 0; section < 6; section++)
      if (!resize_section(rollup, &rollup->fields[i].sections[section / 3][section % 3],
                          rollup->fields[i].cell_bytes, old, capacity))
        return false;
  return true;
}

void kept_start(struct rollup *rollup, uint32_t group) {
  for (int i = 0; i < rollup->spec->n_fields; i++) {
    struct kept_field *field = &rollup->fields[i];
    for (unsigned open = field->open; open; open &= open - 1) {
      int section = __builtin_ctz(open);
      struct kept_section *at = &field->sections[section / 3][section % 3];
      start_cell(rollup_cell(field, at, group), field->level, section / 3);
      if (at->carries) at->carries[group] = 0;
    }
  }
}

void kept_free(struct rollup *rollup) {
  for (int i = 0; i < rollup->spec->n_fields && rollup->fields; i++)
    for (int section = 0; section < 6; section++) {
      struct kept_section *at = &rollup->fields[i].sections[section / 3][section % 3];
      if (at->cells) rollup_free(&rollup->memory, at->cells, rollup->capacity * rollup->fields[i].cell_bytes);
      if (at->carries) rollup_free(&rollup->memory, at->carries, rollup->capacity * sizeof *at->carries);
      *at = (struct kept_section){0};
      rollup->fields[i].open = 0;
    }
}

/* ---- Times ---- */

/* A time of the row at hand, of any type; the kept ones have a place of their own for texts. */
union when {
  int64_t integer;
  double real;
  const struct text_instant *text;
};

static int compare_texts(const struct text_instant *a, const struct kept_text *b) {
  if (a->unix_s != b->unix_s) return a->unix_s < b->unix_s ? -1 : 1;
  return (a->nanosecond > b->nanosecond) - (a->nanosecond < b->nanosecond);
}

ALWAYS int compare_times(int type, union when a, union moment b) {
  if (type == KEPT_INTEGER) return (a.integer > b.integer) - (a.integer < b.integer);
  if (type == KEPT_REAL) return (a.real > b.real) - (a.real < b.real);
  return compare_texts(a.text, b.text);
}

/* Copies a text time to the place that `kept` has, or gets. */
static void keep_text(struct rollup *rollup, union moment *kept, const struct text_instant *text) {
  struct kept_text *place = kept->text;
  uint32_t length = rollup->keeps_texts ? text->length : 0;
  if (!place || place->capacity < length) {
    uint32_t capacity = length + 15 - (length + 15) % 16;
    place = rollup_bytes_add(&rollup->memory, &rollup->texts, sizeof *place + capacity);
    if (!place) return;
    place->capacity = capacity;
    kept->text = place;
  }
  place->unix_s = text->unix_s;
  place->nanosecond = text->nanosecond;
  place->length = length;
  if (length) memcpy(place->bytes, text->bytes, length);
}

ALWAYS void keep_time(struct rollup *rollup, int type, union moment *kept, union when time) {
  if (type == KEPT_INTEGER)
    kept->integer = time.integer;
  else if (type == KEPT_REAL)
    kept->real = time.real;
  else
    keep_text(rollup, kept, time.text);
}

/* Of two spellings of one instant, that whose bytes sort first is kept. */
static void keep_spelling(struct rollup *rollup, union moment *kept, const struct text_instant *text) {
  uint32_t length = text->length < kept->text->length ? text->length : kept->text->length;
  int order = length ? memcmp(text->bytes, kept->text->bytes, length) : 0;
  if (order < 0 || (order == 0 && text->length < kept->text->length)) keep_text(rollup, kept, text);
}

ALWAYS void keep_equal_time(struct rollup *rollup, int type, union moment *kept, union when time) {
  if (type == KEPT_TEXT && rollup->keeps_texts) keep_spelling(rollup, kept, time.text);
}

/* ---- One value ---- */

ALWAYS bool is_less(int type, union number a, union number b) {
  return type == KEPT_INTEGER ? a.integer < b.integer : a.real < b.real;
}

/* A part of a sum that wrapped around: by `carry` times 2^64. */
static NEVER void carry_over(struct rollup *rollup, struct kept_section *section, uint32_t group,
                             int64_t carry) {
  if (section->carries || open_carries(rollup, section)) section->carries[group] += carry;
}

/* first and last, with their times: of values at one time the smallest is first, the largest last. */
ALWAYS void keep_ends(struct rollup *rollup, struct kept *cell, int type, int time_type, union number first,
                      union when first_at, union number last, union when last_at, bool is_new) {
  int early = is_new ? -1 : compare_times(time_type, first_at, cell->first_at);
  int late = is_new ? 1 : compare_times(time_type, last_at, cell->last_at);
  if (early < 0) keep_time(rollup, time_type, &cell->first_at, first_at);
  if (early == 0) keep_equal_time(rollup, time_type, &cell->first_at, first_at);
  if (early < 0 || (early == 0 && is_less(type, first, cell->first))) cell->first = first;
  if (late > 0) keep_time(rollup, time_type, &cell->last_at, last_at);
  if (late == 0) keep_equal_time(rollup, time_type, &cell->last_at, last_at);
  if (late > 0 || (late == 0 && is_less(type, cell->last, last))) cell->last = last;
}

/* The earliest time of a minimum or maximum; `order`: of the new value to the kept one, below 0 if it replaces it. */
ALWAYS void keep_place(struct rollup *rollup, int time_type, int order, union moment *kept, union when time) {
  int early = order < 0 ? -1 : order > 0 ? 1 : compare_times(time_type, time, *kept);
  if (early < 0) keep_time(rollup, time_type, kept, time);
  if (early == 0) keep_equal_time(rollup, time_type, kept, time);
}

ALWAYS void keep_places(struct rollup *rollup, struct kept *cell, int type, int time_type, union number min,
                        union when min_at, union number max, union when max_at, bool is_new) {
  int lower = is_new || is_less(type, min, cell->min) ? -1 : is_less(type, cell->min, min);
  int higher = is_new || is_less(type, cell->max, max) ? -1 : is_less(type, max, cell->max);
  keep_place(rollup, time_type, lower, &cell->min_at, min_at);
  keep_place(rollup, time_type, higher, &cell->max_at, max_at);
}

ALWAYS void keep_sum(struct rollup *rollup, struct kept_section *section, struct kept *cell, uint32_t group,
                     int type, union number value) {
  if (type == KEPT_REAL) {
    cell->sum.real += value.real;
    return;
  }
  int64_t sum;
  if (__builtin_expect(__builtin_add_overflow(cell->sum.integer, value.integer, &sum), 0))
    carry_over(rollup, section, group, value.integer < 0 ? -1 : 1);
  cell->sum.integer = sum;
}

ALWAYS void keep_extremes(struct kept *cell, int type, union number min, union number max) {
  if (type == KEPT_INTEGER) {
    cell->min.integer = min.integer < cell->min.integer ? min.integer : cell->min.integer;
    cell->max.integer = max.integer > cell->max.integer ? max.integer : cell->max.integer;
  } else {
    cell->min.real = min.real < cell->min.real ? min.real : cell->min.real;
    cell->max.real = max.real > cell->max.real ? max.real : cell->max.real;
  }
}

ALWAYS void keep_value(struct rollup *rollup, struct kept_section *section, struct kept *cell, uint32_t group,
                       enum kept_level level, int type, union number value, int time_type, union when time) {
  bool is_new = cell->n == 0;
  cell->n++;
  if (level == KEPT_N) return;
  keep_sum(rollup, section, cell, group, type, value);
  if (level >= KEPT_PLACES) keep_places(rollup, cell, type, time_type, value, time, value, time, is_new);
  keep_extremes(cell, type, value, value);
  if (level >= KEPT_ENDS) keep_ends(rollup, cell, type, time_type, value, time, value, time, is_new);
}

/* ---- A batch ---- */

/* One row of a batch in which all rows have a group, a value of one type and, where times matter, an integer time. */
ALWAYS void take_value(struct rollup *rollup, struct kept_section *section, struct kept *cell, uint32_t group,
                       enum kept_level level, int type, const union batch_value *values,
                       const union batch_value *times, int row) {
  union number value = {.integer = values[row].integer};
  union when time = {.integer = 0};
  if (type == KEPT_REAL) value.real = values[row].real;
  if (level >= KEPT_ENDS) time.integer = times[row].integer;
  keep_value(rollup, section, cell, group, level, type, value, KEPT_INTEGER, time);
}

/*
** Such a batch. Where groups come in runs, a run's cell is worked on in registers, or each row would wait for the
** one before to be stored.
*/
ALWAYS void take_alike(struct rollup *rollup, struct kept_section *section, int n, bool in_runs,
                       enum kept_level level, int type, const union batch_value *values,
                       const union batch_value *times) {
  const uint32_t *groups = rollup->groups;
  unsigned char *cells = section->cells;
  const size_t bytes = kept_bytes(level);
  if (!in_runs) {
    for (int row = 0; row < n; row++)
      take_value(rollup, section, (struct kept *)(cells + groups[row] * bytes), groups[row], level, type,
                 values, times, row);
    return;
  }
  for (int row = 0; row < n;) {
    uint32_t group = groups[row];
    struct kept cell;
    memcpy(&cell, cells + group * bytes, bytes);
    for (; row < n && groups[row] == group; row++)
      take_value(rollup, section, &cell, group, level, type, values, times, row);
    memcpy(cells + group * bytes, &cell, bytes);
  }
}

/* By a sample: to look at all rows would cost more than it brings. */
static bool comes_in_runs(const uint32_t *groups, int n) {
  int asked = 0, changes = 0;
  for (int row = 1; row < n; row += 32, asked++) changes += groups[row] != groups[row - 1];
  return changes <= asked / 8;
}

static bool take_fast(struct rollup *rollup, struct kept_field *field, int n, int type,
                      const union batch_value *values, const union batch_value *times) {
  struct kept_section *section = &field->sections[type][0];
  if (!section->cells && !open_section(rollup, field, type, 0)) return false;
  bool runs = comes_in_runs(rollup->groups, n);
#define TAKE(LEVEL, TYPE)                                                                                    \
  do {                                                                                                       \
    if (runs)                                                                                                \
      take_alike(rollup, section, n, true, LEVEL, TYPE, values, times);                                      \
    else                                                                                                     \
      take_alike(rollup, section, n, false, LEVEL, TYPE, values, times);                                     \
  } while (0)
  if (field->level == KEPT_N)
    TAKE(KEPT_N, KEPT_INTEGER);
  else if (field->level == KEPT_SUMS && type == KEPT_INTEGER)
    TAKE(KEPT_SUMS, KEPT_INTEGER);
  else if (field->level == KEPT_SUMS)
    TAKE(KEPT_SUMS, KEPT_REAL);
  else if (field->level == KEPT_ENDS && type == KEPT_INTEGER)
    TAKE(KEPT_ENDS, KEPT_INTEGER);
  else if (field->level == KEPT_ENDS)
    TAKE(KEPT_ENDS, KEPT_REAL);
  else if (type == KEPT_INTEGER)
    TAKE(KEPT_PLACES, KEPT_INTEGER);
  else
    TAKE(KEPT_PLACES, KEPT_REAL);
#undef TAKE
  return rollup->memory.status == ROLLUP_OK;
}

/* A row's time, as its cells take it; returns its type. */
static int time_of(const struct rollup *rollup, const struct batch_column *times, int row, union when *time) {
  switch (batch_type_at(times, row)) {
  case BATCH_INTEGER:
    time->integer = times->values[row].integer;
    return KEPT_INTEGER;
  case BATCH_REAL:
    time->real = times->values[row].real;
    return KEPT_REAL;
  default:
    time->text = &rollup->instants[row];
    return KEPT_TEXT;
  }
}

/* Any row, any type: one by one. */
static bool take_row(struct rollup *rollup, struct kept_field *field, const struct rollup_field *asked,
                     const struct batch *batch, int row) {
  const struct batch_column *values = &batch->columns[asked->column];
  uint32_t group = rollup->groups[row];
  enum batch_type found = batch_type_at(values, row);
  int type = found == BATCH_REAL ? KEPT_REAL : KEPT_INTEGER, time_type = KEPT_INTEGER;
  union number value = {.integer = 0};
  union when time = {.integer = 0};
  if (group == NUMBER_NONE || found == BATCH_NULL) return true;
  if (field->level == KEPT_N)
    type = KEPT_INTEGER;
  else if (found == BATCH_INTEGER)
    value.integer = values->values[row].integer;
  else if (found == BATCH_REAL)
    value.real = values->values[row].real;
  else
    return rollup_refuse(rollup, ROLLUP_BAD_VALUE, asked->column, values, row);
  if (field->level >= KEPT_ENDS)
    time_type = time_of(rollup, &batch->columns[rollup->spec->time_column], row, &time);
  struct kept_section *section = &field->sections[type][time_type];
  if (!section->cells && !open_section(rollup, field, type, time_type)) return false;
  keep_value(rollup, section, rollup_cell(field, section, group), group, field->level, type, value, time_type,
             time);
  return rollup->memory.status == ROLLUP_OK;
}

static bool take_field(struct rollup *rollup, int i, const struct batch *batch) {
  const struct rollup_field *asked = &rollup->spec->fields[i];
  struct kept_field *field = &rollup->fields[i];
  const struct batch_column *values = &batch->columns[asked->column];
  const struct batch_column *times =
      field->level >= KEPT_ENDS ? &batch->columns[rollup->spec->time_column] : NULL;
  bool is_real = field->level != KEPT_N && batch_is(values, BATCH_REAL);
  bool is_alike = field->level == KEPT_N ? !(values->present & 1u << BATCH_NULL)
                                         : is_real || batch_is(values, BATCH_INTEGER);
  if (is_alike && rollup->n_skipped == 0 && (!times || batch_is(times, BATCH_INTEGER)))
    return take_fast(rollup, field, batch->n, is_real ? KEPT_REAL : KEPT_INTEGER, values->values,
                     times ? times->values : NULL);
  for (int row = 0; row < batch->n; row++)
    if (!take_row(rollup, field, asked, batch, row)) return false;
  return true;
}

bool kept_take(struct rollup *rollup, const struct batch *batch) {
  for (int row = 0; row < batch->n && rollup->rows; row++)
    if (rollup->groups[row] != NUMBER_NONE) rollup->rows[rollup->groups[row]]++;
  for (int i = 0; i < rollup->spec->n_fields; i++)
    if (!take_field(rollup, i, batch)) return false;
  return true;
}

/* ---- Merging ---- */

/* A kept time as if it came with a row; `text` is room for it. */
static union when as_when(int time_type, union moment kept, struct text_instant *text) {
  if (time_type != KEPT_TEXT) return (union when){.integer = kept.integer};
  *text = (struct text_instant){
      .unix_s = kept.text->unix_s,
      .nanosecond = kept.text->nanosecond,
      .length = kept.text->length,
      .bytes = kept.text->bytes,
  };
  return (union when){.text = text};
}

static void merge_cell(struct rollup *into, struct kept_section *section, struct kept *cell, uint32_t group,
                       enum kept_level level, int type, int time_type, const struct kept *from) {
  bool is_new = cell->n == 0;
  struct text_instant texts[2];
  cell->n += from->n;
  if (level == KEPT_N) return;
  keep_sum(into, section, cell, group, type, from->sum);
  if (level >= KEPT_PLACES)
    keep_places(into, cell, type, time_type, from->min, as_when(time_type, from->min_at, &texts[0]),
                from->max, as_when(time_type, from->max_at, &texts[1]), is_new);
  keep_extremes(cell, type, from->min, from->max);
  if (level >= KEPT_ENDS)
    keep_ends(into, cell, type, time_type, from->first, as_when(time_type, from->first_at, &texts[0]),
              from->last, as_when(time_type, from->last_at, &texts[1]), is_new);
}

static bool merge_section(struct rollup *into, const struct rollup *from, int i, int type, int time_type,
                          const uint32_t *map) {
  struct kept_field *field = &into->fields[i];
  const struct kept_section *theirs = &from->fields[i].sections[type][time_type];
  struct kept_section *ours = &field->sections[type][time_type];
  if (!theirs->cells) return true;
  if (!ours->cells && !open_section(into, field, type, time_type)) return false;
  for (uint32_t group = 0; group < from->n_groups; group++) {
    const struct kept *cell = rollup_cell(field, theirs, group);
    uint32_t to = map[group];
    if (cell->n == 0) continue;
    merge_cell(into, ours, rollup_cell(field, ours, to), to, field->level, type, time_type, cell);
    if (theirs->carries && theirs->carries[group]) carry_over(into, ours, to, theirs->carries[group]);
  }
  return into->memory.status == ROLLUP_OK;
}

bool kept_merge(struct rollup *into, const struct rollup *from, const uint32_t *map) {
  for (uint32_t group = 0; group < from->n_groups && into->rows; group++)
    into->rows[map[group]] += from->rows[group];
  for (int i = 0; i < into->spec->n_fields; i++)
    for (int section = 0; section < 6; section++)
      if (!merge_section(into, from, i, section / 3, section % 3, map)) return false;
  return true;
}
