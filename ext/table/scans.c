/* What the table-valued functions that read a table share; see scans.h. */
#include "ext/table/scans.h"
#include "ext/function/function.h"
#include <string.h>

/* Where it can't be told, one must not count on the order of UTF-8. */
static bool compares_utf16(sqlite3 *db) {
  sqlite3_stmt *row = NULL;
  bool is_utf8 = false;
  if (sqlite3_prepare_v2(db, "PRAGMA encoding", -1, &row, NULL) == SQLITE_OK &&
      sqlite3_step(row) == SQLITE_ROW) {
    const char *encoding = (const char *)sqlite3_column_text(row, 0);
    is_utf8 = encoding && strcmp(encoding, "UTF-8") == 0;
  }
  sqlite3_finalize(row);
  return !is_utf8;
}

int scan_table_connect(sqlite3 *db, void *settings, const char *function, const char *columns,
                       sqlite3_vtab **opened) {
  int rc = sqlite3_declare_vtab(db, columns);
  if (rc != SQLITE_OK) return rc;
  sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  struct scan_table *table = sqlite3_malloc(sizeof *table);
  if (!table) return SQLITE_NOMEM;
  *table = (struct scan_table){
      .db = db, .settings = settings, .function = function, .is_utf16 = compares_utf16(db)};
  *opened = &table->base;
  return SQLITE_OK;
}

/* ---- Arguments ---- */

int scan_arguments_take(sqlite3_vtab *table, struct scan_arguments *arguments, int present, const char *usage,
                        sqlite3_value **argv) {
  if (!present) return table_argument_missing(table, usage);
  scan_arguments_free(arguments);
  for (int i = 0, next = 0; i < SCAN_ARGUMENTS_MAX; i++) {
    if (!(present & 1 << i)) continue;
    sqlite3_value *given = argv[next++];
    if (sqlite3_value_type(given) == SQLITE_NULL) continue;
    arguments->values[i] = sqlite3_value_dup(given);
    if (!arguments->values[i]) return SQLITE_NOMEM;
  }
  return SQLITE_OK;
}

void scan_arguments_result(sqlite3_context *context, const struct scan_arguments *arguments, int argument) {
  if (arguments->values[argument]) sqlite3_result_value(context, arguments->values[argument]);
}

void scan_arguments_free(struct scan_arguments *arguments) {
  for (int i = 0; i < SCAN_ARGUMENTS_MAX; i++) sqlite3_value_free(arguments->values[i]);
  *arguments = (struct scan_arguments){0};
}

/* As a C text: an argument with a NUL inside names nothing. */
static const char *argument_text(struct scan_table *table, sqlite3_value *value) {
  const char *text = (const char *)sqlite3_value_text(value);
  if (!text) table_error(&table->base, "out of memory");
  return text;
}

const char *scan_argument_name(struct scan_table *table, sqlite3_value *value, const char *what) {
  if (value && sqlite3_value_type(value) == SQLITE_TEXT) {
    const char *text = argument_text(table, value);
    if (!text || (text[0] && strlen(text) == (size_t)sqlite3_value_bytes(value))) return text;
  }
  char *shown = value ? value_for_message(value) : NULL;
  table_error(&table->base, "%s: %s must be a name, as text, not %s", table->function, what,
              value ? shown : "NULL");
  sqlite3_free(shown);
  return NULL;
}

bool scan_argument_names(struct scan_table *table, const struct scan_arguments *arguments,
                         const char *const *what, const char **names, int count) {
  for (int i = 0; i < count; i++) {
    names[i] = scan_argument_name(table, arguments->values[i], what[i]);
    if (!names[i]) return false;
  }
  return true;
}

/* ---- Scans ---- */

int table_scan_failed(struct scan_table *table, int rc, char **error) {
  if (*error) {
    sqlite3_free(table->base.zErrMsg);
    table->base.zErrMsg = *error;
    *error = NULL;
  }
  return rc;
}

static int parse_filter(struct scan_table *table, struct table_scan *scan, sqlite3_value *filter) {
  char *error = NULL;
  if (!filter) return SQLITE_OK;
  if (sqlite3_value_type(filter) != SQLITE_TEXT) {
    char *shown = value_for_message(filter);
    int rc =
        table_error(&table->base, "%s: filter must be a JSON object such as '{\"sensor_id\": 7}', not %s",
                    table->function, shown);
    sqlite3_free(shown);
    return rc;
  }
  const char *json = argument_text(table, filter);
  if (!json) return SQLITE_NOMEM;
  int rc = scan_filter_parse(table->function, json, &scan->filter, &error);
  return table_scan_failed(table, rc, &error);
}

int table_scan_open(struct scan_table *table, struct table_scan *scan, const char *name,
                    const char *const *columns, size_t n_columns, sqlite3_value *filter) {
  char *error = NULL;
  *scan = (struct table_scan){0};
  int rc = parse_filter(table, scan, filter);
  if (rc != SQLITE_OK) return rc;
  scan->request = (struct scan_request){
      .function = table->function,
      .table = name,
      .columns = columns,
      .n_columns = n_columns,
      .conditions = scan->filter.conditions,
      .n_conditions = scan->filter.n_conditions,
  };
  rc = scan_open(table->db, &scan->request, &scan->scan, &error);
  return table_scan_failed(table, rc, &error);
}

int table_scan_run(struct scan_table *table, struct table_scan *scan, const struct scan_sink *sinks,
                   int n_sinks, char **way) {
  char *error = NULL;
  sqlite3_free(*way);
  *way = NULL;
  int rc = scan_run(scan->scan, sinks, n_sinks, &error);
  if (rc != SQLITE_OK) return table_scan_failed(table, rc, &error);
  *way = sqlite3_mprintf("%s", scan_way(scan->scan));
  return *way ? SQLITE_OK : SQLITE_NOMEM;
}

void table_scan_close(struct table_scan *scan) {
  if (scan->scan) scan_close(scan->scan);
  scan_filter_free(&scan->filter);
  *scan = (struct table_scan){0};
}

/* ---- For sinks and kernels ---- */

char *batch_value_for_message(const struct batch_column *column, int row) {
  union batch_value value = column->values[row];
  switch (batch_type_at(column, row)) {
  case BATCH_INTEGER:
    return sqlite3_mprintf("%lld", (long long)value.integer);
  case BATCH_REAL:
    return sqlite3_mprintf("%!.15g", value.real);
  case BATCH_TEXT:
    return text_for_message((const char *)value.bytes, column->lengths[row]);
  case BATCH_BLOB:
    return sqlite3_mprintf("a blob of %u bytes", column->lengths[row]);
  default:
    return sqlite3_mprintf("NULL");
  }
}

static bool ask(void *state) {
  struct table_patience *patience = state;
  patience->rc = scan_poll(&patience->poll);
  return patience->rc == SQLITE_OK;
}

int table_patience_open(struct scan_table *table, struct table_patience *patience) {
  *patience = (struct table_patience){.go_on = {.ask = ask, .state = patience}};
  return scan_poll_open(&patience->poll, table->db);
}

void table_patience_close(struct table_patience *patience) {
  scan_poll_close(&patience->poll);
}
