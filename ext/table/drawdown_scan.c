/*
** drawdown_scan(table, time, value, frame_rows [, filter]): time, value, peak, drawdown, deepest. A table-valued function
** that reads the table itself.
**
** R-1  A row for each of the table's rows that the filter lets through and that has a time and a value (points_scan.c:
**      what they may be), in order of time; rows of one time stay in the table's order.
** R-2  A row's frame is itself and the frame_rows - 1 rows before it, fewer at the start:
**      OVER (ORDER BY time ROWS BETWEEN frame_rows - 1 PRECEDING AND CURRENT ROW) in SQL.
** R-3  time and value are as they were; peak is the frame's largest value, compared exactly and as it was; of equal
**      ones the newest.
** R-4  drawdown is drawdown(value) OVER the frame: value / peak - 1, at most 0.0. deepest is rolling_drawdown(value)
**      OVER the frame: the minimum of that over all pairs of an earlier and a later value within it. Both are reals, NULL
**      where a value of the frame is negative; 0.0 below a peak of 0 (ext/function/drawdown.c has the rules).
** R-5  frame_rows is a whole number >= 1. Text or blobs as values are errors.
** R-6  Memory: 16 bytes a row, 24 where types vary within a column, 24 and the text for text times; and up to 72 for
**      each row of a frame in which values fall all the way. Everything else is computed as rows are handed out.
*/
#include "ext/function/function.h"
#include "ext/kernel/drawdown_frame.h"
#include "ext/table/points_scan.h"

enum { TABLE, TIME, VALUE, FRAME_ROWS, FILTER, ARGUMENTS };
enum {
  COLUMN_TIME,
  COLUMN_VALUE,
  COLUMN_PEAK,
  COLUMN_DRAWDOWN,
  COLUMN_DEEPEST,
  COLUMN_ARGUMENTS,
  COLUMN_WAY = COLUMN_ARGUMENTS + ARGUMENTS
};

static const char function[] = "drawdown_scan";

struct drawdown_cursor {
  sqlite3_vtab_cursor base;
  struct scan_arguments arguments;
  char *way;
  struct points points; /* all rows, in order */
  struct points_place next;
  struct drawdown_frame frame;
  struct point_value time, value; /* the row */
  int64_t row;
  bool end;
};

static int drawdown_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **table,
                            char **error) {
  (void)argc, (void)argv, (void)error;
  return scan_table_connect(db, aux, function,
                            "CREATE TABLE drawdown_scan(time, value, peak, drawdown REAL, deepest REAL, "
                            "table_name HIDDEN, time_column HIDDEN, value_column HIDDEN, frame_rows HIDDEN, "
                            "filter HIDDEN, way HIDDEN)",
                            table);
}

static int drawdown_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  int rc = table_take_arguments(table, info, COLUMN_ARGUMENTS, 4, ARGUMENTS,
                                "drawdown_scan(table, time, value, frame_rows [, filter])");
  info->estimatedRows = 1000000;
  return rc;
}

static int drawdown_open(sqlite3_vtab *table, sqlite3_vtab_cursor **opened) {
  (void)table;
  struct drawdown_cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  *cursor = (struct drawdown_cursor){.end = true};
  points_init(&cursor->points);
  *opened = &cursor->base;
  return SQLITE_OK;
}

static void forget(struct drawdown_cursor *cursor) {
  points_free(&cursor->points);
  drawdown_frame_close(&cursor->frame);
  cursor->end = true;
}

static int drawdown_close(sqlite3_vtab_cursor *base) {
  struct drawdown_cursor *cursor = (struct drawdown_cursor *)base;
  forget(cursor);
  scan_arguments_free(&cursor->arguments);
  sqlite3_free(cursor->way);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* */
static int read_frame_rows(struct scan_table *table, sqlite3_value *given, int64_t *frame_rows) {
  if (given && parameter_whole(given, frame_rows) && *frame_rows >= 1) return SQLITE_OK;
  char *shown = given ? value_for_message(given) : NULL;
  int rc =
      table_error(&table->base, "%s: frame_rows, the rows in a frame, must be a whole number >= 1, not %s",
                  function, given ? shown : "NULL");
  sqlite3_free(shown);
  return rc;
}

/* reads and sorts; the points become the cursor's. */
static int collect(struct drawdown_cursor *cursor, struct scan_table *table, struct table_scan *scan,
                   const char *const *columns) {
  struct points_sink sink;
  struct scan_sink taker = {&sink, points_sink_take, points_sink_clear};
  struct table_patience patience;
  points_sink_open(&sink, function, columns, false);
  int rc = table_patience_open(table, &patience);
  if (rc == SQLITE_OK) rc = points_sink_run(&sink, &taker, table, scan, &cursor->way);
  if (rc == SQLITE_OK) rc = points_sink_sort(&sink, &patience);
  if (rc == SQLITE_OK) {
    cursor->points = sink.points;
    points_init(&sink.points);
  }
  points_sink_close(&sink);
  table_patience_close(&patience);
  return rc;
}

static int next_row(struct drawdown_cursor *cursor) {
  cursor->end = !points_next(&cursor->next, &cursor->time, &cursor->value);
  if (cursor->end) return SQLITE_OK;
  return drawdown_frame_add(&cursor->frame, &cursor->value) ? SQLITE_OK : SQLITE_NOMEM;
}

static int drawdown_filter(sqlite3_vtab_cursor *base, int number, const char *usage, int argc,
                           sqlite3_value **argv) {
  static const char *const named[] = {"table", "time", "value"};
  const char *names[3];
  (void)argc;
  struct drawdown_cursor *cursor = (struct drawdown_cursor *)base;
  struct scan_table *table = (struct scan_table *)base->pVtab;
  struct table_scan scan = {0};
  sqlite3_value **values = cursor->arguments.values;
  int64_t frame_rows;
  forget(cursor);
  int rc = scan_arguments_take(base->pVtab, &cursor->arguments, number, usage, argv);
  if (rc != SQLITE_OK) return rc;
  if (!scan_argument_names(table, &cursor->arguments, named, names, 3)) return SQLITE_ERROR;
  rc = read_frame_rows(table, values[FRAME_ROWS], &frame_rows);
  if (rc != SQLITE_OK) return rc;
  rc = table_scan_open(table, &scan, names[0], names + 1, 2, values[FILTER]);
  if (rc == SQLITE_OK) rc = collect(cursor, table, &scan, names + 1);
  table_scan_close(&scan);
  if (rc != SQLITE_OK) return rc;
  drawdown_frame_open(&cursor->frame, frame_rows);
  points_note_used(&cursor->points);
  cursor->next = (struct points_place){cursor->points.first, 0};
  cursor->row = 0;
  return next_row(cursor);
}

static int drawdown_next(sqlite3_vtab_cursor *base) {
  struct drawdown_cursor *cursor = (struct drawdown_cursor *)base;
  cursor->row++;
  return next_row(cursor);
}

static int drawdown_eof(sqlite3_vtab_cursor *base) {
  return ((struct drawdown_cursor *)base)->end;
}

static int drawdown_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  struct drawdown_cursor *cursor = (struct drawdown_cursor *)base;
  double found;
  switch (column) {
  case COLUMN_TIME:
    point_result(context, &cursor->time);
    break;
  case COLUMN_VALUE:
    point_result(context, &cursor->value);
    break;
  case COLUMN_PEAK: {
    struct point_value peak = drawdown_frame_peak(&cursor->frame);
    point_result(context, &peak);
    break;
  }
  case COLUMN_DRAWDOWN: /* NULL, which is SQLite's default, where there is no answer: R-4 */
    if (drawdown_newest(&cursor->frame.queue, &found) == DRAWDOWN_FOUND)
      sqlite3_result_double(context, found);
    break;
  case COLUMN_DEEPEST:
    if (drawdown_deepest(&cursor->frame.queue, &found) == DRAWDOWN_FOUND)
      sqlite3_result_double(context, found);
    break;
  case COLUMN_WAY:
    sqlite3_result_text(context, cursor->way, -1, SQLITE_TRANSIENT);
    break;
  default:
    scan_arguments_result(context, &cursor->arguments, column - COLUMN_ARGUMENTS);
  }
  return SQLITE_OK;
}

static int drawdown_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  *rowid = ((struct drawdown_cursor *)base)->row;
  return SQLITE_OK;
}

const sqlite3_module drawdown_scan_module = {
    .xConnect = drawdown_connect,
    .xBestIndex = drawdown_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = drawdown_open,
    .xClose = drawdown_close,
    .xFilter = drawdown_filter,
    .xNext = drawdown_next,
    .xEof = drawdown_eof,
    .xColumn = drawdown_column,
    .xRowid = drawdown_rowid,
};
