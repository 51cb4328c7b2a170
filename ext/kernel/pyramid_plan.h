/*
** Where to read a range of time in a pyramid: an ordered list of pieces of its levels that make up the range exactly,
** although some buckets of some levels are not to be trusted. Plain C: no SQLite here.
**
** Times are ticks: whole numbers in the unit of the column, for text seconds. Level 0 is the raw rows, level 1 the
** finest. A level's buckets are [b, b + width), b = phase + k * width; the widths of finer levels divide those of
** coarser ones, so that every start of a coarse bucket starts a finer one.
*/
#ifndef ALMANAC_PYRAMID_PLAN_H
#define ALMANAC_PYRAMID_PLAN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends of the range, instead of ticks: what the reader gave, inclusive, or none. */
#define PYRAMID_LO INT64_MIN
#define PYRAMID_HI INT64_MAX

/* No times are below and above these. */
#define PYRAMID_LEAST (-INT64_C(9000000000000000000))
#define PYRAMID_MOST  INT64_C(9000000000000000000)

struct pyramid_grid {
  int64_t width, phase; /* 0 <= phase < width */
};

/* The start of the bucket that holds `tick`, and the first start not below it. */
int64_t pyramid_floor(struct pyramid_grid grid, int64_t tick);
int64_t pyramid_ceil(struct pyramid_grid grid, int64_t tick);

/* Intervals [from, to) of ticks. All zero: none. Errors stick: add everything, then look at `failed`. */
struct pyramid_spans {
  struct pyramid_span {
    int64_t from, to;
  } * items;
  size_t n, capacity;
  bool failed; /* out of memory */
};

void pyramid_spans_add(struct pyramid_spans *spans, int64_t from, int64_t to);
/* Widens each span to whole buckets, then sorts and merges them. */
void pyramid_spans_align(struct pyramid_spans *spans, struct pyramid_grid grid);
void pyramid_spans_free(struct pyramid_spans *spans); /* leaves it empty */

struct pyramid_layer {
  struct pyramid_grid grid;
  int64_t tail;             /* buckets from here on don't count: a bucket's start, or PYRAMID_MOST */
  struct pyramid_spans due; /* buckets that don't count, aligned */
};

struct pyramid_range {
  int64_t first;         /* the first tick that is in the range as a whole; with lo_open meaningless */
  int64_t end;           /* the last tick below which all is in the range; with hi_open meaningless */
  bool lo_open, hi_open; /* there is no such end */
  bool lo_exact;         /* nothing of the range is below `first` */
};

/* Rows of a level with from <= time < to; PYRAMID_LO: from the range's begin on; PYRAMID_HI: up to its end. */
struct pyramid_piece {
  int level;
  int64_t from, to;
};

struct pyramid_plan {
  struct pyramid_piece *pieces; /* in order of time */
  size_t n, capacity;
  bool failed; /* out of memory */
};

/*
** What to read of levels[0 .. level], of which levels[0] is not looked at, since raw rows always count; rows before
** `raw_from` are none, though. Each piece is as coarse as can be.
*/
void pyramid_plan_make(struct pyramid_plan *plan, const struct pyramid_range *range,
                       const struct pyramid_layer *levels, int level, int64_t raw_from);
/* The same of the time [from, to), both starts of buckets of that level. */
void pyramid_plan_between(struct pyramid_plan *plan, int64_t from, int64_t to,
                          const struct pyramid_layer *levels, int level, int64_t raw_from);
void pyramid_plan_free(struct pyramid_plan *plan); /* leaves it empty */

#endif
