/*
** Largest Triangle Three Buckets: n of N points that look like all of them. See lttb.c for the algorithm.
** Plain C: no SQLite here.
*/
#ifndef ALMANAC_LTTB_H
#define ALMANAC_LTTB_H
#include "ext/kernel/points.h"

typedef void (*lttb_emit)(void *to, const struct point_value *x, const struct point_value *y);

/*
** Picks at most n >= 0 of the points, which are in order of x, and calls `emit(to, x, y)` for each, from left to
** right. False when told to stop.
*/
bool lttb_pick(const struct points *points, int64_t n, lttb_emit emit, void *to, const struct go_on *go_on);

/*
** The same where `count` points, n < count, come in batches and in order of x: of all of them only those of two
** buckets are kept at a time. A stream that is not open is all zero.
*/
struct lttb_stream {
  int64_t count, n;
  double every;            /* points in a bucket */
  int64_t seen;            /* points that have come */
  int64_t bucket;          /* the one that comes now; the first point comes before bucket 0 */
  int64_t bucket_end;      /* the number of the first point behind it */
  double corner[2];        /* the point picked last */
  struct points own, next; /* the bucket before, and the one that comes now */
  lttb_emit emit;
  void *to;
};

void lttb_stream_open(struct lttb_stream *stream, int64_t count, int64_t n, lttb_emit emit, void *to);
void lttb_stream_close(struct lttb_stream *stream);
/* Takes the rows of a batch, as points_add_batch does. Points beyond `count` are passed by. */
enum points_problem lttb_stream_add(struct lttb_stream *stream, const struct batch_column *x,
                                    const struct batch_column *y, int *row, int n);

/* Have all points come, and in order? */
bool lttb_stream_done(const struct lttb_stream *stream);

#endif
