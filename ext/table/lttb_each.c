/*
** lttb_each(points): the points of lttb() as rows: point, x, y. A table-valued function.
**
** E1  points is JSON text [[x,y],...] as lttb() gives it. `point` counts the rows from 0, in the order of
**     the text.
** E2  x comes out as INTEGER, REAL or TEXT and y as INTEGER or REAL, as they are spelt: 5, 5.0, "2024-05-01".
** E3  NULL and [] give no rows.
** E4  The whole text is checked before the first row. Anything but an array of pairs of a number or string
**     and a number is an error that names the byte, counted from 1.
*/
#include "ext/kernel/json_read.h"
#include "ext/table/table.h"
#include <string.h>

enum { COLUMN_POINT, COLUMN_X, COLUMN_Y, COLUMN_POINTS };

struct points_cursor {
  sqlite3_vtab_cursor base;
  char *text; /* the argument; NULL for NULL */
  int length;
  struct json_reader reader; /* behind the current point */
  size_t count;              /* points read */
  bool end;
  bool x_is_text;
  struct json_text x_text; /* with x_is_text */
  struct json_number x, y;
};

static int points_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **table,
                          char **error) {
  (void)aux, (void)argc, (void)argv, (void)error;
  return table_connect(db, "CREATE TABLE lttb_each(point INTEGER, x, y, points HIDDEN)", table);
}

static int points_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  return table_take_arguments(table, info, COLUMN_POINTS, 1, 1, "lttb_each(points)");
}

static int points_open(sqlite3_vtab *table, sqlite3_vtab_cursor **opened) {
  (void)table;
  struct points_cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  *opened = &cursor->base;
  return SQLITE_OK;
}

static int points_close(sqlite3_vtab_cursor *base) {
  struct points_cursor *cursor = (struct points_cursor *)base;
  sqlite3_free(cursor->text);
  json_free(&cursor->x_text);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* Reads [x,y]; false with the reader's problem. */
static bool read_pair(struct points_cursor *cursor) {
  struct json_reader *reader = &cursor->reader;
  size_t count = 0;
  if (json_peek(reader) != JSON_ARRAY) return json_fail(reader, "a point [x,y] must stand here");
  json_enter(reader);
  if (!json_more(reader, ']', &count)) return json_fail(reader, "x is missing");
  cursor->x_is_text = json_peek(reader) == JSON_STRING;
  if (cursor->x_is_text) {
    cursor->x_text.length = 0;
    if (!json_read_string(reader, &cursor->x_text)) return false;
  } else if (json_peek(reader) != JSON_NUMBER) {
    return json_fail(reader, "x must be a number or a string");
  } else if (!json_read_number(reader, &cursor->x)) {
    return false;
  }
  if (!json_more(reader, ']', &count)) return json_fail(reader, "y is missing");
  if (json_peek(reader) != JSON_NUMBER) return json_fail(reader, "y must be a number");
  if (!json_read_number(reader, &cursor->y)) return false;
  return !json_more(reader, ']', &count) || json_fail(reader, "a point has two coordinates only");
}

/* Moves to the next point or to the end; false with the reader's problem. */
static bool read_next(struct points_cursor *cursor) {
  if (json_more(&cursor->reader, ']', &cursor->count)) return read_pair(cursor);
  cursor->end = true;
  return !cursor->reader.problem && json_end(&cursor->reader);
}

static bool start(struct points_cursor *cursor) {
  cursor->reader = (struct json_reader){.text = cursor->text, .length = (size_t)cursor->length};
  cursor->count = 0;
  cursor->end = false;
  if (json_peek(&cursor->reader) != JSON_ARRAY)
    return json_fail(&cursor->reader, "an array of points must stand here");
  json_enter(&cursor->reader);
  return read_next(cursor);
}

static int points_filter(sqlite3_vtab_cursor *base, int present, const char *usage, int argc,
                         sqlite3_value **argv) {
  (void)argc;
  if (!present) return table_argument_missing(base->pVtab, usage);
  struct points_cursor *cursor = (struct points_cursor *)base;
  sqlite3_free(cursor->text);
  cursor->end = true;
  if (!table_json_argument(base->pVtab, argv[0], "lttb_each", &cursor->text, &cursor->length))
    return SQLITE_ERROR;
  if (!cursor->text) return SQLITE_OK;
  bool good = start(cursor);
  while (good && !cursor->end) good = read_next(cursor);
  if (good) good = start(cursor); /* from the start again, now that all of it is known to be right */
  if (cursor->x_text.failed) return SQLITE_NOMEM;
  if (good) return SQLITE_OK;
  return table_error(base->pVtab, "lttb_each: points must be [[x,y],...]: %s, at byte %lld of %d",
                     cursor->reader.problem, (long long)cursor->reader.at + 1, cursor->length);
}

static int points_next(sqlite3_vtab_cursor *base) {
  struct points_cursor *cursor = (struct points_cursor *)base;
  read_next(cursor); /* checked by points_filter */
  return cursor->x_text.failed ? SQLITE_NOMEM : SQLITE_OK;
}

static int points_eof(sqlite3_vtab_cursor *base) {
  return ((struct points_cursor *)base)->end;
}

static void result_number(sqlite3_context *context, const struct json_number *number) {
  if (number->is_integer)
    sqlite3_result_int64(context, number->integer);
  else
    sqlite3_result_double(context, number->real);
}

static int points_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  struct points_cursor *cursor = (struct points_cursor *)base;
  if (column == COLUMN_POINT)
    sqlite3_result_int64(context, (sqlite3_int64)cursor->count - 1);
  else if (column == COLUMN_X && cursor->x_is_text)
    sqlite3_result_text64(context, cursor->x_text.text ? cursor->x_text.text : "", cursor->x_text.length,
                          SQLITE_TRANSIENT, SQLITE_UTF8);
  else if (column == COLUMN_X || column == COLUMN_Y)
    result_number(context, column == COLUMN_X ? &cursor->x : &cursor->y);
  else
    sqlite3_result_text(context, cursor->text, cursor->length, SQLITE_TRANSIENT);
  return SQLITE_OK;
}

static int points_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  *rowid = (sqlite3_int64)((struct points_cursor *)base)->count - 1;
  return SQLITE_OK;
}

const sqlite3_module lttb_each_module = {
    .xConnect = points_connect,
    .xBestIndex = points_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = points_open,
    .xClose = points_close,
    .xFilter = points_filter,
    .xNext = points_next,
    .xEof = points_eof,
    .xColumn = points_column,
    .xRowid = points_rowid,
};
