/* What the functions that read zooms share; see zooms.h. */
#include "ext/table/zooms.h"
#include "ext/function/function.h"
#include <float.h>
#include <math.h>

int zoom_table_connect(sqlite3 *db, const char *function, const char *columns, const char *level_columns,
                       sqlite3_vtab **opened) {
  int rc = sqlite3_declare_vtab(db, columns);
  if (rc != SQLITE_OK) return rc;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  struct zoom_table *table = sqlite3_malloc(sizeof *table);
  if (!table) return SQLITE_NOMEM;
  *table = (struct zoom_table){.zooms = {.db = db, .function = function, .level_columns = level_columns}};
  *opened = &table->base;
  return SQLITE_OK;
}

int zoom_table_disconnect(sqlite3_vtab *base) {
  struct zoom_table *table = (struct zoom_table *)base;
  pyramids_free(&table->zooms);
  sqlite3_free(table);
  return SQLITE_OK;
}

bool zoom_table_begin(struct zoom_table *table, struct pyramid_call *call,
                      const struct scan_arguments *arguments) {
  struct pyramid_arguments given = {arguments->values[ZOOM_NAME], arguments->values[ZOOM_FROM],
                                    arguments->values[ZOOM_UNTIL], arguments->values[ZOOM_KEY]};
  return pyramid_begin(call, &table->zooms, &given);
}

int zoom_table_end(struct zoom_table *table, struct pyramid_call *call) {
  pyramid_end(call);
  if (call->error) {
    sqlite3_free(table->base.zErrMsg);
    table->base.zErrMsg = call->error;
    call->error = NULL;
  }
  return call->rc;
}

bool zoom_table_number(struct pyramid_call *call, const struct scan_arguments *arguments, const char *what,
                       int64_t least, int64_t *number) {
  sqlite3_value *value = arguments->values[ZOOM_NUMBER];
  if (call->rc != SQLITE_OK) return false;
  if (value && parameter_whole(value, number) && *number >= least) return true;
  char *shown = value ? value_for_message(value) : NULL;
  pyramid_fail(call, "%s must be a whole number of at least %lld, not %s", what, (long long)least,
               shown ? shown : "NULL");
  sqlite3_free(shown);
  return false;
}

bool zoom_table_value(sqlite3_stmt *row, int column, struct pyramid_number *number) {
  int type = sqlite3_column_type(row, column);
  number->is_real = type == SQLITE_FLOAT;
  if (number->is_real)
    number->real = sqlite3_column_double(row, column);
  else
    number->integer = sqlite3_column_int64(row, column);
  return type == SQLITE_INTEGER || (number->is_real && fabs(number->real) <= DBL_MAX);
}

void zoom_table_result(sqlite3_context *context, const struct pyramid_number *number) {
  if (number->is_real)
    sqlite3_result_double(context, number->real);
  else
    sqlite3_result_int64(context, number->integer);
}
