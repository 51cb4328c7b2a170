/*
** Largest Triangle Three Buckets.
**
** Source: Sveinn Steinarsson, "Downsampling Time Series for Visual Representation", MSc thesis, University
** of Iceland, 2013, with the arithmetic of its reference implementation, so that the same points are
** picked, to the bit: every = (N - 2) / (n - 2) as a double; bucket i holds [floor(i*every)+1,
** floor((i+1)*every)+1); the third corner of the triangle is the mean of the next bucket, cut off at N, its
** coordinates summed in sequence; the first largest area wins. Coordinates are doubles in all of it
** (integers beyond 2^53 are rounded here, and come out as they went in).
*/
#include "ext/kernel/lttb_inside.h"

#define POINTS_BETWEEN_QUESTIONS 200000 /* about a millisecond */

static bool emit_all(const struct points *points, lttb_emit emit, void *to, const struct go_on *go_on) {
  for (const struct chunk *c = points->first; c; c = c->next) {
    if (!go_on_asked(go_on)) return false;
    for (size_t p = 0; p < c->used; p += points_width(c->kind))
      lttb_emit_at((struct points_place){c, p}, emit, to);
  }
  return true;
}

bool lttb_pick(const struct points *points, int64_t n, lttb_emit emit, void *to, const struct go_on *go_on) {
  int64_t count = points_count(points), quiet = 0;
  if (n >= count) return emit_all(points, emit, to, go_on);
  if (n == 0) return true;
  lttb_emit_at((struct points_place){points->first, 0}, emit, to);
  if (n == 1) return true;
  struct points_place own = {points->first, points_width(points->first->kind)}, next = own;
  struct lttb_corner a = lttb_corner_at(points->first, 0);
  double every = n > 2 ? (double)(count - 2) / (double)(n - 2) : 0;
  int64_t from = 1, end = n > 2 ? lttb_bucket_end(every, 0, count) : 1;
  if (n > 2) lttb_take_mean(&next, end - from); /* only to pass the first bucket by */
  for (int64_t i = 0; i < n - 2; i++) {
    int64_t end_of_next = lttb_bucket_end(every, i + 1, count);
    struct lttb_corner c = lttb_take_mean(&next, end_of_next - end);
    double area = LTTB_NO_AREA;
    struct points_place best = lttb_take_largest(&own, end - from, a, c, &area);
    a = lttb_corner_at(best.chunk, best.position);
    lttb_emit_at(best, emit, to);
    quiet += end - from;
    if (quiet > POINTS_BETWEEN_QUESTIONS) {
      if (!go_on_asked(go_on)) return false;
      quiet = 0;
    }
    from = end;
    end = end_of_next;
  }
  lttb_emit_at(lttb_last_place(points), emit, to);
  return true;
}
