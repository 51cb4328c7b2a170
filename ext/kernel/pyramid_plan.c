/*
** From the coarsest level down: of a range its whole buckets that count are read there; what is left, the two ends,
** the buckets that don't count and the tail, is read one level finer, and so on down to raw rows.
*/
#include "ext/kernel/pyramid_plan.h"
#include "ext/kernel/time_text.h"
#include <stdlib.h>

int64_t pyramid_floor(struct pyramid_grid grid, int64_t tick) {
  if (tick < PYRAMID_LEAST) tick = PYRAMID_LEAST;
  if (tick > PYRAMID_MOST) tick = PYRAMID_MOST;
  return tick - time_floor_mod(tick - grid.phase, grid.width);
}

int64_t pyramid_ceil(struct pyramid_grid grid, int64_t tick) {
  int64_t start = pyramid_floor(grid, tick);
  return start < tick ? start + grid.width : start;
}

/* ---- Spans ---- */

void pyramid_spans_add(struct pyramid_spans *spans, int64_t from, int64_t to) {
  if (spans->failed || from >= to) return;
  if (spans->n == spans->capacity) {
    size_t capacity = spans->capacity ? spans->capacity * 2 : 64;
    struct pyramid_span *items = realloc(spans->items, capacity * sizeof *items);
    if (!items) {
      spans->failed = true;
      return;
    }
    spans->items = items;
    spans->capacity = capacity;
  }
  spans->items[spans->n++] = (struct pyramid_span){from, to};
}

static int by_from(const void *a, const void *b) {
  const struct pyramid_span *left = a, *right = b;
  return (left->from > right->from) - (left->from < right->from);
}

void pyramid_spans_align(struct pyramid_spans *spans, struct pyramid_grid grid) {
  size_t kept = 0;
  for (size_t i = 0; i < spans->n; i++) {
    spans->items[i].from = pyramid_floor(grid, spans->items[i].from);
    spans->items[i].to = pyramid_ceil(grid, spans->items[i].to);
  }
  if (spans->n) qsort(spans->items, spans->n, sizeof *spans->items, by_from);
  for (size_t i = 0; i < spans->n; i++) {
    struct pyramid_span span = spans->items[i];
    if (!kept || span.from > spans->items[kept - 1].to)
      spans->items[kept++] = span;
    else if (span.to > spans->items[kept - 1].to)
      spans->items[kept - 1].to = span.to;
  }
  spans->n = kept;
}

void pyramid_spans_free(struct pyramid_spans *spans) {
  free(spans->items);
  *spans = (struct pyramid_spans){0};
}

/* ---- The plan ---- */

struct planner {
  struct pyramid_plan *plan;
  const struct pyramid_range *range;
  const struct pyramid_layer *levels;
  int64_t raw_from;
};

static void add_piece(struct pyramid_plan *plan, int level, int64_t from, int64_t to) {
  if (plan->failed || from >= to) return;
  struct pyramid_piece *last = plan->n ? &plan->pieces[plan->n - 1] : NULL;
  if (last && last->level == level && last->to == from) {
    last->to = to;
    return;
  }
  if (plan->n == plan->capacity) {
    size_t capacity = plan->capacity ? plan->capacity * 2 : 32;
    struct pyramid_piece *pieces = realloc(plan->pieces, capacity * sizeof *pieces);
    if (!pieces) {
      plan->failed = true;
      return;
    }
    plan->pieces = pieces;
    plan->capacity = capacity;
  }
  plan->pieces[plan->n++] = (struct pyramid_piece){level, from, to};
}

static void add_raw(struct planner *p, int64_t from, int64_t to) {
  const struct pyramid_range *range = p->range;
  int64_t begin = from;
  if (from == PYRAMID_LO) begin = range->lo_open ? PYRAMID_LEAST : range->first - !range->lo_exact;
  bool before = begin < p->raw_from;
  add_piece(p->plan, 0, before ? p->raw_from : from, to);
}

static void descend(struct planner *p, int level, int64_t from, int64_t to);

/* The buckets [from, to) of a level, both starts of buckets or the open ends. */
static void add_buckets(struct planner *p, int level, int64_t from, int64_t to) {
  const struct pyramid_spans *due = &p->levels[level].due;
  int64_t at = from;
  for (size_t i = 0; i < due->n && at < to; i++) {
    int64_t due_from = due->items[i].from, due_to = due->items[i].to;
    if (due_to <= at) continue;
    if (due_from >= to) break;
    if (due_from > at) {
      add_piece(p->plan, level, at, due_from);
      at = due_from;
    }
    if (due_to > to) due_to = to;
    descend(p, level - 1, at, due_to);
    at = due_to;
  }
  add_piece(p->plan, level, at, to);
}

/* [from, to) by this level and finer ones: ends of the range, or starts of buckets of this level. */
static void descend(struct planner *p, int level, int64_t from, int64_t to) {
  const struct pyramid_range *range = p->range;
  if (level == 0) {
    add_raw(p, from, to);
    return;
  }
  const struct pyramid_layer *layer = &p->levels[level];
  int64_t inner = from, outer = to;
  if (from == PYRAMID_LO && !range->lo_open) inner = pyramid_ceil(layer->grid, range->first);
  if (to == PYRAMID_HI && !range->hi_open) outer = pyramid_floor(layer->grid, range->end);
  if (outer > layer->tail) outer = layer->tail;
  if (inner >= outer) {
    descend(p, level - 1, from, to);
    return;
  }
  bool begins_here = from != PYRAMID_LO || range->lo_open || (range->lo_exact && inner == range->first);
  if (!begins_here) descend(p, level - 1, from, inner);
  add_buckets(p, level, inner, outer);
  if (outer != to) descend(p, level - 1, outer, to);
}

void pyramid_plan_make(struct pyramid_plan *plan, const struct pyramid_range *range,
                       const struct pyramid_layer *levels, int level, int64_t raw_from) {
  struct planner p = {plan, range, levels, raw_from};
  plan->n = 0;
  descend(&p, level, PYRAMID_LO, PYRAMID_HI);
}

void pyramid_plan_between(struct pyramid_plan *plan, int64_t from, int64_t to,
                          const struct pyramid_layer *levels, int level, int64_t raw_from) {
  struct pyramid_range none = {0};
  struct planner p = {plan, &none, levels, raw_from};
  plan->n = 0;
  descend(&p, level, from, to);
}

void pyramid_plan_free(struct pyramid_plan *plan) {
  free(plan->pieces);
  *plan = (struct pyramid_plan){0};
}
