/*
** Two columns of a table as points, x and y, as lttb_scan() and drawdown_scan() take them.
**
** R-1  A row with a NULL in x or y is passed by.
** R-2  x: finite integers or reals, or in all rows ISO 8601 texts; y: integers or reals. All come out as they were.
**      Anything else is an error that names the column and shows the value.
** R-3  Order is that of x, by numbers or by the times that texts mean, as doubles where not all are integers; rows with
**      equal x stay in the table's order. What comes in order costs no sort.
*/
#include "ext/table/points_scan.h"

void points_sink_open(struct points_sink *sink, const char *function, const char *const *columns,
                      bool y_finite) {
  *sink = (struct points_sink){.function = function, .columns = columns, .y_finite = y_finite};
  points_init(&sink->points);
}

void points_sink_close(struct points_sink *sink) {
  points_free(&sink->points);
  sqlite3_free(sink->error);
  sink->error = NULL;
}

void points_sink_clear(void *state) {
  points_sink_close(state);
}

int points_sink_problem(struct points_sink *sink, enum points_problem problem, const struct batch *batch,
                        int row) {
  static const char *const wanted[] = {
      [POINTS_BAD_X] = "must hold finite numbers or ISO times such as '2024-05-01 12:30:00', not %s",
      [POINTS_BAD_Y] = "must hold numbers, not %s",
      [POINTS_AFTER_TIME] = "must hold ISO times in all rows or in none, not %s after a time",
      [POINTS_AFTER_NUMBER] = "must hold ISO times in all rows or in none, not %s after a number",
  };
  if (problem == POINTS_NO_MEMORY) return SQLITE_NOMEM;
  int column = problem == POINTS_BAD_Y;
  const char *format = column && sink->y_finite ? "must hold finite numbers, not %s" : wanted[problem];
  char *shown = batch_value_for_message(&batch->columns[column], row), *what = sqlite3_mprintf(format, shown);
  sink->error =
      shown && what ? sqlite3_mprintf("%s: column %s %s", sink->function, sink->columns[column], what) : NULL;
  sqlite3_free(shown);
  sqlite3_free(what);
  return sink->error ? SQLITE_ERROR : SQLITE_NOMEM;
}

int points_sink_take(void *state, const struct batch *batch) {
  struct points_sink *sink = state;
  int row = 0;
  int64_t most = INT64_MAX;
  enum points_problem problem = points_add_batch(&sink->points, &batch->columns[0], &batch->columns[1],
                                                 sink->y_finite, &row, batch->n, &most);
  return problem ? points_sink_problem(sink, problem, batch, row) : SQLITE_OK;
}

int points_sink_run(struct points_sink *sink, const struct scan_sink *taker, struct scan_table *table,
                    struct table_scan *scan, char **way) {
  scan->request.in_order = true; /* */
  int rc = table_scan_run(table, scan, taker, 1, way);
  return sink->error ? table_scan_failed(table, rc, &sink->error) : rc;
}

int points_sink_code(const struct table_patience *patience, bool done) {
  return done ? SQLITE_OK : patience->rc != SQLITE_OK ? patience->rc : SQLITE_NOMEM;
}

int points_sink_sort(struct points_sink *sink, const struct table_patience *patience) {
  return points_sink_code(patience, points_sort(&sink->points, &patience->go_on));
}

void point_result(sqlite3_context *context, const struct point_value *value) {
  if (value->type == POINT_TEXT)
    sqlite3_result_text64(context, value->text, value->length, SQLITE_TRANSIENT, SQLITE_UTF8);
  else if (value->type == POINT_REAL)
    sqlite3_result_double(context, value->real);
  else
    sqlite3_result_int64(context, value->integer);
}
