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
#include "ext/kernel/lttb.h"
#include <math.h>

#define POINTS_BETWEEN_QUESTIONS 200000 /* about a millisecond */

/* The number of the first point behind bucket i, of `count` points. */
static int64_t bucket_end(double every, int64_t i, int64_t count) {
  int64_t end = (int64_t)floor((double)(i + 1) * every) + 1;
  return end < count ? end : count;
}

/* The point at the place, as doubles. */
struct corner {
  double x, y;
};

static struct corner corner_at(const struct chunk *chunk, size_t position) {
  const uint64_t *words = chunk->words + position;
  uint32_t types = points_types(chunk->kind, words);
  return (struct corner){points_as_real(words[0], types & POINTS_X_REAL),
                         points_as_real(words[1], types & POINTS_Y_REAL)};
}

/* The end of the next `count` points within its chunk, as a position; takes them off `count`. */
static size_t span_end(struct points_place *place, int64_t *count) {
  if (place->position == place->chunk->used) *place = (struct points_place){place->chunk->next, 0};
  size_t width = points_width(place->chunk->kind);
  int64_t here = (int64_t)((place->chunk->used - place->position) / width);
  if (here > *count) here = *count;
  *count -= here;
  return place->position + (size_t)here * width;
}

/* The mean of the next `count` >= 1 points, summed in sequence. */
static struct corner take_mean(struct points_place *place, int64_t count) {
  struct corner sum = {0, 0};
  double divisor = (double)count;
  while (count > 0) {
    size_t end = span_end(place, &count), width = points_width(place->chunk->kind);
    for (size_t p = place->position; p < end; p += width) {
      struct corner point = corner_at(place->chunk, p);
      sum.x += point.x;
      sum.y += point.y;
    }
    place->position = end;
  }
  return (struct corner){sum.x / divisor, sum.y / divisor};
}

/*
** The first of the next `count` >= 1 points whose triangle with a and c is the largest. Areas that are no
** number (coordinates near the largest doubles) never win, and if all are so, the first point does.
*/
static struct points_place take_largest(struct points_place *place, int64_t count, struct corner a,
                                        struct corner c) {
  struct points_place best = {NULL, 0};
  double best_area = -1;
  while (count > 0) {
    size_t end = span_end(place, &count), width = points_width(place->chunk->kind);
    if (!best.chunk) best = *place;
    for (size_t p = place->position; p < end; p += width) {
      struct corner b = corner_at(place->chunk, p);
      double area = fabs((a.x - c.x) * (b.y - a.y) - (a.x - b.x) * (c.y - a.y)) * 0.5;
      if (area > best_area) {
        best_area = area;
        best = (struct points_place){place->chunk, p};
      }
    }
    place->position = end;
  }
  return best;
}

static void emit_at(struct points_place place, lttb_emit emit, void *to) {
  struct point_value x, y;
  points_at(place, &x, &y);
  emit(to, &x, &y);
}

static bool emit_all(const struct points *points, lttb_emit emit, void *to, const struct go_on *go_on) {
  for (const struct chunk *c = points->first; c; c = c->next) {
    if (!go_on_asked(go_on)) return false;
    for (size_t p = 0; p < c->used; p += points_width(c->kind))
      emit_at((struct points_place){c, p}, emit, to);
  }
  return true;
}

static struct points_place last_place(const struct points *points) {
  return (struct points_place){points->last, points->last->used - points_width(points->last->kind)};
}

bool lttb_pick(const struct points *points, int64_t n, lttb_emit emit, void *to, const struct go_on *go_on) {
  int64_t count = points_count(points), quiet = 0;
  if (n >= count) return emit_all(points, emit, to, go_on);
  if (n == 0) return true;
  emit_at((struct points_place){points->first, 0}, emit, to);
  if (n == 1) return true;
  struct points_place own = {points->first, points_width(points->first->kind)}, next = own;
  struct corner a = corner_at(points->first, 0);
  double every = n > 2 ? (double)(count - 2) / (double)(n - 2) : 0;
  int64_t from = 1, end = n > 2 ? bucket_end(every, 0, count) : 1;
  if (n > 2) take_mean(&next, end - from); /* only to pass the first bucket by */
  for (int64_t i = 0; i < n - 2; i++) {
    int64_t end_of_next = bucket_end(every, i + 1, count);
    struct corner c = take_mean(&next, end_of_next - end);
    struct points_place best = take_largest(&own, end - from, a, c);
    a = corner_at(best.chunk, best.position);
    emit_at(best, emit, to);
    quiet += end - from;
    if (quiet > POINTS_BETWEEN_QUESTIONS) {
      if (!go_on_asked(go_on)) return false;
      quiet = 0;
    }
    from = end;
    end = end_of_next;
  }
  emit_at(last_place(points), emit, to);
  return true;
}

/* ---- The same as a stream ---- */

void lttb_stream_open(struct lttb_stream *stream, int64_t count, int64_t n, lttb_emit emit, void *to) {
  *stream =
      (struct lttb_stream){.count = count, .n = n, .bucket = -1, .bucket_end = 1, .emit = emit, .to = to};
  if (n > 2) stream->every = (double)(count - 2) / (double)(n - 2);
  points_init(&stream->own);
  points_init(&stream->next);
}

void lttb_stream_close(struct lttb_stream *stream) {
  points_free(&stream->own);
  points_free(&stream->next);
}

static void pick(struct lttb_stream *stream, struct points_place place) {
  struct corner corner = corner_at(place.chunk, place.position);
  stream->corner[0] = corner.x;
  stream->corner[1] = corner.y;
  emit_at(place, stream->emit, stream->to);
}

/* `next` is full: with its mean a point of `own` is picked, and it becomes `own` itself. */
static void end_bucket(struct lttb_stream *stream) {
  points_note_used(&stream->next);
  if (stream->bucket < 0) {
    if (stream->n > 0) pick(stream, (struct points_place){stream->next.first, 0});
  } else if (stream->bucket > 0 && stream->bucket <= stream->n - 2) {
    struct points_place own = {stream->own.first, 0}, next = {stream->next.first, 0};
    struct corner a = {stream->corner[0], stream->corner[1]};
    struct corner c = take_mean(&next, points_count(&stream->next));
    pick(stream, take_largest(&own, points_count(&stream->own), a, c));
  }
  if (stream->seen == stream->count && stream->n > 1)
    emit_at(last_place(&stream->next), stream->emit, stream->to);
  struct points full = stream->next;
  stream->next = stream->own;
  stream->own = full;
  points_clear(&stream->next);
  points_follow(&stream->next, &stream->own);
  stream->bucket++;
  if (stream->n > 2)
    stream->bucket_end = bucket_end(stream->every, stream->bucket, stream->count);
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
    if (most == 0) end_bucket(stream);
  }
  return POINTS_FINE;
}

bool lttb_stream_done(const struct lttb_stream *stream) {
  return stream->seen == stream->count && !stream->next.unsorted;
}
