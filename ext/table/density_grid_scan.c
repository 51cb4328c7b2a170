/*
** density_grid_scan(table, x, y, nx, ny [, x0, x1, y0, y1 [, filter]]): grid, trace. A table-valued function that reads
** the table itself.
**
** R-1  One row: `grid` is density_grid(x, y, nx, ny [, x0, x1, y0, y1]) over the table's rows that the filter lets
**      through, `trace` is density_grid_trace(...) of the same, to the byte (D1 to D5 and D7 of
**      ext/function/density_grid.c). Without any row the cells are 0, and the range that is not given is 0 to 1.
** R-2  A range is given whole or not at all; NULL is not given. nx, ny and the range are as D8 says.
** R-3  Rows with a NULL in x or y are passed by. Text or blobs in them, and without a range infinite values, are errors
**      that name the column and show the value.
** R-4  Memory is that of the cells, with several threads as often as there are threads, and at most four times
**      128 MiB. Without a range there are two scans in one snapshot, or one where no more than 65,536 points are found
**      (by a thread): those are kept.
*/
#include "ext/function/function.h"
#include "ext/kernel/density_grid.h"
#include "ext/table/scans.h"
#include <math.h>
#include <stdlib.h>

enum { TABLE, X, Y, NX, NY, X0, X1, Y0, Y1, FILTER, ARGUMENTS };
enum { COLUMN_GRID, COLUMN_TRACE, COLUMN_ARGUMENTS, COLUMN_WAY = COLUMN_ARGUMENTS + ARGUMENTS };
enum { KEPT_MOST = 65536 }; /* points, 1 MiB: R-4 */

static const char function[] = "density_grid_scan";

/* What one thread sees. */
struct grid_sink {
  const char *const *columns; /* x and y, for messages */
  char *error;
  struct density_grid grid; /* while `counts` */
  bool counts, finds_reach;
  double reach[4];
  double *kept_x, *kept_y; /* while `keeps` */
  int64_t n_kept;
  bool keeps;
  struct grid_points points;
};

struct grid_cursor {
  sqlite3_vtab_cursor base;
  struct scan_arguments arguments;
  char *way;
  struct density_grid grid; /* the result */
  bool open, end;
};

static int grid_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **table,
                        char **error) {
  (void)argc, (void)argv, (void)error;
  return scan_table_connect(db, aux, function,
                            "CREATE TABLE density_grid_scan(grid TEXT, trace TEXT, table_name HIDDEN, "
                            "x_column HIDDEN, y_column HIDDEN, nx HIDDEN, ny HIDDEN, x0 HIDDEN, x1 HIDDEN, "
                            "y0 HIDDEN, y1 HIDDEN, filter HIDDEN, way HIDDEN)",
                            table);
}

static int grid_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  int rc = table_take_arguments(table, info, COLUMN_ARGUMENTS, 5, ARGUMENTS,
                                "density_grid_scan(table, x, y, nx, ny [, x0, x1, y0, y1 [, filter]])");
  info->estimatedRows = 1;
  return rc;
}

static int grid_open(sqlite3_vtab *table, sqlite3_vtab_cursor **opened) {
  (void)table;
  struct grid_cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  *cursor = (struct grid_cursor){.end = true};
  *opened = &cursor->base;
  return SQLITE_OK;
}

static void forget(struct grid_cursor *cursor) {
  if (cursor->open) density_grid_close(&cursor->grid);
  cursor->open = false;
  cursor->end = true;
}

static int grid_close(sqlite3_vtab_cursor *base) {
  struct grid_cursor *cursor = (struct grid_cursor *)base;
  forget(cursor);
  scan_arguments_free(&cursor->arguments);
  sqlite3_free(cursor->way);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* ---- Taking batches ---- */

static int not_taken(struct grid_sink *sink, int column, const char *what, const struct batch *batch,
                     int row) {
  char *shown = batch_value_for_message(&batch->columns[column], row);
  sink->error =
      sqlite3_mprintf("%s: column %s must hold %s, not %s", function, sink->columns[column], what, shown);
  sqlite3_free(shown);
  return sink->error ? SQLITE_ERROR : SQLITE_NOMEM;
}

/* the batch has an infinite value, in a row without NULL. */
static int infinite(struct grid_sink *sink, const struct batch *batch) {
  for (int row = 0; row < batch->n; row++) {
    for (int column = 0; column < 2; column++) {
      const struct batch_column *other = &batch->columns[!column], *values = &batch->columns[column];
      if (batch_type_at(other, row) != BATCH_NULL && batch_type_at(values, row) == BATCH_REAL &&
          isinf(values->values[row].real))
        return not_taken(sink, column, "finite numbers where no range is given", batch, row);
    }
  }
  return SQLITE_OK;
}

static void keep(struct grid_sink *sink) {
  const struct grid_points *points = &sink->points;
  sink->keeps = sink->n_kept + points->n <= KEPT_MOST;
  if (!sink->keeps) return;
  memcpy(sink->kept_x + sink->n_kept, points->x, (size_t)points->n * sizeof(double));
  memcpy(sink->kept_y + sink->n_kept, points->y, (size_t)points->n * sizeof(double));
  sink->n_kept += points->n;
}

static int take(void *state, const struct batch *batch) {
  struct grid_sink *sink = state;
  int row;
  enum grid_problem problem =
      grid_points_read(&sink->points, &batch->columns[0], &batch->columns[1], batch->n, &row);
  if (problem) return not_taken(sink, problem == GRID_BAD_Y, "numbers", batch, row);
  if (sink->counts) density_grid_count(&sink->grid, sink->points.x, sink->points.y, sink->points.n);
  if (!sink->finds_reach) return SQLITE_OK;
  grid_reach_points(sink->reach, &sink->points);
  for (int i = 0; i < 4; i += 2)
    if (sink->reach[i] == -INFINITY || sink->reach[i + 1] == INFINITY) return infinite(sink, batch);
  if (sink->keeps) keep(sink);
  return SQLITE_OK;
}

static void clear(void *state) {
  struct grid_sink *sink = state;
  sqlite3_free(sink->error);
  sink->error = NULL;
  if (sink->counts)
    memset(sink->grid.counts, 0,
           ((size_t)(sink->grid.x.bins * sink->grid.y.bins) + 1) * sizeof *sink->grid.counts);
  memcpy(sink->reach, (double[]){INFINITY, -INFINITY, INFINITY, -INFINITY}, sizeof sink->reach);
  sink->n_kept = 0;
  sink->keeps = sink->kept_x && sink->kept_y;
}

/* ---- One call ---- */

/* What a call works with. */
struct grid_call {
  struct grid_cursor *cursor;
  struct scan_table *table;
  struct table_scan scan;
  double bins[2], range[4];
  bool has_range;
  int n_sinks;
  struct grid_sink *sinks;
  struct scan_sink *takers;
};

/* With a message, or no memory for it. */
static int failed(struct grid_call *call, char *error) {
  return table_scan_failed(call->table, error ? SQLITE_ERROR : SQLITE_NOMEM, &error);
}

/* */
static int read_parameters(struct grid_call *call) {
  static const char *const names[] = {"x0", "x1", "y0", "y1"};
  sqlite3_value **values = call->cursor->arguments.values;
  char *error = NULL;
  int given = 0, missing = 0;
  if (!grid_bins(function, values + NX, call->bins, &error)) return failed(call, error);
  for (int i = 0; i < 4; i++) {
    if (values[X0 + i])
      given++;
    else
      missing = i;
  }
  if (!given) return SQLITE_OK;
  if (given < 4)
    return table_error(&call->table->base, "%s: x0, x1, y0 and y1 must be given all or none: %s is not given",
                       function, names[missing]);
  call->has_range = true;
  if (grid_range(function, values + X0, call->range, &error) &&
      grid_width_fits(function, call->range, &error))
    return SQLITE_OK;
  return failed(call, error);
}

static int open_sinks(struct grid_call *call, const char *const *columns) {
  int64_t cells = (int64_t)call->bins[0] * (int64_t)call->bins[1];
  int64_t fit = 4 * DENSITY_GRID_CELLS_MOST / cells; /* */
  call->n_sinks = call->table->settings->threads < fit ? call->table->settings->threads : (int)fit;
  call->sinks = calloc((size_t)call->n_sinks, sizeof *call->sinks);
  call->takers = calloc((size_t)call->n_sinks, sizeof *call->takers);
  if (!call->sinks || !call->takers) return SQLITE_NOMEM;
  for (int i = 0; i < call->n_sinks; i++) {
    call->sinks[i].columns = columns;
    call->takers[i] = (struct scan_sink){&call->sinks[i], take, clear};
  }
  return SQLITE_OK;
}

static void close_sinks(struct grid_call *call) {
  for (int i = 0; call->sinks && i < call->n_sinks; i++) {
    struct grid_sink *sink = &call->sinks[i];
    sqlite3_free(sink->error);
    free(sink->kept_x);
    free(sink->kept_y);
    if (sink->counts) density_grid_close(&sink->grid);
  }
  free(call->sinks);
  free(call->takers);
}

static int run(struct grid_call *call) {
  for (int i = 0; i < call->n_sinks; i++) clear(&call->sinks[i]);
  int rc = table_scan_run(call->table, &call->scan, call->takers, call->n_sinks, &call->cursor->way);
  for (int i = 0; i < call->n_sinks && rc == SQLITE_ERROR; i++) {
    char *error = call->sinks[i].error;
    call->sinks[i].error = NULL;
    if (error) return failed(call, error);
  }
  return rc;
}

static int open_grids(struct grid_call *call) {
  for (int i = 0; i < call->n_sinks; i++) {
    struct grid_sink *sink = &call->sinks[i];
    sink->counts =
        density_grid_open(&sink->grid, (int64_t)call->bins[0], (int64_t)call->bins[1], call->range, false);
    if (!sink->counts) return SQLITE_NOMEM;
  }
  return SQLITE_OK;
}

/* D4: the range of the data; and are all the points kept? */
static int find_range(struct grid_call *call, bool *kept) {
  double reach[4] = {INFINITY, -INFINITY, INFINITY, -INFINITY};
  for (int i = 0; i < call->n_sinks; i++) {
    struct grid_sink *sink = &call->sinks[i];
    sink->finds_reach = true;
    sink->kept_x = malloc(KEPT_MOST * sizeof *sink->kept_x);
    sink->kept_y = malloc(KEPT_MOST * sizeof *sink->kept_y);
    if (!sink->kept_x || !sink->kept_y) return SQLITE_NOMEM;
  }
  int rc = run(call);
  if (rc != SQLITE_OK) return rc;
  *kept = true;
  for (int i = 0; i < call->n_sinks; i++) {
    struct grid_sink *sink = &call->sinks[i];
    for (int k = 0; k < 4; k += 2) {
      reach[k] = fmin(reach[k], sink->reach[k]);
      reach[k + 1] = fmax(reach[k + 1], sink->reach[k + 1]);
    }
    *kept = *kept && sink->keeps;
    sink->finds_reach = false;
  }
  if (reach[0] > reach[1]) memcpy(reach, (double[]){0, 1, 0, 1}, sizeof reach);
  density_grid_widen(&reach[0], &reach[1]);
  density_grid_widen(&reach[2], &reach[3]);
  memcpy(call->range, reach, sizeof reach);
  char *error = NULL;
  return grid_width_fits(function, reach, &error) ? SQLITE_OK : failed(call, error);
}

static int count(struct grid_call *call) {
  bool kept = false;
  int rc = call->has_range ? SQLITE_OK : find_range(call, &kept);
  if (rc == SQLITE_OK) rc = open_grids(call);
  if (rc != SQLITE_OK) return rc;
  for (int i = 0; i < call->n_sinks && kept; i++) {
    struct grid_sink *sink = &call->sinks[i];
    density_grid_count(&sink->grid, sink->kept_x, sink->kept_y, sink->n_kept);
  }
  if (!kept) rc = run(call);
  if (rc != SQLITE_OK) return rc;
  for (int i = 1; i < call->n_sinks; i++) density_grid_merge(&call->sinks[0].grid, &call->sinks[i].grid);
  call->cursor->grid = call->sinks[0].grid;
  call->cursor->open = true;
  call->cursor->end = false;
  call->sinks[0].counts = false; /* its grid is the cursor's now */
  return SQLITE_OK;
}

static int grid_filter(sqlite3_vtab_cursor *base, int number, const char *usage, int argc,
                       sqlite3_value **argv) {
  static const char *const named[] = {"table", "x", "y"};
  const char *names[3];
  (void)argc;
  struct grid_cursor *cursor = (struct grid_cursor *)base;
  struct grid_call call = {.cursor = cursor, .table = (struct scan_table *)base->pVtab};
  sqlite3_value **values = cursor->arguments.values;
  forget(cursor);
  int rc = scan_arguments_take(base->pVtab, &cursor->arguments, number, usage, argv);
  if (rc != SQLITE_OK) return rc;
  if (!scan_argument_names(call.table, &cursor->arguments, named, names, 3)) return SQLITE_ERROR;
  rc = read_parameters(&call);
  if (rc != SQLITE_OK) return rc;
  rc = table_scan_open(call.table, &call.scan, names[0], names + 1, 2, values[FILTER]);
  if (rc == SQLITE_OK) rc = open_sinks(&call, names + 1);
  if (rc == SQLITE_OK) rc = count(&call);
  close_sinks(&call);
  table_scan_close(&call.scan);
  return rc;
}

static int grid_next(sqlite3_vtab_cursor *base) {
  ((struct grid_cursor *)base)->end = true;
  return SQLITE_OK;
}

static int grid_eof(sqlite3_vtab_cursor *base) {
  return ((struct grid_cursor *)base)->end;
}

static int grid_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  struct grid_cursor *cursor = (struct grid_cursor *)base;
  struct json_text json = {0};
  if (column == COLUMN_WAY) {
    sqlite3_result_text(context, cursor->way, -1, SQLITE_TRANSIENT);
  } else if (column >= COLUMN_ARGUMENTS) {
    scan_arguments_result(context, &cursor->arguments, column - COLUMN_ARGUMENTS);
  } else {
    if (column == COLUMN_GRID)
      density_grid_put(&cursor->grid, &json);
    else
      density_grid_put_trace(&cursor->grid, &json);
    json_result(context, &json);
  }
  return SQLITE_OK;
}

static int grid_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  (void)base;
  *rowid = 0;
  return SQLITE_OK;
}

const sqlite3_module density_grid_scan_module = {
    .xConnect = grid_connect,
    .xBestIndex = grid_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = grid_open,
    .xClose = grid_close,
    .xFilter = grid_filter,
    .xNext = grid_next,
    .xEof = grid_eof,
    .xColumn = grid_column,
    .xRowid = grid_rowid,
};
