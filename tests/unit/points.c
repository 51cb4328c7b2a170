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

enum { POINTS = 20000 }; /* a line has */

/* What the emitted points must be: in order of x, and where x is equal, of y, which counts the points. */
struct seen {
  int64_t count;
  double x, y;
  bool bad;
};

static void see(void *to, const struct point_value *x, const struct point_value *y) {
  struct seen *seen = to;
  double x_now = x->type == POINT_INTEGER ? (double)x->integer : x->real;
  double y_now = y->type == POINT_INTEGER ? (double)y->integer : y->real;
  char text[32];
  if (seen->count++ && (x_now < seen->x || (x_now == seen->x && y_now <= seen->y))) seen->bad = true;
  snprintf(text, sizeof text, "%.1f", x_now);
  if (x->type == POINT_TEXT && strcmp(text, x->text) != 0) seen->bad = true;
  seen->x = x_now;
  seen->y = y_now;
}

/* kind 0: integers, 1: reals, 2: both, 3: text. False when out of memory. */
static bool add_points(struct points *line, int kind, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    int64_t number = (int64_t)(next() % 5000) - 2500;
    char text[32];
    struct point_value x = {.type = POINT_INTEGER, .integer = number},
                       y = {.type = POINT_INTEGER, .integer = i};
    if (kind == 1 || (kind == 2 && next() % 2))
      x = (struct point_value){.type = POINT_REAL, .real = (double)number};
    if (kind == 2 && next() % 2) y = (struct point_value){.type = POINT_REAL, .real = (double)i};
    if (kind == 3) {
      snprintf(text, sizeof text, "%.1f", (double)number);
      x = (struct point_value){
          .type = POINT_TEXT, .real = (double)number, .text = text, .length = strlen(text)};
    }
    if (!points_add(line, &x, &y)) return false;
  }
  return true;
}

static int try_line(int kind, int64_t count, bool *done) {
  struct points line;
  struct seen seen = {0};
  points_init(&line);
  *done = add_points(&line, kind, count) && points_sort(&line, NULL);
  if (*done) lttb_pick(&line, count, see, &seen, NULL);
  bool bad = *done && (seen.bad || seen.count != count || points_count(&line) != count);
  points_free(&line);
  return bad ? wrong("lttb: points lost or out of order", kind) : 0;
}

/* Each allocation of each kind of line fails once. */
static int test_lines(void) {
  for (int kind = 0; kind < 4; kind++) {
    bool done;
    uint64_t same_points = seed;
    fails_at = -1;
    allocations = 0;
    if (try_line(kind, POINTS, &done) || !done) return wrong("lttb: fails with memory", kind);
    long most = allocations;
    for (long at = 0; at < most; at++) {
      fails_at = at;
      allocations = 0;
      seed = same_points;
      if (try_line(kind, POINTS, &done)) return 1;
      if (done) return wrong("lttb: a failed allocation went unnoticed", at);
    }
    fails_at = -1;
    for (int64_t count = 0; count < 200; count++)
      if (try_line(kind, count, &done) || !done) return wrong("lttb: a short line", (long)count);
  }
  return 0;
}

/* Told to stop at the question `at`, sorting loses no point. */
struct patience {
  long asked, at;
};

static bool ask(void *state) {
  struct patience *patience = state;
  return patience->asked++ != patience->at;
}

static int test_stops(void) {
  for (int kind = 0; kind < 4; kind++) {
    for (long at = 0;; at += 3) {
      struct patience patience = {0, at};
      struct go_on go_on = {ask, &patience};
      struct points line;
      points_init(&line);
      if (!add_points(&line, kind, POINTS)) return wrong("points: fails with memory", kind);
      long chunks = 0;
      for (const struct chunk *c = line.first; c; c = c->next) chunks++;
      bool sorted = points_sort(&line, &go_on), stopped = patience.asked > at;
      int64_t count = points_count(&line);
      points_free(&line);
      if (sorted == stopped || count != POINTS)
        return wrong("points: sorting does not stop, or loses points", at);
      if (sorted && patience.asked <= chunks) return wrong("points: merging does not ask", kind);
      if (!stopped) break;
    }
  }
  return 0;
}

/* ---- Points in batches ---- */

/* What is emitted, to be compared. */
struct picks {
  struct points points;
  bool failed;
};

static void keep(void *to, const struct point_value *x, const struct point_value *y) {
  struct picks *picks = to;
  if (!points_add(&picks->points, x, y)) picks->failed = true;
}

static bool same_value(const struct point_value *a, const struct point_value *b) {
  if (a->type != b->type || a->integer != b->integer) return false;
  return a->type != POINT_TEXT || strcmp(a->text, b->text) == 0;
}

static bool same_picks(const struct picks *a, const struct picks *b) {
  int64_t count = points_count(&a->points);
  if (count != points_count(&b->points)) return false;
  struct points_place i = {a->points.first, 0}, k = {b->points.first, 0};
  for (; count > 0; count--) {
    struct point_value ax, ay, bx, by;
    points_next(&i, &ax, &ay);
    points_next(&k, &bx, &by);
    if (!same_value(&ax, &bx) || !same_value(&ay, &by)) return false;
  }
  return true;
}

/* The rows of a line in columns: x rising; kind 0: integers, 1: reals, 2: both, 3: text, 4: integer x, real y. */
struct rows {
  union batch_value x[POINTS], y[POINTS];
  uint32_t lengths[POINTS];
  uint8_t x_types[POINTS], y_types[POINTS];
  char texts[POINTS][32];
  int n, kind;
};

static void make_rows(struct rows *rows, int kind, int n) {
  rows->kind = kind;
  rows->n = n;
  int64_t x = 0;
  for (int i = 0; i < n; i++) {
    bool x_real = kind == 1 || (kind == 2 && next() % 2),
         y_real = kind == 1 || kind == 4 || (kind == 2 && next() % 2);
    x += (int64_t)(next() % 3);
    rows->x_types[i] = kind == 3 ? BATCH_TEXT : x_real ? BATCH_REAL : BATCH_INTEGER;
    rows->y_types[i] = y_real ? BATCH_REAL : BATCH_INTEGER;
    if (kind == 2 && next() % 10 == 0) (next() % 2 ? rows->x_types : rows->y_types)[i] = BATCH_NULL;
    rows->y[i].integer = (int64_t)(next() % 1000);
    if (y_real) rows->y[i].real = (double)(next() % 100000) / 7;
    rows->x[i].integer = x;
    if (x_real) rows->x[i].real = (double)x;
    if (kind != 3) continue;
    snprintf(rows->texts[i], sizeof rows->texts[i], "2024-01-%02d %02d:%02d:%02d!", (int)(1 + x / 86400 % 28),
             (int)(x / 3600 % 24), (int)(x / 60 % 60), (int)(x % 60));
    rows->x[i].bytes = (const unsigned char *)rows->texts[i];
    rows->lengths[i] = 19; /* no NUL at the end */
  }
}

static unsigned present(const uint8_t *types, int n) {
  unsigned present = 0;
  for (int i = 0; i < n; i++) present |= 1u << types[i];
  return present;
}

/* Hands the rows to the stream, or where there is none to the points, in batches of any size. */
static enum points_problem feed(struct rows *rows, struct points *points, struct lttb_stream *stream) {
  enum points_problem problem = POINTS_FINE;
  for (int from = 0; from < rows->n && !problem;) {
    int n = (int)(1 + next() % (next() % 2 ? BATCH_ROWS : 5)), row = 0;
    if (n > rows->n - from) n = rows->n - from;
    struct batch_column x = {rows->x + from, rows->lengths + from, rows->x_types + from,
                             present(rows->x_types + from, n)};
    struct batch_column y = {rows->y + from, rows->lengths + from, rows->y_types + from,
                             present(rows->y_types + from, n)};
    int64_t most = INT64_MAX;
    problem = stream ? lttb_stream_add(stream, &x, &y, &row, n)
                     : points_add_batch(points, &x, &y, true, &row, n, &most);
    if (!problem && !stream && row != n) problem = POINTS_NO_MEMORY;
    from += n;
  }
  return problem;
}

/* The stream picks what lttb_pick does, whatever the batches. */
static int try_stream(struct rows *rows, int64_t n) {
  struct points all;
  struct picks picked = {0}, streamed = {0};
  struct lttb_stream stream = {0};
  points_init(&all);
  points_init(&picked.points);
  points_init(&streamed.points);
  bool good = feed(rows, &all, NULL) == POINTS_FINE && !all.unsorted;
  int64_t count = points_count(&all);
  if (good && n < count) {
    lttb_pick(&all, n, keep, &picked, NULL);
    int64_t kept_most = next() % 2 ? INT64_MAX : (int64_t)(next() % 500);
    good = lttb_stream_open(&stream, count, n, kept_most, keep, &streamed);
    enum lttb_pass pass = LTTB_ONE_MORE;
    for (int runs = 0; good && pass == LTTB_ONE_MORE; runs++) {
      if (next() % 3 == 0) feed(rows, NULL, &stream); /* begun, and begun again */
      points_free(&streamed.points);
      lttb_stream_begin(&stream);
      good = feed(rows, NULL, &stream) == POINTS_FINE && runs < 2;
      pass = lttb_stream_end(&stream);
    }
    good = good && pass == LTTB_DONE && same_picks(&picked, &streamed);
    lttb_stream_close(&stream);
  }
  points_free(&all);
  points_free(&picked.points);
  points_free(&streamed.points);
  return good ? 0 : wrong("lttb: the stream picks others, of kind", rows->kind);
}

static int test_streams(void) {
  static struct rows rows;
  for (int kind = 0; kind < 5; kind++) {
    for (int i = 0; i < 150; i++) {
      int most = i % 10 ? 300 : POINTS;
      make_rows(&rows, kind, (int)(1 + next() % (uint64_t)most));
      int64_t n = (int64_t)(next() % (i % 3 ? 12 : (uint64_t)rows.n + 1));
      if (try_stream(&rows, n)) return 1;
    }
    make_rows(&rows, kind, 40);
    for (int64_t n = 0; n < 40; n++)
      if (try_stream(&rows, n)) return 1;
  }
  return 0;
}

/* A row out of order is noticed, wherever it is. */
static int test_disorder(void) {
  static struct rows rows;
  for (int i = 0; i < 400; i++) {
    int kind = i % 2;
    make_rows(&rows, kind, 60);
    int at = 1 + (int)(next() % 59);
    if (kind)
      rows.x[at].real = rows.x[at - 1].real - 1;
    else
      rows.x[at].integer = rows.x[at - 1].integer - 1;
    struct picks picks = {0};
    struct lttb_stream stream;
    points_init(&picks.points);
    bool opened =
        lttb_stream_open(&stream, rows.n, (int64_t)(next() % 59), (int64_t)(next() % 50), keep, &picks);
    bool noticed = opened && !feed(&rows, NULL, &stream) && lttb_stream_end(&stream) == LTTB_OUT_OF_ORDER;
    lttb_stream_close(&stream);
    points_free(&picks.points);
    if (!noticed) return wrong("stream: a row out of order goes unnoticed", at);
  }
  return 0;
}

/* Each allocation of a stream fails once, and is noticed. */
static int test_stream_memory(bool means) {
  static struct rows rows;
  make_rows(&rows, 3, 5000);
  for (long at = 0;; at++) {
    struct lttb_stream stream;
    struct picks picks = {0};
    points_init(&picks.points);
    fails_at = at;
    allocations = 0;
    bool opened = lttb_stream_open(&stream, rows.n, 5, means ? 100 : INT64_MAX, keep, &picks);
    enum points_problem problem = opened ? feed(&rows, NULL, &stream) : POINTS_NO_MEMORY;
    if (!problem && lttb_stream_end(&stream) == LTTB_ONE_MORE) {
      lttb_stream_begin(&stream);
      problem = feed(&rows, NULL, &stream);
    }
    bool failed = allocations > at;
    fails_at = -1;
    lttb_stream_close(&stream);
    points_free(&picks.points);
    if (failed != (problem == POINTS_NO_MEMORY || picks.failed))
      return wrong("stream: a failed allocation", at);
    if (!failed) return 0;
  }
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
    for (int k = 0; k < 6; k++) value[k] = points_real(next());
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

/* A value of a range: anywhere, on an edge or a double beside it, outside, infinite. */
static double some_value(const struct grid_axis *axis) {
  double wide = axis->last - axis->first, share = (double)(next() >> 11) * 0x1p-53;
  double edge = axis->edges[next() % (uint64_t)(axis->bins + 1)];
  switch (next() % 16) {
  case 0:
    return edge;
  case 1:
    return nextafter(edge, -INFINITY);
  case 2:
    return nextafter(edge, INFINITY);
  case 3:
    return axis->first + wide * (share * 3 - 1);
  case 4:
    return next() % 2 ? INFINITY : -INFINITY;
  default:
    return axis->first + wide * share;
  }
}

static double some_end(void) {
  switch (next() % 4) {
  case 0:
    return ldexp((double)(int64_t)next(), (int)(next() % 600) - 300);
  case 1:
    return (double)(next() % 1000) / 7;
  default:
    return (double)(int64_t)(next() % 2000) - 1000;
  }
}

/* Whole batches are counted as point by point, of any range. */
static int test_grid_batches(void) {
  static double x[3000], y[3000];
  for (int i = 0; i < 300; i++) {
    struct density_grid all, each;
    double range[4] = {some_end(), some_end(), some_end(), some_end()};
    for (int k = 0; k < 4; k += 2)
      if (!(range[k] < range[k + 1]) || !isfinite(range[k + 1] - range[k])) range[k] = -3, range[k + 1] = 100;
    int64_t nx = 1 + (int64_t)(next() % 300), ny = 1 + (int64_t)(next() % 300), n = (int64_t)(next() % 3000);
    if (!density_grid_open(&all, nx, ny, range, false) || !density_grid_open(&each, nx, ny, range, false))
      return wrong("grid: fails with memory", i);
    for (int64_t k = 0; k < n; k++) {
      /* In every other grid no value near an edge, so that blocks are counted without a doubt. */
      x[k] = i % 2 ? some_value(&all.x)
                   : all.x.first + (all.x.last - all.x.first) * ((double)(next() % 999) / 1000);
      y[k] = i % 2 ? some_value(&all.y)
                   : all.y.first + (all.y.last - all.y.first) * ((double)(next() % 999) / 997);
      each.counts[density_grid_cell(&each, x[k], y[k])]++;
    }
    density_grid_count(&all, x, y, n);
    bool same = memcmp(all.counts, each.counts, sizeof *all.counts * (size_t)(nx * ny + 1)) == 0;
    density_grid_close(&all);
    density_grid_close(&each);
    if (!same) return wrong("grid: a batch is counted otherwise", i);
  }
  return 0;
}

/* ---- JSON ---- */

static int test_reals(void) {
  for (int i = 0; i < 100000; i++) {
    double real = points_real(next());
    if (i % 2) real = (double)(int64_t)next() / (double)(1 + next() % 1000000);
    if (!isfinite(real)) continue;
    struct json_text json = {0};
    struct json_number number = {0};
    json_put_real(&json, real);
    struct json_reader reader = {.text = json.text, .length = json.length};
    bool same = json_read_number(&reader, &number) && json_end(&reader) && !number.is_integer &&
                points_bits(number.real) == points_bits(real);
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
  int bad = test_lines() || test_stops() || test_streams() || test_disorder() || test_stream_memory(false) ||
            test_stream_memory(true) || test_grids() || test_grid_batches() || test_reals() ||
            test_garbage() || test_text_memory();
  comma = true;
  return bad || test_reals();
}
