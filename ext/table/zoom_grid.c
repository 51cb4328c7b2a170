/*
** zoom_grid(name, x0, x1, y0, y1, nx, ny [, key]): a detail of a zoom over space as one row, grid, trace, x0, x1, y0, y1, nx,
** ny. A table-valued function.
**
** ZG1  `grid` is a matrix of counts as density_grid() gives it (rows of y, columns of x), of nx * ny cells over x0 ... x1 and
**      y0 ... y1, as these result columns have them; `trace` is the same as a Plotly trace. What is counted are the rows of
**      that key that a zoom counts (x and y are finite numbers, no key is NULL) at the moment of the call: also after
**      changes that no refresh has seen.
** ZG2  It is read from stored cells where the data set has not changed since the last refresh and the zoom's finest cells are
**      not larger than those asked for. Of the grids that halve the cells of an axis from the data set's whole range on, it
**      is, on each axis, the coarsest whose cells are not larger than (x1 - x0) / nx, and the asked range comes widened to
**      whole cells of that and cut at the ends of the data: so that it has at most 2 nx + 2 columns, rows likewise.
**      Cells are those of density_grid() over the whole range of the data: edges to the bit, and the last one alone is
**      closed above. For the whole range and powers of two, it is density_grid() of the data set.
** ZG3  Else it is density_grid() over the asked range, from raw rows.
** ZG4  x0 and x1, or y0 and y1, that are NULL are the ends of the data: the lowest and highest value of the data set, a
**      half to each side where these are one; 0 to 1 where it is empty.
** ZG5  The hidden column `level` tells which grid was read: '128x128', or 'raw' for rows.
** ZG6  Errors, under its name: no such zoom (with those there are), a paused one, a key that is missing or too much, bins and
**      ends as density_grid()'s (D8), x0 without x1.
*/
#include "ext/function/function.h"
#include "ext/kernel/cell_window.h"
#include "ext/kernel/density_grid.h"
#include "ext/pyramid/cells.h"
#include "ext/table/scans.h"
#include <string.h>

enum { NAME, X0, X1, Y0, Y1, NX, NY, KEY, ARGUMENTS, REQUIRED = KEY };
enum {
  COLUMN_GRID,
  COLUMN_TRACE,
  COLUMN_X0,
  COLUMN_X1,
  COLUMN_Y0,
  COLUMN_Y1,
  COLUMN_NX,
  COLUMN_NY,
  COLUMN_ARGUMENTS,
  COLUMN_LEVEL = COLUMN_ARGUMENTS + ARGUMENTS
};
enum { SIDE_MIN = 8 /* of the coarsest stored grid */ };

static const char function[] = "zoom_grid";

struct grid_table {
  sqlite3_vtab base;
  sqlite3 *db;
};

struct grid_cursor {
  sqlite3_vtab_cursor base;
  struct scan_arguments arguments;
  struct density_grid grid;
  int64_t level[2]; /* the stored grid; 0: raw rows */
  bool open, end;
};

static int grid_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **opened,
                        char **error) {
  (void)aux, (void)argc, (void)argv, (void)error;
  int rc = sqlite3_declare_vtab(db, "CREATE TABLE zoom_grid(grid TEXT, trace TEXT, x0 REAL, x1 REAL, y0 REAL,"
                                    " y1 REAL, nx INTEGER, ny INTEGER, zoom_name HIDDEN, from_x HIDDEN,"
                                    " to_x HIDDEN, from_y HIDDEN, to_y HIDDEN, columns HIDDEN, rows HIDDEN,"
                                    " key HIDDEN, level HIDDEN)");
  if (rc != SQLITE_OK) return rc;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  struct grid_table *table = sqlite3_malloc(sizeof *table);
  if (!table) return SQLITE_NOMEM;
  *table = (struct grid_table){.db = db};
  *opened = &table->base;
  return SQLITE_OK;
}

static int grid_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  int rc = table_take_arguments(table, info, COLUMN_ARGUMENTS, REQUIRED, ARGUMENTS,
                                "zoom_grid(name, x0, x1, y0, y1, nx, ny [, key])");
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
  cursor->level[0] = cursor->level[1] = 0;
}

static int grid_close(sqlite3_vtab_cursor *base) {
  struct grid_cursor *cursor = (struct grid_cursor *)base;
  forget(cursor);
  scan_arguments_free(&cursor->arguments);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* ---- One call ---- */

struct grid_call {
  struct grid_cursor *cursor;
  struct cells_call cells;
  double bins[2], range[4]; /* as asked for */
  struct cell_window x, y;
  int shift_x, shift_y; /* of the stored grid's cells to those of the result, as powers of two */
};

/* With the message, or no memory for it. */
static bool fail(struct grid_call *call, char *error) {
  struct pyramid_call *of = &call->cells.call;
  of->rc = error ? SQLITE_ERROR : SQLITE_NOMEM;
  of->error = error;
  return false;
}

/* ZG4 */
static bool read_parameters(struct grid_call *call) {
  sqlite3_value **values = call->cursor->arguments.values;
  char *error = NULL;
  if (!grid_bins(function, values + NX, call->bins, &error)) return fail(call, error);
  for (int i = 0; i < 4; i += 2) {
    if (!values[X0 + i] && !values[X0 + i + 1]) {
      if (!cells_measure(&call->cells)) return false;
      memcpy(call->range + i, call->cells.range + i, 2 * sizeof *call->range);
    } else if (!values[X0 + i] || !values[X0 + i + 1])
      return pyramid_fail(&call->cells.call, "%s0 and %s1 must be given both or neither: one of them is NULL",
                          i ? "y" : "x", i ? "y" : "x");
    else if (!grid_axis_range(function, i > 0, values + X0 + i, call->range + i, &error))
      return fail(call, error);
  }
  return grid_width_fits(function, call->range, &error) || fail(call, error);
}

static bool open_grid(struct grid_call *call, int64_t nx, int64_t ny, const double range[4]) {
  struct grid_cursor *cursor = call->cursor;
  cursor->open = density_grid_open(&cursor->grid, nx, ny, range, false);
  return cursor->open || pyramid_check(&call->cells.call, SQLITE_NOMEM);
}

/* Is it known that nothing of the data is within the range? */
static bool is_beside(const struct grid_call *call) {
  const double *data = call->cells.range, *asked = call->range;
  if (!call->cells.measured) return false;
  return call->cells.n == 0 || asked[0] > data[1] || asked[1] < data[0] || asked[2] > data[3] ||
         asked[3] < data[2];
}

static void take_cell(void *state, int64_t ix, int64_t iy, int64_t n) {
  struct grid_call *call = state;
  struct density_grid *grid = &call->cursor->grid;
  ix = (ix >> call->shift_x) - call->x.first;
  iy = (iy >> call->shift_y) - call->y.first;
  if (ix >= 0 && ix < grid->x.bins && iy >= 0 && iy < grid->y.bins)
    grid->counts[1 + iy * grid->x.bins + ix] += (uint64_t)n;
}

static void take_point(void *state, double x, double y) {
  struct grid_call *call = state;
  struct density_grid *grid = &call->cursor->grid;
  grid->counts[density_grid_cell(grid, x, y)]++;
}

/* How often `small` is doubled to be `large`. */
static int doublings(int64_t small, int64_t large) {
  int n = 0;
  while (small << n < large) n++;
  return n;
}

/* ZG2; the coarsest stored grid that has the cells of both axes. */
static bool read_cells(struct grid_call *call) {
  const struct cell_window *x = &call->x, *y = &call->y;
  int64_t nx = call->cells.nx, ny = call->cells.ny;
  while (nx / 2 >= x->side && ny / 2 >= y->side && nx / 2 >= SIDE_MIN && ny / 2 >= SIDE_MIN) nx /= 2, ny /= 2;
  call->shift_x = doublings(x->side, nx);
  call->shift_y = doublings(y->side, ny);
  call->cursor->level[0] = nx;
  call->cursor->level[1] = ny;
  const int64_t columns[] = {x->first << call->shift_x, x->end << call->shift_x};
  const int64_t rows[] = {y->first << call->shift_y, y->end << call->shift_y};
  return open_grid(call, x->end - x->first, y->end - y->first,
                   (double[]){x->low, x->high, y->low, y->high}) &&
         cells_read(&call->cells, nx, columns, rows, take_cell, call);
}

static bool count(struct grid_call *call) {
  struct cells_call *cells = &call->cells;
  const double *data = cells->range, *asked = call->range;
  bool reads = !is_beside(call);
  if (reads && cells->stored && cells->nx > 0 &&
      cell_window_choose(&call->x, data[0], data[1], cells->nx, asked[0], asked[1], (int64_t)call->bins[0]) &&
      cell_window_choose(&call->y, data[2], data[3], cells->ny, asked[2], asked[3], (int64_t)call->bins[1]))
    return read_cells(call);
  return open_grid(call, (int64_t)call->bins[0], (int64_t)call->bins[1], asked) &&
         (!reads || cells_read_points(cells, asked, take_point, call)); /* ZG3 */
}

static int grid_filter(sqlite3_vtab_cursor *base, int present, const char *usage, int argc,
                       sqlite3_value **argv) {
  (void)argc;
  struct grid_cursor *cursor = (struct grid_cursor *)base;
  struct grid_table *table = (struct grid_table *)base->pVtab;
  struct grid_call call = {.cursor = cursor};
  struct pyramid_call *state = &call.cells.call;
  sqlite3_value **values = cursor->arguments.values;
  forget(cursor);
  int rc = scan_arguments_take(base->pVtab, &cursor->arguments, present, usage, argv);
  if (rc != SQLITE_OK) return rc;
  if (cells_begin(&call.cells, table->db, function, values[NAME], values[KEY]) && read_parameters(&call))
    count(&call);
  cells_end(&call.cells);
  cursor->end = state->rc != SQLITE_OK;
  if (cursor->end) forget(cursor);
  if (state->error) {
    sqlite3_free(table->base.zErrMsg);
    table->base.zErrMsg = state->error;
  }
  return state->rc;
}

/* ---- Handing out ---- */

static int grid_next(sqlite3_vtab_cursor *base) {
  ((struct grid_cursor *)base)->end = true;
  return SQLITE_OK;
}

static int grid_eof(sqlite3_vtab_cursor *base) {
  return ((struct grid_cursor *)base)->end;
}

static void result_level(sqlite3_context *context, const int64_t level[2]) {
  char text[48];
  sqlite3_snprintf(sizeof text, text, level[0] ? "%lldx%lld" : "raw", (long long)level[0],
                   (long long)level[1]);
  sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static int grid_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  struct grid_cursor *cursor = (struct grid_cursor *)base;
  const struct density_grid *grid = &cursor->grid;
  struct json_text json = {0};
  switch (column) {
  case COLUMN_GRID:
    density_grid_put(grid, &json);
    json_result(context, &json);
    break;
  case COLUMN_TRACE:
    density_grid_put_trace(grid, &json);
    json_result(context, &json);
    break;
  case COLUMN_X0:
  case COLUMN_X1:
    sqlite3_result_double(context, column == COLUMN_X0 ? grid->x.first : grid->x.last);
    break;
  case COLUMN_Y0:
  case COLUMN_Y1:
    sqlite3_result_double(context, column == COLUMN_Y0 ? grid->y.first : grid->y.last);
    break;
  case COLUMN_NX:
  case COLUMN_NY:
    sqlite3_result_int64(context, column == COLUMN_NX ? grid->x.bins : grid->y.bins);
    break;
  case COLUMN_LEVEL:
    result_level(context, cursor->level);
    break;
  default:
    scan_arguments_result(context, &cursor->arguments, column - COLUMN_ARGUMENTS);
  }
  return SQLITE_OK;
}

static int grid_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  (void)base;
  *rowid = 0;
  return SQLITE_OK;
}

const sqlite3_module zoom_grid_module = {
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
