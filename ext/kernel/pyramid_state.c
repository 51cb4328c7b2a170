/* Merging what levels know; see pyramid_state.h. */
#include "ext/kernel/pyramid_state.h"
#include "ext/kernel/number.h"

int pyramid_compare(const struct pyramid_number *a, const struct pyramid_number *b) {
  if (!a->is_real && !b->is_real) return (a->integer > b->integer) - (a->integer < b->integer);
  if (a->is_real && b->is_real) return (a->real > b->real) - (a->real < b->real);
  return a->is_real ? -compare_integer_real(b->integer, a->real) : compare_integer_real(a->integer, b->real);
}

static void add_sum(struct pyramid_state *state, const struct pyramid_state *other) {
  state->overflow |=
      other->overflow || __builtin_add_overflow(state->sum_integer, other->sum_integer, &state->sum_integer);
  state->sum_real += other->sum_real;
  state->any_real |= other->any_real;
  state->n += other->n;
}

struct pyramid_state pyramid_state_of(int64_t n, const struct pyramid_number *sum) {
  return (struct pyramid_state){.n = n,
                                .sum_integer = sum->is_real ? 0 : sum->integer,
                                .sum_real = pyramid_real(sum),
                                .any_real = sum->is_real};
}

static void append(struct pyramid_state *state, const struct pyramid_state *later) {
  if (!state->n) {
    *state = *later;
    return;
  }
  add_sum(state, later);
  if (pyramid_compare(&later->min, &state->min) < 0) state->min = later->min;
  if (pyramid_compare(&later->max, &state->max) > 0) state->max = later->max;
  state->last = later->last;
}

void pyramid_state_merge(struct pyramid_state *state, const struct pyramid_state *later) {
  if (!later->n) return;
  append(state, later);
  state->one_time = false;
}

void pyramid_state_add(struct pyramid_state *state, const struct pyramid_number *value, bool same_time) {
  struct pyramid_state row = pyramid_state_of(1, value);
  row.min = row.max = row.first = row.last = *value;
  bool one_time = !state->n || (state->one_time && same_time);
  if (state->n && same_time && pyramid_compare(value, &state->last) < 0) row.last = state->last;
  if (state->n && one_time && pyramid_compare(value, &state->first) < 0) state->first = *value;
  append(state, &row);
  state->one_time = one_time;
}
