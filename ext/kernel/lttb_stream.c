/*
** LTTB of points that come by in order of x. A bucket's point is picked when the mean of the next bucket is known: either
** both buckets are kept, or the means are found in a pass of their own.
*/
#include "ext/kernel/lttb_inside.h"
#include <stdlib.h>

bool lttb_stream_open(struct lttb_stream *stream, int64_t count, int64_t n, int64_t kept_most, lttb_emit emit,
                      void *to) {
  *stream = (struct lttb_stream){.count = count, .n = n, .emit = emit, .to = to};
  if (n > 2) {
    stream->every = (double)(count - 2) / (double)(n - 2);
    if (stream->every > (double)(kept_most / 2)) {
      stream->means = calloc((size_t)n, sizeof *stream->means);
      if (!stream->means) return false;
    }
  }
  lttb_stream_begin(stream);
  return true;
}

void lttb_stream_close(struct lttb_stream *stream) {
  points_free(&stream->own);
  points_free(&stream->next);
  free(stream->means);
  *stream = (struct lttb_stream){0};
}

void lttb_stream_begin(struct lttb_stream *stream) {
  points_free(&stream->own);
  points_free(&stream->next);
  stream->seen = 0;
  stream->bucket = -1;
  stream->bucket_start = 0;
  stream->bucket_end = 1;
  stream->sum[0] = stream->sum[1] = 0;
  stream->area = LTTB_NO_AREA;
}

static struct points_place first_place(struct points *points) {
  points_note_used(points);
  return (struct points_place){points->first, 0};
}

static void pick(struct lttb_stream *stream, struct points_place place) {
  struct lttb_corner corner = lttb_corner_at(place.chunk, place.position);
  stream->corner[0] = corner.x;
  stream->corner[1] = corner.y;
  lttb_emit_at(place, stream->emit, stream->to);
}

/* Does a point of the bucket `of` get picked? */
static bool is_own(const struct lttb_stream *stream, int64_t of) {
  return of >= 0 && of < stream->n - 2;
}

/* Two passes: what has come of the bucket goes into its sum, or the best of it is kept. False when out of memory. */
static bool digest(struct lttb_stream *stream) {
  int64_t count = points_count(&stream->next), bucket = stream->bucket;
  struct points_place place = first_place(&stream->next);
  if (count == 0) return true;
  if (!stream->means_known) {
    struct lttb_corner sum = {stream->sum[0], stream->sum[1]};
    lttb_take_sum(&place, count, &sum);
    stream->sum[0] = sum.x;
    stream->sum[1] = sum.y;
  } else if (is_own(stream, bucket)) {
    struct lttb_corner a = {stream->corner[0], stream->corner[1]};
    struct lttb_corner c = {stream->means[bucket + 1][0], stream->means[bucket + 1][1]};
    struct points_place best = lttb_take_largest(&place, count, a, c, &stream->area);
    if (best.chunk) {
      struct point_value x, y;
      points_at(best, &x, &y);
      points_clear(&stream->own);
      if (!points_add(&stream->own, &x, &y)) return false;
    }
  }
  return true;
}

/* The bucket is whole: a point is picked, from it or the one before. */
static void pick_bucket(struct lttb_stream *stream) {
  int64_t bucket = stream->bucket, size = stream->bucket_end - stream->bucket_start;
  if (stream->means && !stream->means_known) {
    if (bucket >= 0 && bucket < stream->n) {
      stream->means[bucket][0] = stream->sum[0] / (double)size;
      stream->means[bucket][1] = stream->sum[1] / (double)size;
    }
    stream->sum[0] = stream->sum[1] = 0;
    return;
  }
  points_note_used(&stream->next);
  if (bucket < 0) {
    if (stream->n > 0) pick(stream, first_place(&stream->next));
  } else if (stream->means) {
    if (is_own(stream, bucket)) pick(stream, first_place(&stream->own));
    stream->area = LTTB_NO_AREA;
  } else if (is_own(stream, bucket - 1)) {
    struct points_place own = first_place(&stream->own), next = first_place(&stream->next);
    struct lttb_corner a = {stream->corner[0], stream->corner[1]}, c = lttb_take_mean(&next, size);
    double area = LTTB_NO_AREA;
    pick(stream, lttb_take_largest(&own, points_count(&stream->own), a, c, &area));
  }
  if (stream->seen == stream->count && stream->n > 1)
    lttb_emit_at(lttb_last_place(&stream->next), stream->emit, stream->to);
}

static void end_bucket(struct lttb_stream *stream) {
  pick_bucket(stream);
  if (!stream->means) {
    struct points full = stream->next;
    stream->next = stream->own;
    stream->own = full;
    points_clear(&stream->next);
    points_follow(&stream->next, &stream->own);
  }
  stream->bucket++;
  stream->bucket_start = stream->bucket_end;
  if (stream->n > 2)
    stream->bucket_end = lttb_bucket_end(stream->every, stream->bucket, stream->count);
  else /* nothing to pick in between: buckets of any size will do */
    stream->bucket_end =
        stream->seen + BATCH_ROWS < stream->count ? stream->seen + BATCH_ROWS : stream->count;
}

enum points_problem lttb_stream_add(struct lttb_stream *stream, const struct batch_column *x,
                                    const struct batch_column *y, int *row, int n) {
  while (*row < n && stream->seen < stream->count) {
    int64_t most = stream->bucket_end - stream->seen, wanted = most;
    enum points_problem problem = points_add_batch(&stream->next, x, y, true, row, n, &most);
    if (problem) return problem;
    stream->seen += wanted - most;
    if (stream->means && !digest(stream)) return POINTS_NO_MEMORY;
    if (most == 0) end_bucket(stream);
    if (stream->means) points_clear(&stream->next);
  }
  return POINTS_FINE;
}

enum lttb_pass lttb_stream_end(struct lttb_stream *stream) {
  if (stream->seen != stream->count || stream->next.unsorted) return LTTB_OUT_OF_ORDER;
  if (!stream->means || stream->means_known) return LTTB_DONE;
  stream->means_known = true;
  return LTTB_ONE_MORE;
}
