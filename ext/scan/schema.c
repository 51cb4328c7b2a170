/*
** What the schema says about a table: where it is, of which kind, its columns and their places in a record.
**
** R-1  TEMP comes first, then main, then what is attached, in order: as SQLite itself finds a table without a schema.
** R-2  PRAGMA statements, not their table-valued functions: a table of the user's can't take their names.
** R-3  Where an authorizer forbids to look, or what is named is not in the schema (sqlite_master, a table-valued
**      function), SQLite alone knows: the scan goes through SQL.
*/
#include "ext/scan/source.h"
#include <string.h>

/* Prepares a PRAGMA of the table. */
static int prepare_pragma(const struct scan *scan, const char *pragma, const char *name,
                          sqlite3_stmt **statement) {
  char *sql = name ? sqlite3_mprintf("PRAGMA \"%w\".%s(\"%w\")", scan->schema, pragma, name)
                   : sqlite3_mprintf("PRAGMA %s", pragma);
  if (!sql) return SQLITE_NOMEM;
  int rc = sqlite3_prepare_v2(scan->db, sql, -1, statement, NULL);
  sqlite3_free(sql);
  return rc;
}

static const char *text_at(sqlite3_stmt *statement, int column) {
  const char *text = (const char *)sqlite3_column_text(statement, column);
  return text ? text : "";
}

/* ---- Where is it? ---- */

/* Leaves `hold` at the table's row of the schema's table of tables; NULL if it isn't there. */
static int look_in(struct scan *scan, const char *schema, const char *table, char **error) {
  char *sql = sqlite3_mprintf("SELECT type, name, rootpage FROM \"%w\".sqlite_master", schema);
  if (!sql) return SQLITE_NOMEM;
  sqlite3_stmt *rows;
  int rc = sqlite3_prepare_v2(scan->db, sql, -1, &rows, NULL);
  sqlite3_free(sql);
  while (rc == SQLITE_OK || rc == SQLITE_ROW) {
    rc = sqlite3_step(rows);
    if (rc != SQLITE_ROW || sqlite3_stricmp(text_at(rows, 1), table) != 0) continue;
    const char *type = text_at(rows, 0);
    if (strcmp(type, "table") != 0 && strcmp(type, "view") != 0) continue;
    scan->hold = rows;
    scan->schema = scan_text(scan, "%s", schema);
    scan->table = scan_text(scan, "%s", text_at(rows, 1));
    return scan->schema && scan->table ? SQLITE_OK : SQLITE_NOMEM;
  }
  if (rc != SQLITE_DONE && (rc & 0xff) != SQLITE_AUTH) rc = scan_sqlite_error(scan, error, rc);
  sqlite3_finalize(rows);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The names of all schemas, "temp" first. SQLITE_OK, or a code of SQLite's. */
static int list_schemas(struct scan *scan, const char ***names, size_t *n_names) {
  sqlite3_stmt *rows;
  size_t room = 16, n = 1;
  const char **list = scan_allocate(scan, room * sizeof *list);
  int rc = list ? prepare_pragma(scan, "database_list", NULL, &rows) : SQLITE_NOMEM;
  if (rc != SQLITE_OK) return rc;
  list[0] = "temp";
  while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
    if (sqlite3_column_int(rows, 0) == 1) continue; /* temp */
    if (n == room) {
      const char **more = scan_allocate(scan, 2 * room * sizeof *more);
      if (!more) break;
      memcpy(more, list, n * sizeof *list);
      list = more;
      room *= 2;
    }
    if (!(list[n] = scan_text(scan, "%s", text_at(rows, 1)))) break;
    n++;
  }
  sqlite3_finalize(rows);
  *names = list;
  *n_names = n;
  return rc == SQLITE_DONE ? SQLITE_OK : rc == SQLITE_ROW ? SQLITE_NOMEM : rc;
}

/* ---- What is it? ---- */

/* Reads the columns; places are those of a rowid table's records. */
static int read_columns(struct scan *scan, struct scan_schema *schema) {
  sqlite3_stmt *rows;
  size_t room = 0;
  int place = 0, rc = prepare_pragma(scan, "table_xinfo", scan->table, &rows);
  if (rc != SQLITE_OK) return rc;
  while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
    if (schema->n_columns == room) {
      struct scan_column *more = scan_allocate(scan, (room * 2 + 16) * sizeof *more);
      if (!more) break;
      if (room) memcpy(more, schema->columns, room * sizeof *more);
      schema->columns = more;
      room = room * 2 + 16;
    }
    struct scan_column *column = &schema->columns[schema->n_columns++];
    bool has_default = sqlite3_column_type(rows, 4) != SQLITE_NULL;
    column->name = scan_text(scan, "%s", text_at(rows, 1));
    column->type = scan_text(scan, "%s", text_at(rows, 2));
    column->default_text = has_default ? scan_text(scan, "%s", text_at(rows, 4)) : NULL;
    column->in_key = sqlite3_column_int(rows, 5) > 0;
    column->is_virtual = sqlite3_column_int(rows, 6) == 2;
    column->place = column->is_virtual ? 0 : place++;
    if (!column->name || !column->type || (has_default && !column->default_text)) break;
  }
  sqlite3_finalize(rows);
  return rc == SQLITE_DONE ? SQLITE_OK : rc == SQLITE_ROW ? SQLITE_NOMEM : rc;
}

/* A name in quotes. */
static const char *quoted(struct scan *scan, const char *name) {
  char *made = sqlite3_mprintf("\"%w\"", name);
  const char *kept = made ? scan_text(scan, "%s", made) : NULL;
  sqlite3_free(made);
  return kept;
}

/* A term of the table's order. */
static int add_key(struct scan *scan, const char *name, const char *collation, bool descending) {
  const char *comma = scan->key ? ", " : "", *down = descending ? " DESC" : "";
  const char *column = quoted(scan, name), *by = quoted(scan, collation);
  if (!column || !by) return SQLITE_NOMEM;
  const char *before = scan->key ? scan->key : "", *sorted_before = scan->key ? scan->sorted_key : "";
  scan->sorted_key = scan_text(scan, "%s%s+r.%s COLLATE %s%s", sorted_before, comma, column, by, down);
  scan->key = scan_text(scan, "%s%sr.%s COLLATE %s%s", before, comma, column, by, down);
  return scan->key && scan->sorted_key ? SQLITE_OK : SQLITE_NOMEM;
}

/* The records of a WITHOUT ROWID table are those of its key's index: index_xinfo of the table's own name gives
   their columns, and nothing for a table with a rowid. */
static int read_record(struct scan *scan, struct scan_schema *schema) {
  sqlite3_stmt *rows;
  int rc = prepare_pragma(scan, "index_xinfo", scan->table, &rows);
  if (rc != SQLITE_OK) return rc;
  while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
    int column = sqlite3_column_int(rows, 1);
    scan->without_rowid = true;
    if (column >= 0 && (size_t)column < schema->n_columns)
      schema->columns[column].place = sqlite3_column_int(rows, 0);
    bool in_key = sqlite3_column_int(rows, 5) != 0, descending = sqlite3_column_int(rows, 3) != 0;
    if (in_key && add_key(scan, text_at(rows, 2), text_at(rows, 4), descending) != SQLITE_OK) break;
  }
  sqlite3_finalize(rows);
  return rc == SQLITE_DONE ? SQLITE_OK : rc == SQLITE_ROW ? SQLITE_NOMEM : rc;
}

/* An INTEGER PRIMARY KEY is the rowid: a key of one column, of a table with rowids, for which there is no index. */
static int find_rowid_column(struct scan *scan, struct scan_schema *schema) {
  struct scan_column *key = NULL;
  for (size_t i = 0; i < schema->n_columns; i++) {
    if (!schema->columns[i].in_key) continue;
    if (key) return SQLITE_OK;
    key = &schema->columns[i];
  }
  if (!key || scan->without_rowid) return SQLITE_OK;
  sqlite3_stmt *rows;
  int rc = prepare_pragma(scan, "index_list", scan->table, &rows);
  if (rc != SQLITE_OK) return rc;
  bool has_index = false;
  while ((rc = sqlite3_step(rows)) == SQLITE_ROW) has_index |= strcmp(text_at(rows, 3), "pk") == 0;
  sqlite3_finalize(rows);
  if (!has_index && rc == SQLITE_DONE) key->place = FIELD_ROWID;
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* STRICT gives ANY another meaning. Older SQLites have no such tables. */
static int read_strict(struct scan *scan, struct scan_schema *schema) {
  bool has_any = false;
  for (size_t i = 0; i < schema->n_columns; i++)
    has_any |= sqlite3_stricmp(schema->columns[i].type, "ANY") == 0;
  if (!has_any || sqlite3_libversion_number() < 3037000) return SQLITE_OK;
  sqlite3_stmt *rows;
  int rc = prepare_pragma(scan, "table_list", scan->table, &rows);
  if (rc != SQLITE_OK) return rc;
  while ((rc = sqlite3_step(rows)) == SQLITE_ROW) schema->is_strict |= sqlite3_column_int(rows, 5) != 0;
  sqlite3_finalize(rows);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A name that reaches the rowid: one that no column has, else the column that is it. */
static int find_rowid_name(struct scan *scan, const struct scan_schema *schema) {
  static const char *const names[] = {"rowid", "_rowid_", "oid"};
  if (scan->without_rowid) return SQLITE_OK;
  for (size_t i = 0; i < schema->n_columns; i++)
    if (schema->columns[i].place == FIELD_ROWID) scan->rowid_name = schema->columns[i].name;
  for (size_t i = 0; i < 3 && !scan->rowid_name; i++) {
    bool taken = false;
    for (size_t k = 0; k < schema->n_columns; k++)
      taken |= sqlite3_stricmp(schema->columns[k].name, names[i]) == 0;
    if (!taken) scan->rowid_name = names[i];
  }
  return scan->rowid_name ? add_key(scan, scan->rowid_name, "BINARY", false) : SQLITE_OK;
}

/* After `hold` has found it. */
static int describe(struct scan *scan, struct scan_schema *schema) {
  bool is_view = strcmp(text_at(scan->hold, 0), "view") == 0;
  sqlite3_int64 root = sqlite3_column_int64(scan->hold, 2);
  int rc = read_columns(scan, schema);
  if (rc != SQLITE_OK || !schema->n_columns) return rc;
  if (is_view) {
    scan->not_pages = "it is a view";
  } else if (root < 2 || root > UINT32_MAX - 1) {
    scan->not_pages = "it is a virtual table";
  } else {
    scan->root_page = (uint32_t)root;
    if (sqlite3_stricmp(scan->schema, "temp") == 0) scan->not_pages = "it is a TEMP table";
    rc = read_record(scan, schema);
    if (rc == SQLITE_OK) rc = find_rowid_column(scan, schema);
    if (rc == SQLITE_OK) rc = read_strict(scan, schema);
    if (rc == SQLITE_OK) rc = find_rowid_name(scan, schema);
    if (!scan->without_rowid && !scan->rowid_name) scan->not_pages = "no name is left for its rowid";
  }
  return rc;
}

/* ---- What there is instead ---- */

static int no_schema(struct scan *scan, const char *schema, const char *const *names, size_t n_names,
                     char **error) {
  const char *list = scan_text(scan, "\"%s\"", names[0]);
  for (size_t i = 1; i < n_names && list; i++) list = scan_text(scan, "%s, \"%s\"", list, names[i]);
  if (!list) return SQLITE_NOMEM;
  return scan_error(scan, error, SQLITE_ERROR, "no schema \"%s\" in this connection, which has %s", schema,
                    list);
}

/* Tables of the schema whose names are most like this one, as a list; "" for none. */
static int names_near(struct scan *scan, const char *schema, const char *table, const char **list) {
  char *sql = sqlite3_mprintf(
      "SELECT name FROM \"%w\".sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%%'"
      " ORDER BY instr(lower(name), lower(%Q)) OR instr(lower(%Q), lower(name)) DESC,"
      " lower(substr(name, 1, 3)) = lower(substr(%Q, 1, 3)) DESC, abs(length(name) - length(%Q)), name LIMIT "
      "5",
      schema, table, table, table, table);
  sqlite3_stmt *rows;
  if (!sql) return SQLITE_NOMEM;
  int rc = sqlite3_prepare_v2(scan->db, sql, -1, &rows, NULL);
  sqlite3_free(sql);
  while (rc == SQLITE_OK && sqlite3_step(rows) == SQLITE_ROW) {
    const char *comma = **list ? ", " : "";
    *list = scan_text(scan, "%s%s%s", *list, comma, text_at(rows, 0));
    if (!*list) rc = SQLITE_NOMEM;
  }
  sqlite3_finalize(rows);
  return rc == SQLITE_NOMEM ? rc : SQLITE_OK; /* it is a hint: other mistakes don't matter */
}

static int no_table(struct scan *scan, const char *schema, const char *const *names, size_t n_names,
                    char **error) {
  const char *near = "";
  int rc = SQLITE_OK;
  for (size_t i = 0; i < n_names && rc == SQLITE_OK; i++)
    if (!schema || sqlite3_stricmp(names[i], schema) == 0)
      rc = names_near(scan, names[i], scan->table, &near);
  if (rc != SQLITE_OK) return rc;
  const char *in = schema ? scan_text(scan, " in schema \"%s\"", schema) : "";
  if (!in) return SQLITE_NOMEM;
  if (!*near) return scan_error(scan, error, SQLITE_ERROR, "no table \"%s\"%s: it has none", scan->table, in);
  return scan_error(scan, error, SQLITE_ERROR, "no table \"%s\"%s; among those that there are: %s",
                    scan->table, in, near);
}

/* Not found, or not allowed to look: does SQLite itself know it? */
static int leave_to_sqlite(struct scan *scan, const char *schema, const char *const *names, size_t n_names,
                           char **error) {
  sqlite3_stmt *probe;
  scan->schema = schema ? scan_text(scan, "%s", schema) : NULL;
  if (!scan->not_pages) scan->not_pages = "it is not in the schema";
  if (schema && !scan->schema) return SQLITE_NOMEM;
  int rc = sql_source_prepare(scan, 0, NULL, &probe, error);
  sqlite3_finalize(probe);
  if (rc == SQLITE_ERROR && *error && strstr(*error, "no such table"))
    return no_table(scan, schema, names, n_names, error);
  return rc;
}

int scan_find_table(struct scan *scan, struct scan_schema *schema, char **error) {
  char *within;
  const char **names = NULL;
  size_t n_names = 0;
  bool is_schema = false;
  int rc = scan_read_table_name(scan, scan->request->table, &within, &scan->table);
  if (rc == SQLITE_OK) rc = list_schemas(scan, &names, &n_names);
  for (size_t i = 0; i < n_names && rc == SQLITE_OK && !scan->hold; i++) {
    if (within && sqlite3_stricmp(within, names[i]) != 0) continue;
    is_schema = true;
    rc = look_in(scan, names[i], scan->table, error);
  }
  if (rc == SQLITE_OK && within && !is_schema) return no_schema(scan, within, names, n_names, error);
  if (rc == SQLITE_OK && scan->hold) rc = describe(scan, schema);
  if ((rc & 0xff) == SQLITE_AUTH) {
    schema->n_columns = 0;
    scan->not_pages = "the authorizer does not let the schema be read";
    rc = SQLITE_OK;
  }
  if (rc == SQLITE_OK && !scan->hold) return leave_to_sqlite(scan, within, names, n_names, error);
  return rc == SQLITE_OK || *error ? rc : scan_sqlite_error(scan, error, rc);
}
