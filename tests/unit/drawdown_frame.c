/*
** The frame of drawdown_scan without SQLite: against all values of each frame, and what it does when there is no
** memory. `drawdown_frame SEED`; prints what is wrong and ends with 1. Built with -Wl,--wrap for what allocates.
*/
#include "ext/kernel/drawdown_frame.h"
#include "ext/kernel/number.h"
#include "tests/unit/driver.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 900 };

static long allocations, fails_at = -1;

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size) {
  return allocations++ == fails_at ? NULL : __real_malloc(size);
}
void *__wrap_realloc(void *old, size_t size) {
  return allocations++ == fails_at ? NULL : __real_realloc(old, size);
}

static struct point_value some_value(int kind, int64_t i) {
  struct point_value value = {.type = next() % 2 ? POINT_REAL : POINT_INTEGER};
  int64_t number = kind == 0 ? (int64_t)(next() % 9) : kind == 1 ? 5000 - i : i;
  if (kind == 3) number = ((int64_t)1 << 53) + (int64_t)(next() % 5);
  if (value.type == POINT_REAL)
    value.real = kind == 0 ? (double)number / 2 : (double)number;
  else
    value.integer = number;
  return value;
}

/* Exactly, in 80 bits. */
static long double exact(const struct point_value *value) {
  return value->type == POINT_REAL ? value->real : (long double)value->integer;
}

static int wrong(const char *what, int kind, int64_t frame_rows) {
  printf("%s: kind %d, frames of %lld\n", what, kind, (long long)frame_rows);
  return 1;
}

/* False when out of memory. */
static bool slide(int kind, int64_t frame_rows, bool *right) {
  static struct point_value values[ROWS];
  struct drawdown_frame frame;
  bool memory = true;
  drawdown_frame_open(&frame, frame_rows);
  *right = true;
  for (int64_t i = 0; i < ROWS && memory && *right; i++) {
    values[i] = some_value(kind, i);
    memory = drawdown_frame_add(&frame, &values[i]);
    if (!memory) break;
    int64_t from = i - frame_rows + 1 > 0 ? i - frame_rows + 1 : 0, peak = from;
    for (int64_t k = from; k <= i; k++)
      if (exact(&values[k]) >= exact(&values[peak])) peak = k;
    struct point_value got = drawdown_frame_peak(&frame);
    double newest, expected = 0, high = (double)exact(&values[peak]), value = (double)exact(&values[i]);
    if (value < high) expected = value / high - 1;
    *right = got.type == values[peak].type && got.integer == values[peak].integer &&
             drawdown_newest(&frame.queue, &newest) == DRAWDOWN_FOUND && newest == expected;
  }
  drawdown_frame_close(&frame);
  return memory;
}

static int test_comparison(void) {
  for (int i = 0; i < 200000; i++) {
    int64_t integer = (int64_t)(next() >> next() % 64);
    if (next() % 2) integer = -integer;
    double real = (double)integer;
    if (next() % 2) real = nextafter(real, next() % 2 ? INFINITY : -INFINITY);
    if (next() % 8 == 0) real = ldexp((double)(int64_t)next(), (int)(next() % 40) - 20);
    long double difference = (long double)integer - real; /* rounded, but never to 0 */
    if (compare_integer_real(integer, real) != (difference > 0) - (difference < 0)) {
      printf("%lld beside %.17g\n", (long long)integer, real);
      return 1;
    }
  }
  return compare_integer_real(INT64_MAX, INFINITY) != -1 || compare_integer_real(INT64_MIN, -INFINITY) != 1;
}

int main(int argc, char **argv) {
  static const int64_t sizes[] = {1, 2, 7, 64, 65, 300, ROWS, INT64_MAX};
  bool right;
  seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  if (test_comparison()) return 1;
  for (int kind = 0; kind < 4; kind++) {
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
      if (!slide(kind, sizes[i], &right) || !right) return wrong("frame", kind, sizes[i]);
    allocations = 0;
    slide(kind, 500, &right);
    for (long at = 0, most = allocations; at < most; at++) {
      fails_at = at;
      allocations = 0;
      if (slide(kind, 500, &right) && allocations > at)
        return wrong("a failed allocation went unnoticed", kind, at);
      if (!right) return wrong("frame, with little memory", kind, at);
    }
    fails_at = -1;
  }
  return 0;
}
