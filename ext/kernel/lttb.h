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
** The same where `count` points, n < count, come in batches and in order of x, as often as asked for. Where two buckets
** hold at most `kept_most` points, they are kept: one pass. Else nothing but the buckets' means is: two passes. A
** stream that is not open is all zero.
*/
struct lttb_stream {
  int64_t count, n;
  double every; /* points in a bucket */
  lttb_emit emit;
  void *to;
  double (*means)[2]; /* of each bucket; NULL: buckets are kept */
  bool means_known;   /* the first of two passes is done */
  /* Of a pass: */
  int64_t seen;            /* points that have come */
  int64_t bucket;          /* the one that comes now; the first point comes before bucket 0 */
  int64_t bucket_start;    /* the number of its first point */
  int64_t bucket_end;      /* and of the first one behind it */
  double corner[2];        /* the point picked last */
  double sum[2];           /* of the bucket so far */
  double area;             /* the largest of the bucket so far, of the point that is alone in `own` */
  struct points own, next; /* the bucket before (or that point), and what of this one has come and is kept */
};

/* False when out of memory. */
bool lttb_stream_open(struct lttb_stream *stream, int64_t count, int64_t n, int64_t kept_most, lttb_emit emit,
                      void *to);
void lttb_stream_close(struct lttb_stream *stream);

/* Begins the pass, or begins it again: what has been emitted is void. */
void lttb_stream_begin(struct lttb_stream *stream);

/* Takes the rows of a batch, as points_add_batch does. Points beyond `count` are passed by. */
enum points_problem lttb_stream_add(struct lttb_stream *stream, const struct batch_column *x,
                                    const struct batch_column *y, int *row, int n);

/* At a pass's end. Were they not `count` points in order, as must be, or is one more pass to come? */
enum lttb_pass { LTTB_DONE, LTTB_ONE_MORE, LTTB_OUT_OF_ORDER };
enum lttb_pass lttb_stream_end(struct lttb_stream *stream);

#endif
