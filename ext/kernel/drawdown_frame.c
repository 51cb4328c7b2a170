/*
** The queue of drawdown.c with a ring of peaks beside it: values lower than a later one can't be the frame's highest
** any more and go, so the oldest that is left is the highest. (The queue has the highest as a double; as a result it
** must come out as it went in, all 64 bits of an integer.) Source of the ring: the "monotonic queue", folklore.
*/
#include "ext/kernel/drawdown_frame.h"
#include "ext/kernel/number.h"
#include <stdlib.h>

#define PEAKS_FIRST 64 /* a power of 2, so that % of the capacity is cheap and never wraps wrongly */

void drawdown_frame_open(struct drawdown_frame *frame, int64_t rows_most) {
  *frame = (struct drawdown_frame){.rows_most = rows_most};
  drawdown_init(&frame->queue, DRAWDOWN_RATIO);
}

void drawdown_frame_close(struct drawdown_frame *frame) {
  drawdown_free(&frame->queue);
  free(frame->peaks);
  *frame = (struct drawdown_frame){0};
}

static struct drawdown_peak *peak_at(const struct drawdown_frame *frame, size_t i) {
  return &frame->peaks[(frame->first + i) & (frame->capacity - 1)];
}

static int compare(const struct drawdown_peak *a, const struct drawdown_peak *b) {
  if (a->is_real && b->is_real) return (a->real > b->real) - (a->real < b->real);
  if (a->is_real) return -compare_integer_real(b->integer, a->real);
  if (b->is_real) return compare_integer_real(a->integer, b->real);
  return (a->integer > b->integer) - (a->integer < b->integer);
}

/* Twice the room; the ring begins anew at its start. */
static bool grow(struct drawdown_frame *frame) {
  size_t capacity = frame->capacity ? frame->capacity * 2 : PEAKS_FIRST;
  if (capacity > SIZE_MAX / sizeof *frame->peaks) return false;
  struct drawdown_peak *peaks = malloc(capacity * sizeof *peaks);
  if (!peaks) return false;
  for (size_t i = 0; i < frame->count; i++) peaks[i] = *peak_at(frame, i);
  free(frame->peaks);
  frame->peaks = peaks;
  frame->capacity = capacity;
  frame->first = 0;
  return true;
}

bool drawdown_frame_add(struct drawdown_frame *frame, const struct point_value *value) {
  struct drawdown_peak newest = {.row = frame->rows, .is_real = value->type != POINT_INTEGER};
  newest.integer = value->integer; /* or the bits of the real */
  while (frame->count && compare(peak_at(frame, frame->count - 1), &newest) <= 0) frame->count--;
  if (frame->count && peak_at(frame, 0)->row <= frame->rows - frame->rows_most) {
    frame->first++;
    frame->count--;
  }
  if (frame->count == frame->capacity && !grow(frame)) return false;
  frame->count++;
  *peak_at(frame, frame->count - 1) = newest;
  if (frame->rows >= frame->rows_most) drawdown_pop(&frame->queue);
  frame->rows++;
  return drawdown_push(&frame->queue, newest.is_real ? newest.real : (double)newest.integer) == 0;
}

struct point_value drawdown_frame_peak(const struct drawdown_frame *frame) {
  const struct drawdown_peak *peak = peak_at(frame, 0);
  struct point_value value = {.type = peak->is_real ? POINT_REAL : POINT_INTEGER};
  value.integer = peak->integer;
  return value;
}
