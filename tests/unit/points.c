/*
** The kernels of lttb, density_grid and their JSON without SQLite: what they do when there is no memory,
** and what they read and write. `points SEED`; prints what is wrong and ends with 1. Built with -Wl,--wrap
** for what allocates and for what depends on the locale, and with sanitizers, which also look for leaks.
*/
#include "ext/kernel/density_grid.h"
#include "ext/kernel/json_read.h"
#include "ext/kernel/lttb.h"
#include "tests/unit/driver.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory that fails once, at the allocation `fails_at`, or not at all (-1) ---- */

static long allocations, fails_at = -1;

static bool refused(void) {
  return allocations++ == fails_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size) {
  return refused() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size) {
  return refused() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *old, size_t size) {
  return refused() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
  return refused() ? NULL : __real_aligned_alloc(alignment, size);
}

/* ---- A locale with a decimal comma, which this system may not have ---- */

static bool comma;

struct lconv *__wrap_localeconv(void);
struct lconv *__wrap_localeconv(void) {
  static struct lconv with_point = {.decimal_point = "."}, with_comma = {.decimal_point = ","};
  return comma ? &with_comma : &with_point;
}

double __real_strtod(const char *text, char **end);
double __wrap_strtod(const char *text, char **end);
double __wrap_strtod(const char *text, char **end) {
  char copy[2048];
  if (!comma) return __real_strtod(text, end);
  snprintf(copy, sizeof copy, "%s", text);
  for (char *p = copy; *p; p++) *p = *p == '.' ? '!' : *p == ',' ? '.' : *p; /* it stops at a point */
  return __real_strtod(copy, NULL);
}

static int wrong(const char *what, long where) {
  printf("%s (%ld)\n", what, where);
  return 1;
}

/* ---- lttb ---- */

enum { POINTS = 20000 };

/* What the emitted points must be: in order of x, and where x is equal, of y, which counts the points. */
struct seen {
  int64_t count;
  double x, y;
  bool bad;
};

static void see(void *to, const struct lttb_value *x, const struct lttb_value *y) {
  struct seen *seen = to;
  double x_now = x->type == LTTB_INTEGER ? (double)x->integer : x->real;
  double y_now = y->type == LTTB_INTEGER ? (double)y->integer : y->real;
  char text[32];
  if (seen->count++ && (x_now < seen->x || (x_now == seen->x && y_now <= seen->y))) seen->bad = true;
  snprintf(text, sizeof text, "%.1f", x_now);
  if (x->type == LTTB_TEXT && strcmp(text, x->text) != 0) seen->bad = true;
  seen->x = x_now;
  seen->y = y_now;
}

/* kind 0: integers, 1: reals, 2: both, 3: text. False when out of memory. */
static bool add_points(struct lttb *line, int kind, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    int64_t number = (int64_t)(next() % 5000) - 2500;
    char text[32];
    struct lttb_value x = {.type = LTTB_INTEGER, .integer = number}, y = {.type = LTTB_INTEGER, .integer = i};
    if (kind == 1 || (kind == 2 && next() % 2))
      x = (struct lttb_value){.type = LTTB_REAL, .real = (double)number};
    if (kind == 2 && next() % 2) y = (struct lttb_value){.type = LTTB_REAL, .real = (double)i};
    if (kind == 3) {
      snprintf(text, sizeof text, "%.1f", (double)number);
      x = (struct lttb_value){.type = LTTB_TEXT, .real = (double)number, .text = text};
    }
    if (!lttb_add(line, &x, &y)) return false;
  }
  return true;
}

static int try_line(int kind, int64_t count, bool *done) {
  struct lttb line;
  struct seen seen = {0};
  lttb_init(&line);
  *done = add_points(&line, kind, count) && lttb_sort(&line);
  if (*done) lttb_pick(&line, count, see, &seen);
  bool bad = *done && (seen.bad || seen.count != count || lttb_count(&line) != count);
  lttb_free(&line);
  return bad ? wrong("lttb: points lost or out of order", kind) : 0;
}

/* Each allocation of each kind of line fails once. */
static int test_lines(void) {
  for (int kind = 0; kind < 4; kind++) {
    bool done;
    fails_at = -1;
    allocations = 0;
    if (try_line(kind, POINTS, &done) || !done) return wrong("lttb: fails with memory", kind);
    long most = allocations;
    for (long at = 0; at < most; at++) {
      fails_at = at;
      allocations = 0;
      if (try_line(kind, POINTS, &done)) return 1;
      if (done) return wrong("lttb: a failed allocation went unnoticed", at);
    }
    fails_at = -1;
    for (int64_t count = 0; count < 200; count++)
      if (try_line(kind, count, &done) || !done) return wrong("lttb: a short line", (long)count);
  }
  return 0;
}

/* ---- density_grid ---- */

static int test_grids(void) {
  static const double range[4] = {0, 1, 0, 1};
  struct density_grid grid;
  for (long at = 0; at < 3; at++) {
    fails_at = at;
    allocations = 0;
    if (density_grid_open(&grid, 10, 10, range, false))
      return wrong("grid: a failed allocation went unnoticed", at);
  }
  fails_at = -1;
  /* Any two doubles make a range as long as its width is finite; any double may be asked for. */
  for (int i = 0; i < 60000; i++) {
    double value[6];
    for (int k = 0; k < 6; k++) value[k] = lttb_real(next());
    for (int k = 0; k < 4; k += 2) {
      if (!(value[k] <= value[k + 1])) value[k + 1] = value[k];
      if (!isfinite(value[k + 1] - value[k])) value[k] = 0, value[k + 1] = 5e-324 * (double)(i % 9);
    }
    int64_t nx = 1 + (int64_t)(next() % 7), ny = 1 + (int64_t)(next() % 7);
    if (!density_grid_open(&grid, nx, ny, value, false)) return wrong("grid: fails with memory", i);
    double x = i % 3 ? value[4] : value[i % 2], y = i % 5 ? value[2 + i % 2] : value[5];
    int64_t cell = density_grid_cell(&grid, x, y);
    bool inside = x >= value[0] && x <= value[1] && y >= value[2] && y <= value[3];
    density_grid_close(&grid);
    if (cell < 0 || cell > nx * ny || inside != (cell > 0)) return wrong("grid: no such cell", i);
  }
  return 0;
}

/* ---- JSON ---- */

static int test_reals(void) {
  for (int i = 0; i < 100000; i++) {
    double real = lttb_real(next());
    if (i % 2) real = (double)(int64_t)next() / (double)(1 + next() % 1000000);
    if (!isfinite(real)) continue;
    struct json_text json = {0};
    struct json_number number = {0};
    json_put_real(&json, real);
    struct json_reader reader = {.text = json.text, .length = json.length};
    bool same = json_read_number(&reader, &number) && json_end(&reader) && !number.is_integer &&
                lttb_bits(number.real) == lttb_bits(real);
    json_free(&json);
    if (!same) return wrong("json: a real does not read back", i);
  }
  return 0;
}

/* Any bytes: the reader stays within them, which the sanitizer looks at. */
static int test_garbage(void) {
  static const char alphabet[] = "[]{},:\"\\-+.eE0123456789u \tnulltruefalse\x01\xC3";
  for (int i = 0; i < 100000; i++) {
    size_t length = next() % 24;
    char *text = malloc(length + !length); /* of just this size, so that one byte too far is seen */
    for (size_t k = 0; k < length; k++) text[k] = alphabet[next() % (sizeof alphabet - 1)];
    struct json_text out = {0};
    struct json_reader reader = {.text = text, .length = length};
    bool good = json_skip(&reader) && json_end(&reader);
    if (good != !reader.problem || reader.at > length) return wrong("json: lost its way", i);
    reader = (struct json_reader){.text = text, .length = length};
    json_read_string(&reader, &out);
    json_free(&out);
    free(text);
  }
  struct json_reader deep = {.text = "[[[[[[[[[[[[[[[[[[[[", .length = 20};
  return json_skip(&deep) ? wrong("json: no end", 0) : 0;
}

static int test_text_memory(void) {
  for (long at = 0; at < 4; at++) {
    struct json_text json = {0};
    fails_at = at;
    allocations = 0;
    for (int i = 0; i < 1000; i++) json_put_integer(&json, INT64_MIN);
    fails_at = -1;
    if (!json.failed) return wrong("json: a failed allocation went unnoticed", at);
    json_free(&json);
  }
  return 0;
}

int main(int argc, char **argv) {
  seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  int bad = test_lines() || test_grids() || test_reals() || test_garbage() || test_text_memory();
  comma = true;
  return bad || test_reals();
}
