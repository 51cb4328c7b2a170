/* The steps of LTTB, of which lttb_pick and the stream are made; see lttb.c for their formulas. */
#ifndef ALMANAC_LTTB_INSIDE_H
#define ALMANAC_LTTB_INSIDE_H
#include "ext/kernel/lttb.h"
#include <math.h>

#define LTTB_NO_AREA   (-1.0) /* of no point so far */
#define LTTB_NO_NUMBER (-0.5) /* of points whose areas are no numbers */

/* The number of the first point behind bucket i, of `count` points. */
static inline int64_t lttb_bucket_end(double every, int64_t i, int64_t count) {
  int64_t end = (int64_t)floor((double)(i + 1) * every) + 1;
  return end < count ? end : count;
}

/* The point at the place, as doubles. */
struct lttb_corner {
  double x, y;
};

static inline struct lttb_corner lttb_corner_at(const struct chunk *chunk, size_t position) {
  const uint64_t *words = chunk->words + position;
  uint32_t types = points_types(chunk->kind, words);
  return (struct lttb_corner){points_as_real(words[0], types & POINTS_X_REAL),
                              points_as_real(words[1], types & POINTS_Y_REAL)};
}

/* The end of the next `count` points within its chunk, as a position; takes them off `count`. */
static inline size_t lttb_span_end(struct points_place *place, int64_t *count) {
  if (place->position == place->chunk->used) *place = (struct points_place){place->chunk->next, 0};
  size_t width = points_width(place->chunk->kind);
  int64_t here = (int64_t)((place->chunk->used - place->position) / width);
  if (here > *count) here = *count;
  *count -= here;
  return place->position + (size_t)here * width;
}

/* Adds the next `count` points to the sum, in sequence. */
static inline void lttb_take_sum(struct points_place *place, int64_t count, struct lttb_corner *sum) {
  while (count > 0) {
    size_t end = lttb_span_end(place, &count), width = points_width(place->chunk->kind);
    for (size_t p = place->position; p < end; p += width) {
      struct lttb_corner point = lttb_corner_at(place->chunk, p);
      sum->x += point.x;
      sum->y += point.y;
    }
    place->position = end;
  }
}

/* The mean of the next `count` >= 1 points. */
static inline struct lttb_corner lttb_take_mean(struct points_place *place, int64_t count) {
  struct lttb_corner sum = {0, 0};
  lttb_take_sum(place, count, &sum);
  return (struct lttb_corner){sum.x / (double)count, sum.y / (double)count};
}

/*
** The first of the next `count` >= 1 points whose triangle with a and c is larger than *area, which becomes its area; no
** chunk if there is none. From LTTB_NO_AREA on the first point is taken where no area is a number (coordinates near
** the largest doubles); any number is larger then.
*/
static inline struct points_place lttb_take_largest(struct points_place *place, int64_t count,
                                                    struct lttb_corner a, struct lttb_corner c,
                                                    double *area) {
  struct points_place best = {NULL, 0};
  double largest = *area;
  while (count > 0) {
    size_t end = lttb_span_end(place, &count), width = points_width(place->chunk->kind);
    if (!best.chunk && largest == LTTB_NO_AREA) best = *place;
    for (size_t p = place->position; p < end; p += width) {
      struct lttb_corner b = lttb_corner_at(place->chunk, p);
      double b_area = fabs((a.x - c.x) * (b.y - a.y) - (a.x - b.x) * (c.y - a.y)) * 0.5;
      if (b_area > largest) {
        largest = b_area;
        best = (struct points_place){place->chunk, p};
      }
    }
    place->position = end;
  }
  *area = largest == LTTB_NO_AREA ? LTTB_NO_NUMBER : largest;
  return best;
}

static inline void lttb_emit_at(struct points_place place, lttb_emit emit, void *to) {
  struct point_value x, y;
  points_at(place, &x, &y);
  emit(to, &x, &y);
}

static inline struct points_place lttb_last_place(const struct points *points) {
  return (struct points_place){points->last, points->last->used - points_width(points->last->kind)};
}

#endif
