/*
** The drawdown kernel alone: against all pairs on random pushes and pops, its memory over ten million values, and
** what it does when there is no memory. `drawdown SEED`; prints what is wrong and ends with 1.
*/
#include "tests/unit/driver.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void *limited_realloc(void *old, size_t size);
#define realloc limited_realloc
#include "ext/kernel/drawdown.c"
#undef realloc

enum { LONGEST = 600 };

static size_t largest, limit = SIZE_MAX; /* bytes: the largest request so far; what is refused */

static void *limited_realloc(void *old, size_t size) {
  if (size > limit) return 0;
  if (size > largest) largest = size;
  return realloc(old, size);
}

static double uniform(void) {
  return (double)(next() >> 11) * 0x1p-53;
}

static double shape(int kind, int64_t i, double last) {
  switch (kind) {
  case 0:
    return fabs(last + uniform() - 0.5); /* a walk */
  case 1:
    return (double)(next() % 7); /* ties, zeros */
  case 2:
    return 1e9 - (double)i; /* a fall */
  case 3:
    return (double)i; /* a climb */
  case 4:
    return i % 2 ? (double)i : 1e6 / (double)(i + 1); /* drops that get deeper */
  case 5:
    return i % 2 ? 1e6 : 1e6 - 1e7 / (double)(i + 11); /* drops that get shallower */
  default:
    return uniform() - (next() % 50 == 0); /* a negative now and then */
  }
}

static int wrong(const char *what, int kind, int64_t i, double got, double expected) {
  printf("%s: kind %d, step %lld: %.17g, not %.17g\n", what, kind, (long long)i, got, expected);
  return 1;
}

/* Asks both questions and compares with all pairs of `window`. */
static int check(const drawdown_queue *queue, const double *window, int n, int kind, int64_t step) {
  double deepest = 0, newest = 0, got;
  int negative = 0;
  for (int j = 0; j < n; j++) {
    if (window[j] < 0) negative = 1;
    for (int i = 0; i < j; i++) {
      if (window[j] >= window[i]) continue;
      double d = queue->mode == DRAWDOWN_RATIO ? window[j] / window[i] - 1 : window[j] - window[i];
      if (d < deepest) deepest = d;
      if (j == n - 1 && d < newest) newest = d;
    }
  }
  drawdown_answer expected = n == 0                                      ? DRAWDOWN_EMPTY
                             : negative && queue->mode == DRAWDOWN_RATIO ? DRAWDOWN_UNDEFINED
                                                                         : DRAWDOWN_FOUND;
  drawdown_answer answer = drawdown_deepest(queue, &got);
  if (answer != expected) return wrong("answer", kind, step, answer, expected);
  if (answer == DRAWDOWN_FOUND && got != deepest) return wrong("deepest", kind, step, got, deepest);
  answer = drawdown_newest(queue, &got);
  if (answer != expected) return wrong("answer", kind, step, answer, expected);
  if (answer == DRAWDOWN_FOUND && got != newest) return wrong("newest", kind, step, got, newest);
  return 0;
}

static int random_steps(int kind, drawdown_mode mode) {
  double window[LONGEST], value = 10;
  int n = 0, bad = 0;
  drawdown_queue queue;
  drawdown_init(&queue, mode);
  for (int64_t i = 0; i < 6000 && !bad; i++) {
    int aim = (int)(next() % LONGEST); /* drift to long windows and to short ones */
    if (n < LONGEST && (n == 0 || n < aim)) {
      value = shape(kind, i, value);
      window[n++] = value;
      bad = drawdown_push(&queue, value) ? wrong("no memory", kind, i, 0, 0) : 0;
    } else {
      for (int k = 1; k < n; k++) window[k - 1] = window[k];
      n--;
      drawdown_pop(&queue);
    }
    if (!bad && (i % 8 == 0 || n < 4)) bad = check(&queue, window, n, kind, i);
  }
  for (; n >= 0; n--) drawdown_pop(&queue); /* one more than there are */
  if (!bad) bad = check(&queue, window, 0, kind, -1);
  drawdown_free(&queue);
  return bad;
}

/* Ten million values, then all of them go: the memory that takes, in bytes, or -1 if the answer is wrong. */
static double memory_of(int kind) {
  const int64_t n = 10000000;
  double value = 100000, highest = -1, deepest = 0, got;
  drawdown_queue queue;
  drawdown_init(&queue, DRAWDOWN_RATIO);
  largest = 0;
  for (int64_t i = 0; i < n; i++) {
    value = shape(kind, i, value);
    if (drawdown_push(&queue, value)) return -1;
    if (value > highest) highest = value;
    if (value / highest - 1 < deepest) deepest = value / highest - 1;
  }
  int right = drawdown_deepest(&queue, &got) == DRAWDOWN_FOUND && got == deepest;
  for (int64_t i = 1; i < n; i++) drawdown_pop(&queue);
  right = right && drawdown_deepest(&queue, &got) == DRAWDOWN_FOUND && got == 0;
  drawdown_pop(&queue);
  right = right && drawdown_deepest(&queue, &got) == DRAWDOWN_EMPTY;
  drawdown_free(&queue);
  return right ? (double)largest : -1;
}

static int no_memory(void) {
  drawdown_queue queue;
  drawdown_init(&queue, DRAWDOWN_ABSOLUTE);
  limit = 100 * sizeof(drawdown_run);
  int64_t pushed = 0;
  while (pushed < 1000 && drawdown_push(&queue, -(double)pushed) == 0) pushed++;
  double got;
  if (pushed >= 1000) return wrong("limit", 2, pushed, 0, 0);
  if (drawdown_deepest(&queue, &got) != DRAWDOWN_FOUND || got != -(double)(pushed - 1))
    return wrong("after a failed push", 2, pushed, got, -(double)(pushed - 1));
  while (pushed-- > 0) drawdown_pop(&queue); /* still whole */
  if (drawdown_deepest(&queue, &got) != DRAWDOWN_EMPTY) return wrong("not empty", 2, 0, got, 0);
  drawdown_free(&queue);
  limit = SIZE_MAX;
  return 0;
}

int main(int argc, char **argv) {
  seed = argc > 1 ? strtoull(argv[1], 0, 10) : 1;
  int bad = no_memory();
  for (int kind = 0; kind <= 6; kind++)
    bad |= random_steps(kind, DRAWDOWN_RATIO) | random_steps(kind, DRAWDOWN_ABSOLUTE);
  for (int kind = 0; kind <= 4; kind++) printf("bytes %d %.0f\n", kind, memory_of(kind));
  return bad;
}
