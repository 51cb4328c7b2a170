/*
** density_grid_each(grid [, x0, x1, y0, y1]): the cells of density_grid() or density_grid_trace() as rows:
** ix, iy, x, y, value. A table-valued function.
**
** G1  grid is JSON text: a matrix [[..],..], or an object with the matrix as "z". Rows come in the order of
**     the text: ix runs from 0 within iy, which runs from 0.
** G2  x and y are the centres of the cells. They come from x0 < x1, y0 < y1, the edges of the grid, if
**     these are given (none of the four or all; all NULL is none), else from the object's "x0", "dx" and
**     "y0", "dy"; else they are NULL. x is x0 + dx / 2 + ix * dx with dx = (x1 - x0) / nx.
** G3  value is INTEGER, REAL or NULL as it is spelt: 5, 5.0, null.
** G4  NULL, [] and {"z":[]} give no rows.
** G5  The whole text is checked before the first row: other elements of the object are passed by, but must be
**     JSON. Anything else, also rows of unequal length, is an error that names the byte, counted from 1.
*/
#include "ext/function/function.h"
#include "ext/kernel/json_read.h"
#include "ext/table/table.h"
#include <math.h>
#include <string.h>

enum { COLUMN_IX, COLUMN_IY, COLUMN_X, COLUMN_Y, COLUMN_VALUE, COLUMN_GRID };
enum { ARGUMENTS = 5 };

/* Where the cells of an axis have their centres. */
struct centres {
  bool first_known, step_known;
  double first, step;
};

struct cells_cursor {
  sqlite3_vtab_cursor base;
  char *text; /* the grid; NULL for NULL */
  int length;
  sqlite3_value *range[4];   /* the other arguments as given; NULL where not */
  struct json_reader reader; /* behind the current cell */
  size_t matrix_at;          /* where the matrix starts */
  size_t rows, cells;        /* read so far; cells of the current row */
  size_t row_cells;          /* of every row */
  bool end, is_null;
  struct json_number value;
  struct centres x, y;
};

static int cells_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **table,
                         char **error) {
  (void)aux, (void)argc, (void)argv, (void)error;
  return table_connect(db,
                       "CREATE TABLE density_grid_each(ix INTEGER, iy INTEGER, x REAL, y REAL, value,"
                       " grid HIDDEN, x0 HIDDEN, x1 HIDDEN, y0 HIDDEN, y1 HIDDEN)",
                       table);
}

static int cells_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  return table_take_arguments(table, info, COLUMN_GRID, 1, ARGUMENTS,
                              "density_grid_each(grid [, x0, x1, y0, y1])");
}

static int cells_open(sqlite3_vtab *table, sqlite3_vtab_cursor **opened) {
  (void)table;
  struct cells_cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  *opened = &cursor->base;
  return SQLITE_OK;
}

static void drop_arguments(struct cells_cursor *cursor) {
  sqlite3_free(cursor->text);
  cursor->text = NULL;
  for (int i = 0; i < 4; i++) {
    sqlite3_value_free(cursor->range[i]);
    cursor->range[i] = NULL;
  }
}

static int cells_close(sqlite3_vtab_cursor *base) {
  drop_arguments((struct cells_cursor *)base);
  sqlite3_free(base);
  return SQLITE_OK;
}

/* ---- Reading ---- */

/* Enters the matrix, without moving to its first cell. */
static bool enter_matrix(struct cells_cursor *cursor) {
  cursor->reader.at = cursor->matrix_at;
  cursor->rows = cursor->cells = 0;
  cursor->end = false;
  if (json_peek(&cursor->reader) != JSON_ARRAY)
    return json_fail(&cursor->reader, "a matrix [[..],..] must stand here");
  json_enter(&cursor->reader);
  return true;
}

/* Moves to the next row and enters it, or to the end of the matrix. */
static bool enter_row(struct cells_cursor *cursor) {
  struct json_reader *reader = &cursor->reader;
  cursor->cells = 0;
  if (!json_more(reader, ']', &cursor->rows)) {
    cursor->end = true;
    return !reader->problem;
  }
  if (json_peek(reader) != JSON_ARRAY) return json_fail(reader, "a row of cells must stand here");
  json_enter(reader);
  return true;
}

static bool read_value(struct cells_cursor *cursor) {
  struct json_reader *reader = &cursor->reader;
  enum json_kind kind = json_peek(reader);
  cursor->is_null = kind == JSON_NULL;
  if (kind == JSON_NULL) return json_skip(reader);
  if (kind == JSON_NUMBER) return json_read_number(reader, &cursor->value);
  return json_fail(reader, "a cell must be a number or null");
}

/* Moves to the next cell, or to the end of the matrix; false with the reader's problem. */
static bool read_next(struct cells_cursor *cursor) {
  struct json_reader *reader = &cursor->reader;
  while (!cursor->end) {
    if (cursor->rows && json_more(reader, ']', &cursor->cells)) return read_value(cursor);
    if (reader->problem) return false;
    if (cursor->rows == 1) cursor->row_cells = cursor->cells;
    if (cursor->rows && cursor->cells != cursor->row_cells) {
      reader->at--; /* at its bracket */
      return json_fail(reader, "a row ends here that has not as many cells as the first");
    }
    if (!enter_row(cursor)) return false;
  }
  return true;
}

/* Passes the matrix and checks it; afterwards `rows` and `row_cells` are its size. */
static bool check_matrix(struct cells_cursor *cursor) {
  cursor->matrix_at = cursor->reader.at;
  bool good = enter_matrix(cursor);
  while (good && !cursor->end) good = read_next(cursor);
  return good;
}

/* The places in the object that hold where the cells are; NULL for other keys. */
static double *place_of(struct cells_cursor *cursor, const char *key, size_t length, bool **known) {
  if (length != 2) return NULL;
  struct centres *axis = key[1] == '0' ? (key[0] == 'x'   ? &cursor->x
                                          : key[0] == 'y' ? &cursor->y
                                                          : NULL)
                                       : NULL;
  if (axis) {
    *known = &axis->first_known;
    return &axis->first;
  }
  axis = key[0] == 'd' ? (key[1] == 'x' ? &cursor->x : key[1] == 'y' ? &cursor->y : NULL) : NULL;
  if (!axis) return NULL;
  *known = &axis->step_known;
  return &axis->step;
}

/* Reads one element of the object, whose key is `key`; tells whether it was the matrix. */
static bool read_element(struct cells_cursor *cursor, const struct json_text *key, size_t *matrix_at) {
  struct json_reader *reader = &cursor->reader;
  struct json_number number;
  bool *known = NULL;
  enum json_kind kind = json_peek(reader);
  if (key->length == 1 && key->text[0] == 'z') *matrix_at = reader->at;
  double *place = place_of(cursor, key->text, key->length, &known);
  if (!place || kind != JSON_NUMBER) return json_skip(reader); /* "x0" may be a date, for Plotly */
  *known = json_read_number(reader, &number);
  *place = number.real;
  return *known;
}

/* Reads the object around the matrix; afterwards the reader is at the matrix. */
static bool read_object(struct cells_cursor *cursor) {
  struct json_reader *reader = &cursor->reader;
  struct json_text key = {0};
  size_t count = 0, matrix_at = SIZE_MAX, start = reader->at;
  json_enter(reader);
  while (json_more(reader, '}', &count)) {
    key.length = 0;
    if (!json_read_string(reader, &key)) break;
    json_colon(reader);
    if (key.failed) json_fail(reader, "out of memory");
    if (!read_element(cursor, &key, &matrix_at)) break;
  }
  json_free(&key);
  if (!json_end(reader)) return false;
  reader->at = matrix_at == SIZE_MAX ? start : matrix_at;
  return matrix_at != SIZE_MAX || json_fail(reader, "this object has no \"z\"");
}

/* Checks all of the text, finds the matrix and its size, and moves to its first cell. */
static bool read_grid(struct cells_cursor *cursor) {
  struct json_reader *reader = &cursor->reader;
  *reader = (struct json_reader){.text = cursor->text, .length = (size_t)cursor->length};
  cursor->x = cursor->y = (struct centres){0};
  cursor->row_cells = 0;
  enum json_kind kind = json_peek(reader);
  if (kind == JSON_OBJECT) {
    if (!read_object(cursor) || !check_matrix(cursor)) return false;
  } else if (kind == JSON_ARRAY) {
    if (!check_matrix(cursor) || !json_end(reader)) return false;
  } else {
    return json_fail(reader, "a matrix [[..],..] or a trace {..} must stand here");
  }
  return true;
}

/* ---- The range ---- */

/* G2: the centres of an axis from its edges, which are two of the arguments. */
static int take_edges(struct cells_cursor *cursor, int first, size_t bins, struct centres *axis) {
  static const char *const names[] = {"x0", "x1", "y0", "y1"};
  sqlite3_vtab *table = cursor->base.pVtab;
  double edges[2];
  for (int i = 0; i < 2; i++) {
    sqlite3_value *value = cursor->range[first + i];
    int type = sqlite3_value_type(value);
    edges[i] = sqlite3_value_double(value);
    if ((type == SQLITE_INTEGER || type == SQLITE_FLOAT) && isfinite(edges[i])) continue;
    char *shown = value_for_message(value);
    int rc =
        table_error(table, "density_grid_each: %s must be a finite number, not %s", names[first + i], shown);
    sqlite3_free(shown);
    return rc;
  }
  if (!(edges[0] < edges[1]))
    return table_error(table, "density_grid_each: %s must be below %s, not %.15g and %.15g", names[first],
                       names[first + 1], edges[0], edges[1]);
  double step = (edges[1] - edges[0]) / (double)bins;
  if (!isfinite(step))
    return table_error(table,
                       "density_grid_each: the range of %c, %.15g to %.15g, is wider than a REAL can hold",
                       names[first][0], edges[0], edges[1]);
  *axis = (struct centres){true, true, edges[0] + step / 2, step};
  return SQLITE_OK;
}

static int apply_range(struct cells_cursor *cursor) {
  int given = 0;
  for (int i = 0; i < 4; i++)
    given += cursor->range[i] && sqlite3_value_type(cursor->range[i]) != SQLITE_NULL;
  if (!given) return SQLITE_OK;
  if (given < 4)
    return table_error(cursor->base.pVtab,
                       "density_grid_each: x0, x1, y0 and y1 must be given all four or not at all");
  if (!cursor->row_cells) return SQLITE_OK; /* no cells, so no centres */
  int rc = take_edges(cursor, 0, cursor->row_cells, &cursor->x);
  return rc == SQLITE_OK ? take_edges(cursor, 2, cursor->rows, &cursor->y) : rc;
}

/* ---- The table ---- */

static int take_arguments(struct cells_cursor *cursor, int present, sqlite3_value **argv) {
  drop_arguments(cursor);
  for (int i = 1, next = 1; i < ARGUMENTS; i++) {
    if (!(present & 1 << i)) continue;
    cursor->range[i - 1] = sqlite3_value_dup(argv[next++]);
    if (!cursor->range[i - 1]) return SQLITE_NOMEM;
  }
  return table_json_argument(cursor->base.pVtab, argv[0], "density_grid_each", &cursor->text, &cursor->length)
             ? SQLITE_OK
             : SQLITE_ERROR;
}

static int cells_filter(sqlite3_vtab_cursor *base, int present, const char *usage, int argc,
                        sqlite3_value **argv) {
  (void)argc;
  if (!present) return table_argument_missing(base->pVtab, usage);
  struct cells_cursor *cursor = (struct cells_cursor *)base;
  cursor->end = true;
  int rc = take_arguments(cursor, present, argv);
  if (rc != SQLITE_OK || !cursor->text) return rc;
  if (!read_grid(cursor))
    return table_error(
        base->pVtab,
        "density_grid_each: grid must be [[..],..] or {\"z\":[[..],..],..}: %s, at byte %lld of %d",
        cursor->reader.problem, (long long)cursor->reader.at + 1, cursor->length);
  rc = apply_range(cursor);
  if (rc != SQLITE_OK) return rc;
  enter_matrix(cursor); /* from the start again, now that all of it is known to be right */
  read_next(cursor);
  return SQLITE_OK;
}

static int cells_next(sqlite3_vtab_cursor *base) {
  read_next((struct cells_cursor *)base); /* checked by cells_filter */
  return SQLITE_OK;
}

static int cells_eof(sqlite3_vtab_cursor *base) {
  return ((struct cells_cursor *)base)->end;
}

static void result_centre(sqlite3_context *context, const struct centres *axis, size_t index) {
  if (axis->first_known && axis->step_known)
    sqlite3_result_double(context, axis->first + (double)index * axis->step);
}

static int cells_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  struct cells_cursor *cursor = (struct cells_cursor *)base;
  size_t ix = cursor->cells - 1, iy = cursor->rows - 1;
  if (column == COLUMN_IX) {
    sqlite3_result_int64(context, (sqlite3_int64)ix);
  } else if (column == COLUMN_IY) {
    sqlite3_result_int64(context, (sqlite3_int64)iy);
  } else if (column == COLUMN_X) {
    result_centre(context, &cursor->x, ix);
  } else if (column == COLUMN_Y) {
    result_centre(context, &cursor->y, iy);
  } else if (column == COLUMN_VALUE) {
    if (cursor->is_null) return SQLITE_OK;
    if (cursor->value.is_integer)
      sqlite3_result_int64(context, cursor->value.integer);
    else
      sqlite3_result_double(context, cursor->value.real);
  } else if (column == COLUMN_GRID) {
    sqlite3_result_text(context, cursor->text, cursor->length, SQLITE_TRANSIENT);
  } else if (cursor->range[column - COLUMN_GRID - 1]) {
    sqlite3_result_value(context, cursor->range[column - COLUMN_GRID - 1]);
  }
  return SQLITE_OK;
}

static int cells_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  struct cells_cursor *cursor = (struct cells_cursor *)base;
  *rowid = (sqlite3_int64)((cursor->rows - 1) * cursor->row_cells + cursor->cells - 1);
  return SQLITE_OK;
}

const sqlite3_module density_grid_each_module = {
    .xConnect = cells_connect,
    .xBestIndex = cells_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = cells_open,
    .xClose = cells_close,
    .xFilter = cells_filter,
    .xNext = cells_next,
    .xEof = cells_eof,
    .xColumn = cells_column,
    .xRowid = cells_rowid,
};
