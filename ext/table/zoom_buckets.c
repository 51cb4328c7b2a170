/*
** zoom_buckets(name, lo, hi, max_buckets [, key]): a range of a zoom's line as at most max_buckets buckets: bucket,
** bucket_end, n, sum, avg, min, max, first, last. A table-valued function.
**
** ZB1  The width is the finest of the zoom's ladder of which at most max_buckets buckets touch the range, rows or
**      none. An end that is NULL is the line's own: its first or last row. Where even the coarsest are too many, it is
**      doubled until they fit. The hidden column `level` tells the width, as time_bucket takes it.
** ZB2  The rows are those of GROUP BY time_bucket(level, time) over the raw rows with lo <= time <= hi and that key,
**      at the moment of the call: also after changes that no refresh has seen. Buckets without rows don't appear. They
**      come in order. Only the last digits of sums of reals may differ.
** ZB3  Rows count that a zoom counts: the value is a finite number, the time is one, no key is NULL.
** ZB4  first is the value at the earliest time of the bucket (of several rows the smallest), last that at the latest (of
**      several the largest). avg is sum / n. A sum of integers that does not fit is an error, as sum()'s.
** ZB5  bucket is of the type of the times: INTEGER, REAL, or text as time_bucket spells it; bucket_end is the next one.
** ZB6  Errors: a name that is no zoom (it tells which there are); an end that is no time of its kind; max_buckets that
**      is no whole number of at least 1; a key that is missing, too much, or not of as many values as there are columns.
*/
#include "ext/kernel/time_text.h"
#include "ext/table/zooms.h"
#include <stdlib.h>
#include <string.h>

enum {
  COLUMN_BUCKET,
  COLUMN_BUCKET_END,
  COLUMN_N,
  COLUMN_SUM,
  COLUMN_AVG,
  COLUMN_MIN,
  COLUMN_MAX,
  COLUMN_FIRST,
  COLUMN_LAST,
  COLUMN_ARGUMENTS,
  COLUMN_LEVEL = COLUMN_ARGUMENTS + ZOOM_ARGUMENTS
};

/* A level's columns. */
enum { LEVEL_BUCKET, LEVEL_N, LEVEL_SUM, LEVEL_MIN, LEVEL_MAX, LEVEL_FIRST, LEVEL_LAST };
static const char level_columns[] =
    "s.\"bucket\", s.\"n\", s.\"sum\", s.\"min\", s.\"max\", s.\"first\", s.\"last\"";

enum { SAME_TIME_BYTES = 64 }; /* texts of times are shorter, but for absurd fractions */

struct bucket {
  int64_t start;
  struct pyramid_state state;
};

struct buckets_cursor {
  sqlite3_vtab_cursor base;
  struct scan_arguments arguments;
  struct pyramid_axis axis;
  struct pyramid_grid grid;
  char *level;
  struct bucket *buckets;
  size_t n, capacity, at;
};

/* What the rows of a call go through. */
struct filling {
  struct buckets_cursor *cursor;
  struct pyramid_call *call;
  int raw_type; /* of the time of the raw row before; SQLITE_NULL: there is none */
  sqlite3_int64 raw_integer;
  double raw_real;
  char raw_text[SAME_TIME_BYTES];
};

static int buckets_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **table,
                           char **error) {
  (void)aux, (void)argc, (void)argv, (void)error;
  return zoom_table_connect(
      db, "zoom_buckets",
      "CREATE TABLE zoom_buckets(bucket, bucket_end, n INTEGER, sum, avg REAL, min, max, first,"
      " last, zoom_name HIDDEN, lo HIDDEN, hi HIDDEN, max_buckets HIDDEN, key HIDDEN, level HIDDEN)",
      level_columns, table);
}

static int buckets_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  return table_take_arguments(table, info, COLUMN_ARGUMENTS, ZOOM_REQUIRED, ZOOM_ARGUMENTS,
                              "zoom_buckets(name, lo, hi, max_buckets [, key])");
}

static int buckets_open(sqlite3_vtab *table, sqlite3_vtab_cursor **opened) {
  (void)table;
  struct buckets_cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  *cursor = (struct buckets_cursor){0};
  *opened = &cursor->base;
  return SQLITE_OK;
}

static void forget(struct buckets_cursor *cursor) {
  free(cursor->buckets);
  sqlite3_free(cursor->level);
  cursor->buckets = NULL;
  cursor->level = NULL;
  cursor->n = cursor->capacity = cursor->at = 0;
}

static int buckets_close(sqlite3_vtab_cursor *base) {
  struct buckets_cursor *cursor = (struct buckets_cursor *)base;
  forget(cursor);
  scan_arguments_free(&cursor->arguments);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* ---- ZB1: the width ---- */

/* How many buckets touch the range from one tick to another. */
static uint64_t count_buckets(struct pyramid_grid grid, int64_t lo, int64_t hi) {
  return ((uint64_t)pyramid_floor(grid, hi) - (uint64_t)pyramid_floor(grid, lo)) / (uint64_t)grid.width + 1;
}

/* The origin that time_bucket counts from: 1970 where the width is a plain number, else Monday 2000-01-03. */
static int64_t origin_of(const struct pyramid_axis *axis, const struct pyramid_level *level) {
  const int64_t monday_s = 946857600;
  bool is_number = strspn(level->width_text, "0123456789") == strlen(level->width_text);
  return is_number ? 0 : monday_s * (axis->is_text ? 1 : axis->ticks_per_s);
}

/* Doubles the coarsest level's width until there are at most `most` buckets; false with the call's error. */
static bool widen(struct pyramid_call *call, struct buckets_cursor *cursor,
                  const struct pyramid_level *coarsest, int64_t lo, int64_t hi, uint64_t most) {
  const int64_t width_most = INT64_C(200000000000000000); /* so that starts of buckets fit */
  int64_t origin = origin_of(&call->zoom->axis, coarsest), factor = 1;
  while (count_buckets(cursor->grid, lo, hi) > most) {
    if (cursor->grid.width > width_most / 2)
      return pyramid_fail(
          call,
          "the range from lo to hi doesn't fit into max_buckets = %lld, however wide: ask for more of "
          "them or for a shorter range, or give NULL for an open end",
          (long long)most);
    factor *= 2;
    cursor->grid.width *= 2;
    cursor->grid.phase = time_floor_mod(origin, cursor->grid.width);
  }
  char *unit;
  long long number = strtoll(coarsest->width_text, &unit, 10);
  cursor->level = sqlite3_mprintf("%lld%s", number * (long long)factor, unit);
  return true;
}

/* The level to read of; 0 with an empty range, or with the call's error. */
static int choose_width(struct pyramid_call *call, struct buckets_cursor *cursor, int64_t most) {
  const struct pyramid *zoom = call->zoom;
  int64_t lo = call->lo_end.tick, hi = call->hi_end.tick;
  bool found = !call->empty;
  if (found && !call->lo) pyramid_outermost(call, false, &lo, &found);
  if (found && !call->hi) pyramid_outermost(call, true, &hi, &found);
  if (!found || call->rc != SQLITE_OK) return 0;
  int level = 1;
  while (level < zoom->n_levels && count_buckets(zoom->levels[level].grid, lo, hi) > (uint64_t)most) level++;
  const struct pyramid_level *chosen = &zoom->levels[level];
  cursor->grid = chosen->grid;
  if (count_buckets(chosen->grid, lo, hi) > (uint64_t)most) {
    if (!widen(call, cursor, chosen, lo, hi, (uint64_t)most)) return 0;
  } else {
    cursor->level = sqlite3_mprintf("%s", chosen->width_text);
  }
  if (!cursor->level) pyramid_check(call, SQLITE_NOMEM);
  return level;
}

/* ---- ZB2: the rows ---- */

/* The state of the bucket that holds the tick, which is in none before the last one; NULL: no memory. */
static struct pyramid_state *state_at(struct filling *filling, int64_t tick) {
  struct buckets_cursor *cursor = filling->cursor;
  struct bucket *last = cursor->n ? &cursor->buckets[cursor->n - 1] : NULL;
  if (last && tick - last->start < cursor->grid.width) return &last->state;
  if (cursor->n == cursor->capacity) {
    size_t capacity = cursor->capacity ? cursor->capacity * 2 : 128;
    struct bucket *buckets = realloc(cursor->buckets, capacity * sizeof *buckets);
    if (!buckets) {
      pyramid_check(filling->call, SQLITE_NOMEM);
      return NULL;
    }
    cursor->buckets = buckets;
    cursor->capacity = capacity;
  }
  cursor->buckets[cursor->n] = (struct bucket){.start = pyramid_floor(cursor->grid, tick)};
  return &cursor->buckets[cursor->n++].state;
}

/* Is the time of this raw row that of the one before? Keeps it for the next. */
static bool is_same_time(struct filling *filling, sqlite3_stmt *row) {
  int type = sqlite3_column_type(row, 0);
  bool same = type == filling->raw_type;
  filling->raw_type = type;
  if (type == SQLITE_INTEGER) {
    sqlite3_int64 integer = sqlite3_column_int64(row, 0);
    same = same && integer == filling->raw_integer;
    filling->raw_integer = integer;
  } else if (type == SQLITE_FLOAT) {
    double real = sqlite3_column_double(row, 0);
    same = same && real == filling->raw_real;
    filling->raw_real = real;
  } else {
    const char *text = (const char *)sqlite3_column_text(row, 0);
    same = same && text && strlen(text) < SAME_TIME_BYTES && strcmp(text, filling->raw_text) == 0;
    sqlite3_snprintf(SAME_TIME_BYTES, filling->raw_text, "%s", text ? text : "");
  }
  return same;
}

static bool take_raw(struct filling *filling, sqlite3_stmt *row) {
  int64_t tick;
  struct pyramid_number value;
  if (!pyramid_axis_tick(&filling->cursor->axis, row, 0, &tick) || !zoom_table_value(row, 1, &value))
    return true;
  bool same_time = is_same_time(filling, row);
  struct pyramid_state *state = state_at(filling, tick);
  if (state) pyramid_state_add(state, &value, same_time);
  return state != NULL;
}

static bool take_row(void *to, sqlite3_stmt *row, int level) {
  struct filling *filling = to;
  if (level == 0) return take_raw(filling, row);
  int64_t tick;
  struct pyramid_number sum;
  filling->raw_type = SQLITE_NULL;
  if (!pyramid_axis_mark(&filling->cursor->axis, row, LEVEL_BUCKET, &tick)) return true;
  zoom_table_value(row, LEVEL_SUM, &sum);
  struct pyramid_state stored = pyramid_state_of(sqlite3_column_int64(row, LEVEL_N), &sum);
  zoom_table_value(row, LEVEL_MIN, &stored.min);
  zoom_table_value(row, LEVEL_MAX, &stored.max);
  zoom_table_value(row, LEVEL_FIRST, &stored.first);
  zoom_table_value(row, LEVEL_LAST, &stored.last);
  struct pyramid_state *state = state_at(filling, tick);
  if (state) pyramid_state_merge(state, &stored);
  return state != NULL;
}

static bool check_sums(struct pyramid_call *call, const struct buckets_cursor *cursor) {
  for (size_t i = 0; i < cursor->n; i++) {
    const struct pyramid_state *state = &cursor->buckets[i].state;
    if (state->overflow && !state->any_real) return pyramid_fail(call, "integer overflow");
  }
  return true;
}

static int buckets_filter(sqlite3_vtab_cursor *base, int present, const char *usage, int argc,
                          sqlite3_value **argv) {
  (void)argc;
  struct buckets_cursor *cursor = (struct buckets_cursor *)base;
  struct zoom_table *table = (struct zoom_table *)base->pVtab;
  struct pyramid_call call;
  struct filling filling = {.cursor = cursor, .call = &call, .raw_type = SQLITE_NULL};
  int64_t most = 0;
  forget(cursor);
  int rc = scan_arguments_take(base->pVtab, &cursor->arguments, present, usage, argv);
  if (rc != SQLITE_OK) return rc;
  if (zoom_table_begin(table, &call, &cursor->arguments) &&
      zoom_table_number(&call, &cursor->arguments, "max_buckets", 1, &most)) {
    cursor->axis = call.zoom->axis;
    int level = choose_width(&call, cursor, most);
    if (level && pyramid_read(&call, level < call.usable ? level : call.usable, take_row, &filling))
      check_sums(&call, cursor);
  }
  rc = zoom_table_end(table, &call);
  if (rc != SQLITE_OK) forget(cursor);
  return rc;
}

/* ---- Handing out ---- */

static int buckets_next(sqlite3_vtab_cursor *base) {
  ((struct buckets_cursor *)base)->at++;
  return SQLITE_OK;
}

static int buckets_eof(sqlite3_vtab_cursor *base) {
  struct buckets_cursor *cursor = (struct buckets_cursor *)base;
  return cursor->at >= cursor->n;
}

static double sum_as_real(const struct pyramid_state *state) {
  return state->any_real ? state->sum_real : (double)state->sum_integer;
}

static void result_sum(sqlite3_context *context, const struct pyramid_state *state) {
  if (state->any_real)
    sqlite3_result_double(context, state->sum_real);
  else
    sqlite3_result_int64(context, state->sum_integer);
}

static int buckets_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  struct buckets_cursor *cursor = (struct buckets_cursor *)base;
  const struct bucket *bucket = &cursor->buckets[cursor->at];
  const struct pyramid_state *state = &bucket->state;
  switch (column) {
  case COLUMN_BUCKET:
    pyramid_axis_result(&cursor->axis, context, bucket->start);
    break;
  case COLUMN_BUCKET_END:
    pyramid_axis_result(&cursor->axis, context, bucket->start + cursor->grid.width);
    break;
  case COLUMN_N:
    sqlite3_result_int64(context, state->n);
    break;
  case COLUMN_SUM:
    result_sum(context, state);
    break;
  case COLUMN_AVG:
    sqlite3_result_double(context, sum_as_real(state) / (double)state->n);
    break;
  case COLUMN_MIN:
    zoom_table_result(context, &state->min);
    break;
  case COLUMN_MAX:
    zoom_table_result(context, &state->max);
    break;
  case COLUMN_FIRST:
    zoom_table_result(context, &state->first);
    break;
  case COLUMN_LAST:
    zoom_table_result(context, &state->last);
    break;
  case COLUMN_LEVEL:
    sqlite3_result_text(context, cursor->level, -1, SQLITE_TRANSIENT);
    break;
  default:
    scan_arguments_result(context, &cursor->arguments, column - COLUMN_ARGUMENTS);
  }
  return SQLITE_OK;
}

static int buckets_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  *rowid = (sqlite3_int64)((struct buckets_cursor *)base)->at;
  return SQLITE_OK;
}

const sqlite3_module zoom_buckets_module = {
    .xConnect = buckets_connect,
    .xBestIndex = buckets_best_index,
    .xDisconnect = zoom_table_disconnect,
    .xOpen = buckets_open,
    .xClose = buckets_close,
    .xFilter = buckets_filter,
    .xNext = buckets_next,
    .xEof = buckets_eof,
    .xColumn = buckets_column,
    .xRowid = buckets_rowid,
};
