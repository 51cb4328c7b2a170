/*
** Groups in order: the distinct buckets and keys are sorted, which are few, and the groups put in their places by
** counting, first by key, then by bucket.
*/
#include "ext/kernel/rollup_inside.h"
#include <string.h>

static int compare_tuples(const struct distinct *distinct, uint32_t a, uint32_t b) {
  const struct rollup_value *left = distinct->values + (size_t)a * (size_t)distinct->width;
  const struct rollup_value *right = distinct->values + (size_t)b * (size_t)distinct->width;
  for (int i = 0; i < distinct->width; i++) {
    int order = rollup_compare(&left[i], &right[i]);
    if (order) return order;
  }
  return 0;
}

/* Merges numbers[from..middle) and [middle..to), each in order. */
static void merge_runs(const struct distinct *distinct, const uint32_t *numbers, uint32_t *out, size_t from,
                       size_t middle, size_t to) {
  size_t left = from, right = middle;
  for (size_t at = from; at < to; at++) {
    bool takes_left =
        right == to || (left < middle && compare_tuples(distinct, numbers[left], numbers[right]) <= 0);
    out[at] = takes_left ? numbers[left++] : numbers[right++];
  }
}

void distinct_sort(const struct distinct *distinct, uint32_t *numbers, uint32_t *room) {
  size_t n = distinct->n;
  bool is_sorted = true;
  for (size_t i = 0; i < n; i++) numbers[i] = (uint32_t)i;
  for (size_t i = 1; i < n && is_sorted; i++)
    is_sorted = compare_tuples(distinct, (uint32_t)i - 1, (uint32_t)i) <= 0;
  uint32_t *from = numbers, *to = room;
  for (size_t width = 1; width < n && !is_sorted; width *= 2) {
    for (size_t at = 0; at < n; at += 2 * width) {
      size_t middle = at + width < n ? at + width : n, end = at + 2 * width < n ? at + 2 * width : n;
      merge_runs(distinct, from, to, at, middle, end);
    }
    uint32_t *swap = from;
    from = to;
    to = swap;
  }
  if (from != numbers && n) memcpy(numbers, from, n * sizeof *numbers);
}

/* ranks[number]: the tuple's place in order. `room` has two places for each. */
static void rank(const struct distinct *distinct, uint32_t *ranks, uint32_t *room) {
  uint32_t *numbers = room;
  distinct_sort(distinct, numbers, room + distinct->n);
  for (uint32_t i = 0; i < distinct->n; i++) ranks[numbers[i]] = i;
}

/* Puts the groups in `from` in the order of their ranks, to `to`, and keeps the order of those with the same. */
static void place(const struct rollup *rollup, const uint32_t *ranks, uint32_t n_ranks, bool by_bucket,
                  uint32_t *places, const uint32_t *from, uint32_t *to) {
  memset(places, 0, ((size_t)n_ranks + 1) * sizeof *places);
  for (uint32_t i = 0; i < rollup->n_groups; i++)
    places[ranks[by_bucket ? rollup->all[i].bucket : rollup->all[i].key] + 1]++;
  for (uint32_t i = 0; i < n_ranks; i++) places[i + 1] += places[i];
  for (uint32_t i = 0; i < rollup->n_groups; i++) {
    const struct rollup_group *group = &rollup->all[from[i]];
    to[places[ranks[by_bucket ? group->bucket : group->key]]++] = from[i];
  }
}

/* By one of the two: `room` has 3 * n + 1 places, n that of its tuples. */
static void sort_by(const struct rollup *rollup, bool by_bucket, uint32_t *room, const uint32_t *from,
                    uint32_t *to) {
  const struct distinct *distinct = by_bucket ? &rollup->buckets : &rollup->keys;
  uint32_t *ranks = room + 2 * (size_t)distinct->n + 1;
  rank(distinct, ranks, room);
  place(rollup, ranks, distinct->n, by_bucket, room, from, to);
}

enum rollup_status rollup_sort(struct rollup *rollup) {
  size_t n = rollup->n_groups, bytes = 0;
  size_t most = rollup->buckets.n > rollup->keys.n ? rollup->buckets.n : rollup->keys.n;
  if (rollup->is_sorted || n == 0 || rollup->memory.status != ROLLUP_OK) return rollup->memory.status;
  if (rollup->order_bytes < n * sizeof *rollup->order) {
    uint32_t *order =
        rollup_grow(&rollup->memory, rollup->order, &rollup->order_bytes, n * sizeof *rollup->order);
    if (!order) return rollup->memory.status;
    rollup->order = order;
  }
  uint32_t *room = rollup_grow(&rollup->memory, NULL, &bytes, (n + 3 * most + 1) * sizeof *room);
  if (!room) return rollup->memory.status;
  uint32_t *others = room + 3 * most + 1;
  for (uint32_t i = 0; i < n; i++) rollup->order[i] = i;
  if (rollup->keys.n > 1) {
    memcpy(others, rollup->order, n * sizeof *others);
    sort_by(rollup, false, room, others, rollup->order);
  }
  if (rollup->buckets.n > 1) {
    memcpy(others, rollup->order, n * sizeof *others);
    sort_by(rollup, true, room, others, rollup->order);
  }
  rollup_free(&rollup->memory, room, bytes);
  rollup->is_sorted = true;
  return ROLLUP_OK;
}
