/*
** lttb_scan(table, x, y, n [, filter]): x, y. A table-valued function that reads the table itself.
**
** R-1  The rows are the points of lttb(x, y, n) over the table's rows that the filter lets through, in ascending x and
**      to the bit, values and types (L2 to L8 of ext/function/lttb.c; points_scan.c has which rows are points).
** R-2  n is a whole number >= 0. Errors show the column and the value: x that is neither a finite number nor a time,
**      times beside numbers in x, y that is no finite number.
** R-3  Up to 524,288 points are kept (8 MiB, 12 where types vary, more with text x). Of more points in order of x no more
**      than that are kept at a time either: the first scan counts them, the second, in the same snapshot, picks, with
**      two buckets (2 / n of the points) in memory; where those are too large, the second finds their means and a third
**      picks. All are kept where they don't come in order, or from a table that is read through SQL.
*/
#include "ext/function/function.h"
#include "ext/kernel/lttb.h"
#include "ext/table/points_scan.h"

enum { TABLE, X, Y, N, FILTER, ARGUMENTS };
enum { COLUMN_X, COLUMN_Y, COLUMN_ARGUMENTS, COLUMN_WAY = COLUMN_ARGUMENTS + ARGUMENTS };
enum { KEPT_MOST = 524288 }; /* points: R-3 */

static const char function[] = "lttb_scan";

struct lttb_cursor {
  sqlite3_vtab_cursor base;
  struct scan_arguments arguments;
  char *way;
  struct points picked; /* the result */
  struct points_place next;
  struct point_value x, y; /* the row */
  int64_t row;
  bool end;
};

/* What a call works with. */
struct lttb_call {
  struct points_sink sink; /* first: a struct points_sink that knows more */
  struct lttb_cursor *cursor;
  struct scan_table *table;
  struct table_scan scan;
  struct table_patience patience;
  int64_t n;
  int64_t count;  /* points found by the first scan */
  bool keeps_all; /* they are all in sink.points */
  struct lttb_stream stream;
  bool no_memory; /* for what was picked */
};

static int lttb_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **table,
                        char **error) {
  (void)argc, (void)argv, (void)error;
  return scan_table_connect(db, aux, function,
                            "CREATE TABLE lttb_scan(x, y, table_name HIDDEN, x_column HIDDEN, "
                            "y_column HIDDEN, n HIDDEN, filter HIDDEN, way HIDDEN)",
                            table);
}

static int lttb_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  return table_take_arguments(table, info, COLUMN_ARGUMENTS, 4, ARGUMENTS,
                              "lttb_scan(table, x, y, n [, filter])");
}

static int lttb_open(sqlite3_vtab *table, sqlite3_vtab_cursor **opened) {
  (void)table;
  struct lttb_cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  *cursor = (struct lttb_cursor){.end = true};
  points_init(&cursor->picked);
  *opened = &cursor->base;
  return SQLITE_OK;
}

static int lttb_close(sqlite3_vtab_cursor *base) {
  struct lttb_cursor *cursor = (struct lttb_cursor *)base;
  points_free(&cursor->picked);
  scan_arguments_free(&cursor->arguments);
  sqlite3_free(cursor->way);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

static void pick(void *to, const struct point_value *x, const struct point_value *y) {
  struct lttb_call *call = to;
  if (!call->no_memory && !points_add(&call->cursor->picked, x, y)) call->no_memory = true;
}

/* ---- The first scan: counts the points and sees whether they come in order; keeps them while they are few ---- */

static void clear_first(void *state) {
  struct lttb_call *call = state;
  points_sink_clear(&call->sink);
  call->count = 0;
  call->keeps_all = true;
}

static int take_first(void *state, const struct batch *batch) {
  struct lttb_call *call = state;
  int row = 0;
  int64_t most = INT64_MAX;
  enum points_problem problem = points_add_batch(&call->sink.points, &batch->columns[0], &batch->columns[1],
                                                 true, &row, batch->n, &most);
  if (problem) return points_sink_problem(&call->sink, problem, batch, row);
  call->count += INT64_MAX - most;
  if (call->count > KEPT_MOST && !call->sink.points.unsorted &&
      strcmp(scan_way(call->scan.scan), "pages") == 0)
    call->keeps_all = false;
  if (!call->keeps_all) points_clear(&call->sink.points);
  return SQLITE_OK;
}

/* ---- The scans that pick, of points in order ---- */

static void clear_stream(void *state) {
  struct lttb_call *call = state;
  points_sink_clear(&call->sink);
  points_free(&call->cursor->picked);
  lttb_stream_begin(&call->stream);
}

static int take_stream(void *state, const struct batch *batch) {
  struct lttb_call *call = state;
  int row = 0;
  enum points_problem problem =
      lttb_stream_add(&call->stream, &batch->columns[0], &batch->columns[1], &row, batch->n);
  if (problem) return points_sink_problem(&call->sink, problem, batch, row);
  return call->no_memory ? SQLITE_NOMEM : SQLITE_OK;
}

static int run(struct lttb_call *call, struct scan_sink taker) {
  taker.clear(taker.state);
  return points_sink_run(&call->sink, &taker, call->table, &call->scan, &call->cursor->way);
}

/* Sorts and picks from the points that are kept. */
static int pick_from_all(struct lttb_call *call) {
  int rc = points_sink_sort(&call->sink, &call->patience);
  if (rc != SQLITE_OK) return rc;
  bool done = lttb_pick(&call->sink.points, call->n, pick, call, &call->patience.go_on);
  return points_sink_code(&call->patience, done && !call->no_memory);
}

/* One scan or two that pick from points in order; LTTB_OUT_OF_ORDER: they are not. */
static int stream(struct lttb_call *call, enum lttb_pass *pass) {
  points_sink_clear(&call->sink);
  if (!lttb_stream_open(&call->stream, call->count, call->n, KEPT_MOST, pick, call)) return SQLITE_NOMEM;
  do {
    int rc = run(call, (struct scan_sink){call, take_stream, clear_stream});
    if (rc != SQLITE_OK) return rc;
    *pass = lttb_stream_end(&call->stream);
  } while (*pass == LTTB_ONE_MORE);
  return SQLITE_OK;
}

static int find_points(struct lttb_call *call) {
  int rc = run(call, (struct scan_sink){call, take_first, clear_first});
  if (rc != SQLITE_OK) return rc;
  if (call->keeps_all) return pick_from_all(call);
  if (!call->sink.points.unsorted && call->n < call->count) {
    enum lttb_pass pass;
    rc = stream(call, &pass);
    if (rc != SQLITE_OK || pass == LTTB_DONE) return rc;
    points_free(&call->cursor->picked); /* through SQL rows may come in another order than from pages */
  }
  rc = run(call, (struct scan_sink){&call->sink, points_sink_take, points_sink_clear});
  return rc == SQLITE_OK ? pick_from_all(call) : rc;
}

static int read_n(struct lttb_call *call, sqlite3_value *given) {
  if (given && parameter_whole(given, &call->n) && call->n >= 0) return SQLITE_OK;
  char *shown = given ? value_for_message(given) : NULL;
  int rc = table_error(&call->table->base,
                       "%s: n, the number of points wanted, must be a whole number >= 0, not %s", function,
                       given ? shown : "NULL");
  sqlite3_free(shown);
  return rc;
}

static int next_row(struct lttb_cursor *cursor) {
  cursor->end = !points_next(&cursor->next, &cursor->x, &cursor->y);
  return SQLITE_OK;
}

static int lttb_filter(sqlite3_vtab_cursor *base, int number, const char *usage, int argc,
                       sqlite3_value **argv) {
  static const char *const named[] = {"table", "x", "y"};
  const char *names[3];
  (void)argc;
  struct lttb_cursor *cursor = (struct lttb_cursor *)base;
  struct lttb_call call = {.cursor = cursor, .table = (struct scan_table *)base->pVtab};
  sqlite3_value **values = cursor->arguments.values;
  points_free(&cursor->picked);
  cursor->end = true;
  int rc = scan_arguments_take(base->pVtab, &cursor->arguments, number, usage, argv);
  if (rc != SQLITE_OK) return rc;
  if (!scan_argument_names(call.table, &cursor->arguments, named, names, 3)) return SQLITE_ERROR;
  rc = read_n(&call, values[N]);
  if (rc != SQLITE_OK) return rc;
  points_sink_open(&call.sink, function, names + 1, true);
  rc = table_scan_open(call.table, &call.scan, names[0], names + 1, 2, values[FILTER]);
  if (rc == SQLITE_OK) rc = table_patience_open(call.table, &call.patience);
  if (rc == SQLITE_OK) rc = find_points(&call);
  points_sink_close(&call.sink);
  lttb_stream_close(&call.stream);
  table_patience_close(&call.patience);
  table_scan_close(&call.scan);
  if (rc != SQLITE_OK) return rc;
  points_note_used(&cursor->picked);
  cursor->next = (struct points_place){cursor->picked.first, 0};
  cursor->row = 0;
  return next_row(cursor);
}

static int lttb_next(sqlite3_vtab_cursor *base) {
  struct lttb_cursor *cursor = (struct lttb_cursor *)base;
  cursor->row++;
  return next_row(cursor);
}

static int lttb_eof(sqlite3_vtab_cursor *base) {
  return ((struct lttb_cursor *)base)->end;
}

static int lttb_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  struct lttb_cursor *cursor = (struct lttb_cursor *)base;
  if (column == COLUMN_X || column == COLUMN_Y)
    point_result(context, column == COLUMN_X ? &cursor->x : &cursor->y);
  else if (column == COLUMN_WAY)
    sqlite3_result_text(context, cursor->way, -1, SQLITE_TRANSIENT);
  else
    scan_arguments_result(context, &cursor->arguments, column - COLUMN_ARGUMENTS);
  return SQLITE_OK;
}

static int lttb_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  *rowid = ((struct lttb_cursor *)base)->row;
  return SQLITE_OK;
}

const sqlite3_module lttb_scan_module = {
    .xConnect = lttb_connect,
    .xBestIndex = lttb_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = lttb_open,
    .xClose = lttb_close,
    .xFilter = lttb_filter,
    .xNext = lttb_next,
    .xEof = lttb_eof,
    .xColumn = lttb_column,
    .xRowid = lttb_rowid,
};
