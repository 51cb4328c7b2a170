/*
** zoom_points(name, lo, hi, points [, key]): a range of a zoom's line as at most so many points that keep its look: x,
** y, in order of x. A table-valued function.
**
** ZP1  Each of the points is a raw row with lo <= time <= hi and that key, of those that a zoom counts (the value is a finite
**      number, the time is one, no key is NULL), at the moment of the call: also after changes that no refresh has seen.
**      An end that is NULL is open.
** ZP2  A range of at most `points` rows comes whole. Of more, the lowest and the highest row are among the points, and with 4
**      points or more the first and the last. With 3 the first, lowest and highest, with 2 these, with 1 the first row, with
**      0 none.
** ZP3  The points are picked by LTTB (ext/kernel/lttb.c) from candidates: where the range has at most RAW_ROWS rows for each
**      point, from all of them; else from the first, lowest, highest and last row of each bucket of the coarsest level of
**      which the range has at least as many buckets as points, so that there are four candidates a point. Where even the
**      finest has fewer, from it all the same, if it gives a candidate for every SPARSE points, or if there are more than
**      RAW_ROWS_MOST rows a point, which would take long; else from all rows. Where LTTB picks neither the lowest nor the
**      highest row, they take the place of others.
** ZP4  The hidden column `level` is the width of the level that was read, 'raw' for rows.
** ZP5  x comes out as it is in the table (text times as well), y too.
** ZP6  Errors: as zoom_buckets' (ZB6); points must be a whole number of at least 0.
*/
#include "ext/kernel/pyramid_pick.h"
#include "ext/table/zooms.h"
#include <string.h>

/* A raw row costs some five times what a bucket does where its index doesn't hold the value: so there are not many. */
enum { RAW_ROWS = 2, RAW_ROWS_MOST = 64, CANDIDATES = 4, SPARSE = 4 };

enum { COLUMN_X, COLUMN_Y, COLUMN_ARGUMENTS, COLUMN_LEVEL = COLUMN_ARGUMENTS + ZOOM_ARGUMENTS };

/* A level's columns: pairs of x and y. */
static const char level_columns[] = "s.\"first_at\", s.\"first\", s.\"min_at\", s.\"min\", s.\"max_at\", "
                                    "s.\"max\", s.\"last_at\", s.\"last\"";
enum { LEVEL_FIRST = 0, LEVEL_MIN = 2, LEVEL_MAX = 4, LEVEL_LAST = 6 };

struct points_cursor {
  sqlite3_vtab_cursor base;
  struct scan_arguments arguments;
  struct points candidates; /* the picks' texts are theirs */
  struct pyramid_picks picks;
  char *level;
  size_t at;
};

/* What the rows of a call go through. */
struct gathering {
  struct points_cursor *cursor;
  struct pyramid_call *call;
};

static int points_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **table,
                          char **error) {
  (void)aux, (void)argc, (void)argv, (void)error;
  return zoom_table_connect(db, "zoom_points",
                            "CREATE TABLE zoom_points(x, y, zoom_name HIDDEN, lo HIDDEN, hi HIDDEN,"
                            " points HIDDEN, key HIDDEN, level HIDDEN)",
                            level_columns, table);
}

static int points_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  return table_take_arguments(table, info, COLUMN_ARGUMENTS, ZOOM_REQUIRED, ZOOM_ARGUMENTS,
                              "zoom_points(name, lo, hi, points [, key])");
}

static int points_open(sqlite3_vtab *table, sqlite3_vtab_cursor **opened) {
  (void)table;
  struct points_cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  *cursor = (struct points_cursor){0};
  points_init(&cursor->candidates);
  *opened = &cursor->base;
  return SQLITE_OK;
}

static void forget(struct points_cursor *cursor) {
  points_free(&cursor->candidates);
  pyramid_picks_free(&cursor->picks);
  sqlite3_free(cursor->level);
  cursor->level = NULL;
  cursor->at = 0;
}

static int points_close(sqlite3_vtab_cursor *base) {
  struct points_cursor *cursor = (struct points_cursor *)base;
  forget(cursor);
  scan_arguments_free(&cursor->arguments);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* ---- Candidates ---- */

/* A time and a value; false if it is no row that counts. */
static bool read_candidate(const struct pyramid_axis *axis, sqlite3_stmt *row, int column,
                           struct pyramid_pick *candidate) {
  struct pyramid_number value;
  int type = sqlite3_column_type(row, column);
  if (axis->is_text != (type == SQLITE_TEXT) || !zoom_table_value(row, column + 1, &value)) return false;
  if (type == SQLITE_INTEGER) {
    candidate->x = (struct point_value){.type = POINT_INTEGER, .integer = sqlite3_column_int64(row, column)};
  } else if (type == SQLITE_FLOAT) {
    candidate->x = (struct point_value){.type = POINT_REAL, .real = sqlite3_column_double(row, column)};
  } else {
    int64_t tick; /* a text in another spelling is no time of this zoom */
    if (!pyramid_axis_tick(axis, row, column, &tick)) return false;
    const char *text = (const char *)sqlite3_column_text(row, column);
    if (!text || !point_time(text, (size_t)sqlite3_column_bytes(row, column), &candidate->x)) return false;
  }
  candidate->y = value.is_real ? (struct point_value){.type = POINT_REAL, .real = value.real}
                               : (struct point_value){.type = POINT_INTEGER, .integer = value.integer};
  return true;
}

static bool is_same(const struct point_value *a, const struct point_value *b) {
  if (a->type != b->type) return false;
  if (a->type == POINT_INTEGER) return a->integer == b->integer;
  if (a->type == POINT_REAL) return a->real == b->real;
  return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

static double seconds_of(const struct point_value *x) {
  return x->type == POINT_INTEGER ? (double)x->integer : x->real;
}

static bool is_later(const struct point_value *a, const struct point_value *b) {
  if (a->type == POINT_INTEGER && b->type == POINT_INTEGER) return a->integer > b->integer;
  return seconds_of(a) > seconds_of(b);
}

static bool add_candidate(struct gathering *to, const struct pyramid_pick *candidate) {
  return points_add(&to->cursor->candidates, &candidate->x, &candidate->y) ||
         pyramid_check(to->call, SQLITE_NOMEM);
}

/* First, lowest, highest and last in order of time; what comes twice comes side by side. */
static bool take_bucket(struct gathering *to, sqlite3_stmt *row) {
  const struct pyramid_axis *axis = &to->call->zoom->axis;
  struct pyramid_pick four[CANDIDATES];
  if (!read_candidate(axis, row, LEVEL_FIRST, &four[0]) || !read_candidate(axis, row, LEVEL_MIN, &four[1]) ||
      !read_candidate(axis, row, LEVEL_MAX, &four[2]) || !read_candidate(axis, row, LEVEL_LAST, &four[3]))
    return true;
  if (is_later(&four[1].x, &four[2].x)) {
    struct pyramid_pick lowest = four[1];
    four[1] = four[2];
    four[2] = lowest;
  }
  for (int i = 0; i < CANDIDATES; i++) {
    bool again = i > 0 && is_same(&four[i].x, &four[i - 1].x) && is_same(&four[i].y, &four[i - 1].y);
    if (!again && !add_candidate(to, &four[i])) return false;
  }
  return true;
}

static bool take_row(void *state, sqlite3_stmt *row, int level) {
  struct gathering *to = state;
  struct pyramid_pick candidate;
  if (level) return take_bucket(to, row);
  return !read_candidate(&to->call->zoom->axis, row, 0, &candidate) || add_candidate(to, &candidate);
}

/* ---- ZP3: the level ---- */

/* The coarsest level with as many buckets as points in the range; the finest has them. */
static int choose_coarsest(struct pyramid_call *call, int64_t points) {
  for (int level = call->usable; level > 1; level--) {
    int64_t buckets = 0;
    if (!pyramid_count(call, level, points, &buckets)) return 0;
    if (buckets >= points) return level;
  }
  return 1;
}

static int choose_level(struct pyramid_call *call, int64_t points) {
  const int64_t most = RAW_ROWS_MOST * points;
  int64_t rows, buckets;
  if (!call->usable || !pyramid_weigh(call, RAW_ROWS * points + 1, most + 1, points, &rows, &buckets))
    return 0;
  if (rows <= RAW_ROWS * points) return 0;
  if (rows > most && buckets < points && !pyramid_count(call, 1, points, &buckets)) return 0;
  if (buckets >= points) return choose_coarsest(call, points);
  return buckets * CANDIDATES * SPARSE >= points || rows > most;
}

static bool gather(struct points_cursor *cursor, struct pyramid_call *call, int64_t points) {
  const int64_t points_most = INT64_C(1) << 40; /* more than there can be: their multiples fit */
  struct gathering to = {cursor, call};
  if (points > points_most) points = points_most;
  int level = points ? choose_level(call, points) : 0;
  cursor->level = sqlite3_mprintf("%s", level ? call->zoom->levels[level].width_text : "raw");
  if (!cursor->level) return pyramid_check(call, SQLITE_NOMEM);
  if (points && !pyramid_read(call, level, take_row, &to)) return false;
  if (!points_sort(&cursor->candidates, NULL)) return pyramid_check(call, SQLITE_NOMEM);
  pyramid_pick(&cursor->picks, &cursor->candidates, points);
  return !cursor->picks.failed || pyramid_check(call, SQLITE_NOMEM);
}

static int points_filter(sqlite3_vtab_cursor *base, int present, const char *usage, int argc,
                         sqlite3_value **argv) {
  (void)argc;
  struct points_cursor *cursor = (struct points_cursor *)base;
  struct zoom_table *table = (struct zoom_table *)base->pVtab;
  struct pyramid_call call;
  int64_t points = 0;
  forget(cursor);
  int rc = scan_arguments_take(base->pVtab, &cursor->arguments, present, usage, argv);
  if (rc != SQLITE_OK) return rc;
  if (zoom_table_begin(table, &call, &cursor->arguments) &&
      zoom_table_number(&call, &cursor->arguments, "points", 0, &points))
    gather(cursor, &call, points);
  rc = zoom_table_end(table, &call);
  if (rc != SQLITE_OK) forget(cursor);
  return rc;
}

/* ---- Handing out ---- */

static int points_next_row(sqlite3_vtab_cursor *base) {
  ((struct points_cursor *)base)->at++;
  return SQLITE_OK;
}

static int points_eof(sqlite3_vtab_cursor *base) {
  struct points_cursor *cursor = (struct points_cursor *)base;
  return cursor->at >= cursor->picks.n;
}

static void result_coordinate(sqlite3_context *context, const struct point_value *value) {
  if (value->type == POINT_INTEGER)
    sqlite3_result_int64(context, value->integer);
  else if (value->type == POINT_REAL)
    sqlite3_result_double(context, value->real);
  else
    sqlite3_result_text(context, value->text, (int)value->length, SQLITE_TRANSIENT);
}

static int points_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  struct points_cursor *cursor = (struct points_cursor *)base;
  const struct pyramid_pick *pick = &cursor->picks.items[cursor->at];
  if (column == COLUMN_X || column == COLUMN_Y)
    result_coordinate(context, column == COLUMN_X ? &pick->x : &pick->y);
  else if (column == COLUMN_LEVEL)
    sqlite3_result_text(context, cursor->level, -1, SQLITE_TRANSIENT);
  else
    scan_arguments_result(context, &cursor->arguments, column - COLUMN_ARGUMENTS);
  return SQLITE_OK;
}

static int points_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  *rowid = (sqlite3_int64)((struct points_cursor *)base)->at;
  return SQLITE_OK;
}

const sqlite3_module zoom_points_module = {
    .xConnect = points_connect,
    .xBestIndex = points_best_index,
    .xDisconnect = zoom_table_disconnect,
    .xOpen = points_open,
    .xClose = points_close,
    .xFilter = points_filter,
    .xNext = points_next_row,
    .xEof = points_eof,
    .xColumn = points_column,
    .xRowid = points_rowid,
};
