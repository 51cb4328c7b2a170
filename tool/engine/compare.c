#include "tool/engine/compare.h"
#include <math.h>
#include <string.h>

#define TOLERANCE       1e-9  /* of the larger of two reals */
#define SCALE_TOLERANCE 1e-12 /* of the greatest in the column */

enum {
  FIRST,
  SECOND,
  SIDES,
  LEFT_MAX = 1000 /* rows without a partner that are tried against each other, a side */
};

struct cell {
  int type;
  int64_t integer;
  double real;
  const void *bytes;
  int n_bytes;
};

/* Rows of one side. Those that were too many to be kept are only counted. */
struct rows {
  struct cell **rows;
  size_t n;
  int64_t beyond;
};

struct comparing {
  struct engine *engine;
  const struct comparison *comparison;
  double *scales;
  struct rows alike[SIDES]; /* equal but for reals, in the order of these */
  struct rows left[SIDES];  /* of the group, without a partner so far */
};

/* ------------------------------------------------------------------------------------------------- cells */

static struct cell *read_row(struct engine *engine, sqlite3_stmt *statement, size_t n_columns) {
  struct cell *row = engine_alloc(engine, n_columns * sizeof *row);
  for (size_t k = 0; row && k < n_columns; k++) {
    int column = (int)k + 2;
    struct cell *cell = &row[k];
    cell->type = sqlite3_column_type(statement, column);
    if (cell->type == SQLITE_INTEGER) cell->integer = sqlite3_column_int64(statement, column);
    if (cell->type == SQLITE_FLOAT) cell->real = sqlite3_column_double(statement, column);
    if (cell->type != SQLITE_TEXT && cell->type != SQLITE_BLOB) continue;
    const void *bytes = cell->type == SQLITE_TEXT ? (const void *)sqlite3_column_text(statement, column)
                                                  : sqlite3_column_blob(statement, column);
    cell->n_bytes = sqlite3_column_bytes(statement, column);
    char *copy = engine_alloc(engine, (size_t)cell->n_bytes + 1);
    if (copy && bytes) memcpy(copy, bytes, (size_t)cell->n_bytes);
    cell->bytes = copy;
  }
  return engine_ok(engine) ? row : 0;
}

static bool is_near(double a, double b, double scale) {
  double apart = fabs(a - b);
  /* Infinite ones are equal or not: their distance is no number. */
  return a == b || (isfinite(apart) &&
                    (apart <= TOLERANCE * fmax(fabs(a), fabs(b)) || apart <= SCALE_TOLERANCE * scale));
}

static bool is_integer(double real, int64_t integer) {
  return fabs(real) < 9.2e18 && (int64_t)real == integer && real == (double)integer;
}

static bool same_cell(const struct cell *a, const struct cell *b, double scale) {
  if (a->type == SQLITE_FLOAT && b->type == SQLITE_FLOAT) return is_near(a->real, b->real, scale);
  if (a->type == SQLITE_FLOAT && b->type == SQLITE_INTEGER) return is_integer(a->real, b->integer);
  if (a->type == SQLITE_INTEGER && b->type == SQLITE_FLOAT) return is_integer(b->real, a->integer);
  if (a->type != b->type) return false;
  if (a->type == SQLITE_NULL) return true;
  if (a->type == SQLITE_INTEGER) return a->integer == b->integer;
  return a->n_bytes == b->n_bytes && memcmp(a->bytes, b->bytes, (size_t)a->n_bytes) == 0;
}

static bool same_row(const struct comparing *c, const struct cell *a, const struct cell *b) {
  for (size_t k = 0; k < c->comparison->n_columns; k++)
    if (!same_cell(&a[k], &b[k], c->scales[k])) return false;
  return true;
}

/* Equal in all that is no real? As the order of the rows has it, a real stands where a NULL could. */
static bool is_alike(const struct comparing *c, const struct cell *a, const struct cell *b) {
  for (size_t k = 0; k < c->comparison->n_columns; k++) {
    bool free_a = a[k].type == SQLITE_FLOAT || a[k].type == SQLITE_NULL;
    bool free_b = b[k].type == SQLITE_FLOAT || b[k].type == SQLITE_NULL;
    if (free_a != free_b || (!free_a && (a[k].type != b[k].type || !same_cell(&a[k], &b[k], 0))))
      return false;
  }
  return true;
}

/* Which of two alike rows comes first: negative, 0 where they are the same, positive. */
static int order(const struct comparing *c, const struct cell *a, const struct cell *b) {
  for (size_t k = 0; k < c->comparison->n_columns; k++) {
    bool real_a = a[k].type == SQLITE_FLOAT, real_b = b[k].type == SQLITE_FLOAT;
    if (real_a != real_b) return real_a ? 1 : -1;
    if (real_a && !is_near(a[k].real, b[k].real, c->scales[k])) return a[k].real < b[k].real ? -1 : 1;
  }
  return 0;
}

/* ------------------------------------------------------------------------------------------------ matching */

static void add(struct comparing *c, struct rows *rows, struct cell *row, size_t n_max) {
  if (rows->n >= n_max) {
    rows->beyond++;
    return;
  }
  rows->rows = engine_grow(c->engine, rows->rows, &rows->n, sizeof *rows->rows);
  if (rows->rows) rows->rows[rows->n++] = row;
}

/* Pairs the alike rows in their order; the others are left. */
static void match_alike(struct comparing *c) {
  const struct rows *a = &c->alike[FIRST], *b = &c->alike[SECOND];
  size_t i = 0, k = 0;
  while (engine_ok(c->engine) && (i < a->n || k < b->n)) {
    int first = i == a->n ? 1 : k == b->n ? -1 : order(c, a->rows[i], b->rows[k]);
    if (first < 0) add(c, &c->left[FIRST], a->rows[i], LEFT_MAX);
    if (first > 0) add(c, &c->left[SECOND], b->rows[k], LEFT_MAX);
    i += first <= 0;
    k += first >= 0;
  }
  memset(c->alike, 0, sizeof c->alike);
}

/* Near values may stand in another order, or be an integer on one side: what is left is tried each with each. */
static int64_t match_left(const struct comparing *c) {
  const struct rows *a = &c->left[FIRST], *b = &c->left[SECOND];
  int64_t matched = 0;
  for (size_t i = 0; i < a->n; i++) {
    for (size_t k = 0; k < b->n; k++) {
      if (!b->rows[k] || !same_row(c, a->rows[i], b->rows[k])) continue;
      b->rows[k] = 0;
      matched++;
      break;
    }
  }
  return matched;
}

static void end_group(struct comparing *c, int64_t group) {
  match_alike(c);
  if (!engine_ok(c->engine)) return;
  int64_t matched = match_left(c);
  int64_t first_only = (int64_t)c->left[FIRST].n + c->left[FIRST].beyond - matched;
  int64_t second_only = (int64_t)c->left[SECOND].n + c->left[SECOND].beyond - matched;
  memset(c->left, 0, sizeof c->left);
  if (first_only || second_only) c->comparison->found(c->comparison->context, group, first_only, second_only);
}

static void read_scales(struct comparing *c) {
  size_t n = c->comparison->n_columns;
  c->scales = engine_alloc(c->engine, (n + 1) * sizeof *c->scales);
  sqlite3_stmt *statement = engine_prepare(c->engine, c->comparison->scales);
  if (engine_step(c->engine, statement))
    for (size_t k = 0; c->scales && k < n; k++) c->scales[k] = sqlite3_column_double(statement, (int)k);
  engine_finalize(c->engine, statement);
}

bool compare_rows(struct engine *engine, const struct comparison *comparison) {
  struct comparing c = {.engine = engine, .comparison = comparison};
  const struct arena_block *mark = engine_mark(engine), *group_mark = 0;
  struct cell *last = 0;
  int64_t group = 0;
  sqlite3_stmt *rows = engine_prepare(engine, comparison->differences);
  while (engine_step(engine, rows)) {
    if (!c.scales) { /* seldom needed: where all is equal there is no row */
      read_scales(&c);
      group = sqlite3_column_int64(rows, 0);
      group_mark = engine_mark(engine);
    }
    if (sqlite3_column_int64(rows, 0) != group) {
      end_group(&c, group);
      engine_release(engine, group_mark);
      group = sqlite3_column_int64(rows, 0);
      last = 0;
    }
    struct cell *row = read_row(engine, rows, comparison->n_columns);
    if (!row) break;
    if (last && !is_alike(&c, last, row)) match_alike(&c);
    last = row;
    int64_t times = sqlite3_column_int64(rows, 1);
    for (int64_t n = times < 0 ? -times : times; n > 0; n--)
      add(&c, &c.alike[times > 0 ? FIRST : SECOND], row, SIZE_MAX);
  }
  engine_finalize(engine, rows);
  if (last && engine_ok(engine)) end_group(&c, group);
  engine_release(engine, mark);
  return engine_ok(engine);
}
