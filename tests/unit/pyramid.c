/*
** The pyramid kernels alone. `pyramid SEED`; prints what is wrong and ends with 1.
**
** Plans: random ladders, ranges, changed buckets, tails and frozen times over 1,500 ticks. Each tick is read once, at the
** coarsest level at which its bucket lies in the range as a whole and counts. States: random rows, split into stretches
** anywhere, against one pass over all. Picks: what must stay, and LTTB's where nothing has to give way.
*/
#include "ext/kernel/lttb.h"
#include "ext/kernel/pyramid_pick.h"
#include "ext/kernel/pyramid_plan.h"
#include "ext/kernel/pyramid_state.h"
#include "tests/unit/driver.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Linked with --wrap: the allocation of that number fails, counted from 1. */
static long allocations, failing;
void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
  return ++allocations == failing ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size) {
  return ++allocations == failing ? NULL : __real_realloc(old, size);
}

static int below(int n) {
  return (int)(next() % (uint64_t)n);
}

/* ---- Plans ---- */

enum { TICKS = 1500, LEVELS = 5, OUTSIDE = -1 };

struct world {
  struct pyramid_layer levels[LEVELS + 1];
  int n_levels;
  struct pyramid_range range;
  int lo, hi; /* the first and the last tick that is read, of any width: [lo, hi] */
  int64_t raw_from;
};

static void make_levels(struct world *w) {
  int64_t width = 1 + below(7);
  w->n_levels = 1 + below(LEVELS);
  for (int level = 1; level <= w->n_levels; level++, width *= 2 + below(4)) {
    struct pyramid_layer *layer = &w->levels[level];
    /* Starts of a level are starts of the finer ones. */
    int64_t finer = level > 1 ? w->levels[level - 1].grid.width : 1;
    int64_t phase = level > 1 ? w->levels[level - 1].grid.phase : 0;
    layer->grid = (struct pyramid_grid){width, (phase + finer * below((int)(width / finer))) % width};
    layer->due = (struct pyramid_spans){0};
  }
}

/* What is due in a level is due in the coarser ones. */
static bool make_due(struct world *w) {
  int64_t tail = below(3) ? below(TICKS) - 100 : PYRAMID_MOST;
  for (int level = 1; level <= w->n_levels; level++) {
    struct pyramid_layer *layer = &w->levels[level];
    layer->tail = tail == PYRAMID_MOST ? tail : pyramid_floor(layer->grid, tail);
    for (size_t i = 0; level > 1 && i < w->levels[level - 1].due.n; i++)
      pyramid_spans_add(&layer->due, w->levels[level - 1].due.items[i].from,
                        w->levels[level - 1].due.items[i].to);
    for (int n = below(4) ? below(4) : below(120); n > 0; n--) {
      int from = below(TICKS);
      pyramid_spans_add(&layer->due, from, from + 1 + below(20));
    }
    pyramid_spans_align(&layer->due, layer->grid);
    if (layer->due.failed) return false;
  }
  return true;
}

static void make_range(struct world *w) {
  int lo = below(TICKS), hi = below(TICKS);
  w->range = (struct pyramid_range){.lo_open = below(5) == 0, .hi_open = below(5) == 0, .lo_exact = below(2)};
  if (lo > hi) {
    int swap = lo;
    lo = hi;
    hi = swap;
  }
  /* Not exact: part of the tick before `first` is in the range as well. As hi is, always, of tick `end`. */
  w->range.first = w->range.lo_open ? PYRAMID_LEAST : lo;
  w->range.end = w->range.hi_open ? PYRAMID_MOST : hi;
  w->lo = w->range.lo_open ? 0 : w->range.lo_exact ? lo : lo - 1;
  w->hi = w->range.hi_open ? TICKS - 1 : hi;
  w->raw_from = below(4) ? PYRAMID_LEAST : below(TICKS);
  if (w->lo < 0) w->lo = 0;
}

static bool is_due(const struct pyramid_layer *layer, int64_t start) {
  if (start >= layer->tail) return true;
  for (size_t i = 0; i < layer->due.n; i++)
    if (start >= layer->due.items[i].from && start < layer->due.items[i].to) return true;
  return false;
}

/* The level at which a tick should be read. */
static int right_level(const struct world *w, int tick) {
  for (int level = w->n_levels; level > 0; level--) {
    const struct pyramid_layer *layer = &w->levels[level];
    int64_t start = pyramid_floor(layer->grid, tick);
    bool inside = (w->range.lo_open || start >= w->range.first) &&
                  (w->range.hi_open || start + layer->grid.width <= w->range.end);
    if (inside && !is_due(layer, start)) return level;
  }
  return tick < w->raw_from ? OUTSIDE : 0;
}

static int check_plan(const struct world *w, const struct pyramid_plan *plan) {
  int levels[TICKS];
  for (int tick = 0; tick < TICKS; tick++) levels[tick] = OUTSIDE;
  int64_t at = PYRAMID_LO;
  for (size_t i = 0; i < plan->n; i++) {
    const struct pyramid_piece *piece = &plan->pieces[i];
    if (piece->from < at || piece->from >= piece->to) return printf("pieces out of order\n");
    at = piece->to;
    int64_t from = piece->from == PYRAMID_LO ? w->lo : piece->from;
    int64_t to = piece->to == PYRAMID_HI ? w->hi + 1 : piece->to;
    for (int64_t tick = from < 0 ? 0 : from; tick < to && tick < TICKS; tick++) levels[tick] = piece->level;
  }
  for (int tick = w->lo; tick <= w->hi; tick++)
    if (levels[tick] != right_level(w, tick))
      return printf("tick %d is read at level %d, not %d\n", tick, levels[tick], right_level(w, tick));
  return 0;
}

static int check_plans(void) {
  struct pyramid_plan plan = {0};
  int wrong = 0;
  for (int i = 0; i < 4000 && !wrong; i++) {
    struct world w = {0};
    allocations = 0;
    failing = i % 4 == 3 ? 1 + below(12) : 0;
    make_levels(&w);
    make_range(&w);
    if (make_due(&w)) {
      pyramid_plan_make(&plan, &w.range, w.levels, w.n_levels, w.raw_from);
      if (!plan.failed) wrong = check_plan(&w, &plan);
    }
    for (int level = 1; level <= w.n_levels; level++) pyramid_spans_free(&w.levels[level].due);
    if (plan.failed) pyramid_plan_free(&plan);
  }
  pyramid_plan_free(&plan);
  failing = 0;
  return wrong;
}

/* ---- States ---- */

enum { ROWS = 60 };

static struct pyramid_number random_number(void) {
  const int64_t edges[] = {INT64_MAX, INT64_MIN, INT64_C(1) << 53, (INT64_C(1) << 53) + 1, 0};
  int kind = below(10);
  if (kind == 0) return (struct pyramid_number){.integer = edges[below(5)]};
  if (kind == 1) return (struct pyramid_number){.is_real = true, .real = (double)edges[below(5)]};
  if (kind < 6) return (struct pyramid_number){.integer = below(20) - 10};
  return (struct pyramid_number){.is_real = true, .real = (below(40) - 20) / 2.0};
}

static bool equals(const struct pyramid_number *a, const struct pyramid_number *b) {
  return pyramid_compare(a, b) == 0 && pyramid_compare(b, a) == 0;
}

/* Compared as long doubles, which hold both kinds. */
static int compare_wide(const struct pyramid_number *a, const struct pyramid_number *b) {
  long double left = a->is_real ? (long double)a->real : (long double)a->integer;
  long double right = b->is_real ? (long double)b->real : (long double)b->integer;
  return (left > right) - (left < right);
}

static int check_state(const struct pyramid_number *values, const int *times, int n,
                       const struct pyramid_state *s) {
  struct pyramid_number low = values[0], high = values[0], first = values[0], last = values[n - 1];
  __int128 whole = 0;
  double sum = 0;
  bool real = false;
  for (int i = 0; i < n; i++) {
    if (compare_wide(&values[i], &low) < 0) low = values[i];
    if (compare_wide(&values[i], &high) > 0) high = values[i];
    if (times[i] == times[0] && compare_wide(&values[i], &first) < 0) first = values[i];
    if (times[i] == times[n - 1] && compare_wide(&values[i], &last) > 0) last = values[i];
    real |= values[i].is_real;
    if (!values[i].is_real) whole += values[i].integer;
    sum += pyramid_real(&values[i]);
  }
  if (s->n != n || !equals(&s->min, &low) || !equals(&s->max, &high) || !equals(&s->first, &first) ||
      !equals(&s->last, &last))
    return printf("a state of %d rows is wrong\n", n);
  if (real != s->any_real) return printf("the type of a sum is wrong\n");
  if (!real && !s->overflow && s->sum_integer != (int64_t)whole) return printf("a sum is wrong\n");
  if (!real && (whole > INT64_MAX || whole < INT64_MIN) && !s->overflow)
    return printf("an overflow is missed\n");
  return fabs(s->sum_real - sum) > 1e-6 * (1 + fabs(sum) + 1e19) ? printf("a sum of reals is wrong\n") : 0;
}

static int check_states(void) {
  for (int round = 0; round < 20000; round++) {
    struct pyramid_number values[ROWS];
    int times[ROWS], n = 1 + below(ROWS), time = 0;
    struct pyramid_state all = {0}, stretch = {0};
    for (int i = 0; i < n; i++) {
      bool same = i > 0 && below(3) == 0;
      if (!same) time++;
      /* Stretches differ in their times; some are stored, some are added row by row. */
      if (!same && below(8) == 0) {
        pyramid_state_merge(&all, &stretch);
        stretch = (struct pyramid_state){0};
      }
      values[i] = random_number();
      times[i] = time;
      pyramid_state_add(&stretch, &values[i], same);
    }
    pyramid_state_merge(&all, &stretch);
    if (check_state(values, times, n, &all)) return 1;
  }
  return 0;
}

/* ---- Picks ---- */

struct picked {
  struct pyramid_pick items[200];
  int n;
};

static void keep(void *to, const struct point_value *x, const struct point_value *y) {
  struct picked *picked = to;
  picked->items[picked->n++] = (struct pyramid_pick){*x, *y};
}

static double y_of(const struct pyramid_pick *pick) {
  return pick->y.type == POINT_INTEGER ? (double)pick->y.integer : pick->y.real;
}

static int check_picks_of(const struct points *points, const double *ys, int n, int wanted) {
  struct pyramid_picks picks = {0};
  struct picked lttb = {0};
  double low = ys[0], high = ys[0], got_low = INFINITY, got_high = -INFINITY, lttb_low = INFINITY,
         lttb_high = -INFINITY;
  for (int i = 0; i < n; i++) low = fmin(low, ys[i]), high = fmax(high, ys[i]);
  pyramid_pick(&picks, points, wanted);
  if (picks.failed) {
    pyramid_picks_free(&picks);
    return 0;
  }
  failing = 0;
  lttb_pick(points, wanted, keep, &lttb, NULL);
  int wrong = (int)picks.n != (wanted < n ? wanted : n);
  for (size_t i = 0; i < picks.n; i++) {
    got_low = fmin(got_low, y_of(&picks.items[i]));
    got_high = fmax(got_high, y_of(&picks.items[i]));
    wrong |= i > 0 && picks.items[i].x.integer <= picks.items[i - 1].x.integer;
    wrong |= y_of(&picks.items[i]) != ys[picks.items[i].x.integer];
  }
  for (int i = 0; i < lttb.n; i++) {
    lttb_low = fmin(lttb_low, y_of(&lttb.items[i]));
    lttb_high = fmax(lttb_high, y_of(&lttb.items[i]));
  }
  wrong |= wanted >= 2 && (got_low != low || got_high != high);
  wrong |= wanted >= 4 && (picks.items[0].x.integer != 0 || picks.items[picks.n - 1].x.integer != n - 1);
  wrong |= (wanted == 1 || wanted == 3) && picks.items[0].x.integer != 0;
  if (lttb_low == low && lttb_high == high)
    for (size_t i = 0; i < picks.n; i++) wrong |= picks.items[i].x.integer != lttb.items[i].x.integer;
  pyramid_picks_free(&picks);
  return wrong ? printf("the picks of %d points, %d wanted, are wrong\n", n, wanted) : 0;
}

static int check_picks(void) {
  for (int round = 0; round < 20000; round++) {
    struct points points;
    double ys[200];
    int n = 1 + below(200), flat = below(10) == 0, wanted = below(4) ? below(12) : below(220);
    bool added = true;
    points_init(&points);
    allocations = 0;
    failing = round % 8 == 7 ? 1 + below(4) : 0;
    for (int i = 0; i < n && added; i++) {
      struct point_value x = {.type = POINT_INTEGER, .integer = i},
                         y = {.type = POINT_REAL, .real = flat ? 1 : below(50)};
      if (below(3) == 0) y = (struct point_value){.type = POINT_INTEGER, .integer = (int64_t)y.real};
      ys[i] = y.type == POINT_INTEGER ? (double)y.integer : y.real;
      added = points_add(&points, &x, &y);
    }
    int wrong = added && check_picks_of(&points, ys, n, wanted);
    points_free(&points);
    if (wrong) return 1;
  }
  failing = 0;
  return 0;
}

int main(int argc, char **argv) {
  seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  return check_plans() || check_states() || check_picks();
}
