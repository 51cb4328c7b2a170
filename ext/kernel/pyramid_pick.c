/* Thinning candidates; see pyramid_pick.h. */
#include "ext/kernel/pyramid_pick.h"
#include "ext/kernel/lttb.h"
#include "ext/kernel/pyramid_state.h"
#include <stdlib.h>

static struct pyramid_number number_of(const struct point_value *y) {
  if (y->type == POINT_INTEGER) return (struct pyramid_number){.integer = y->integer};
  return (struct pyramid_number){.is_real = true, .real = y->real};
}

static int compare_y(const struct pyramid_pick *a, const struct pyramid_pick *b) {
  struct pyramid_number left = number_of(&a->y), right = number_of(&b->y);
  return pyramid_compare(&left, &right);
}

static void add_pick(void *to, const struct point_value *x, const struct point_value *y) {
  struct pyramid_picks *picks = to;
  if (picks->failed) return;
  if (picks->n == picks->capacity) {
    size_t capacity = picks->capacity ? picks->capacity * 2 : 256;
    struct pyramid_pick *items = realloc(picks->items, capacity * sizeof *items);
    if (!items) {
      picks->failed = true;
      return;
    }
    picks->items = items;
    picks->capacity = capacity;
  }
  picks->items[picks->n++] = (struct pyramid_pick){*x, *y};
}

void pyramid_picks_free(struct pyramid_picks *picks) {
  free(picks->items);
  *picks = (struct pyramid_picks){0};
}

static void find_extremes(const struct points *points, struct pyramid_pick *low, struct pyramid_pick *high) {
  struct points_place place = {points->first, 0};
  struct pyramid_pick point;
  bool any = false;
  while (points_next(&place, &point.x, &point.y)) {
    if (!any || compare_y(&point, low) < 0) *low = point;
    if (!any || compare_y(&point, high) > 0) *high = point;
    any = true;
  }
}

static bool is_below(const struct point_value *a, const struct point_value *b) {
  if (a->type == POINT_INTEGER && b->type == POINT_INTEGER) return a->integer < b->integer;
  return (a->type == POINT_INTEGER ? (double)a->integer : a->real) <
         (b->type == POINT_INTEGER ? (double)b->integer : b->real);
}

/* The place of a pick with this y; one is put in where there is none. */
static size_t place_of(struct pyramid_picks *picks, const struct pyramid_pick *extreme) {
  for (size_t i = 0; i < picks->n; i++)
    if (compare_y(&picks->items[i], extreme) == 0) return i;
  size_t at = picks->n;
  add_pick(picks, &extreme->x, &extreme->y);
  if (picks->failed) return 0;
  for (; at > 0 && is_below(&extreme->x, &picks->items[at - 1].x); at--)
    picks->items[at] = picks->items[at - 1];
  picks->items[at] = *extreme;
  return at;
}

/* Removes the pick nearest to `at` that is none of `kept`, of which there are n_kept. */
static void remove_nearest(struct pyramid_picks *picks, size_t at, const size_t *kept, size_t n_kept) {
  size_t best = picks->n, best_distance = SIZE_MAX;
  for (size_t i = 0; i < picks->n; i++) {
    size_t distance = i > at ? i - at : at - i;
    bool keep = false;
    for (size_t k = 0; k < n_kept; k++) keep |= kept[k] == i;
    if (keep || distance >= best_distance) continue;
    best = i;
    best_distance = distance;
  }
  if (best == picks->n) return;
  for (size_t i = best + 1; i < picks->n; i++) picks->items[i - 1] = picks->items[i];
  picks->n--;
}

/* Puts an extreme in, and takes another pick out where they have become too many. */
static void keep_extreme(struct pyramid_picks *picks, const struct pyramid_pick *extreme,
                         const struct pyramid_pick *other, size_t wanted) {
  size_t at = place_of(picks, extreme);
  if (picks->n <= wanted || picks->failed) return;
  size_t kept[4] = {at}, n_kept = 1;
  for (size_t i = 0; i < picks->n; i++)
    if (compare_y(&picks->items[i], other) == 0 && n_kept == 1) kept[n_kept++] = i;
  if (n_kept < wanted) kept[n_kept++] = 0;
  if (n_kept < wanted) kept[n_kept++] = picks->n - 1;
  remove_nearest(picks, at, kept, n_kept);
}

void pyramid_pick(struct pyramid_picks *picks, const struct points *points, int64_t wanted) {
  picks->n = 0;
  int64_t count = points_count(points);
  if (!lttb_pick(points, wanted, add_pick, picks, NULL) || picks->failed || count <= wanted || wanted < 2)
    return;
  struct pyramid_pick low, high;
  find_extremes(points, &low, &high);
  keep_extreme(picks, &low, &high, (size_t)wanted);
  keep_extreme(picks, &high, &low, (size_t)wanted);
}
