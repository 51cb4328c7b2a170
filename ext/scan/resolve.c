/*
** Looks up what a request names: the fields that are read and the tests on them, and whether pages may be read.
**
** R-1  The SELECT of all of it is prepared once, also where pages are read: what SQLite or an authorizer would refuse is
**      refused, and where an authorizer shows NULLs in place of a column, pages are not read.
** R-2  A request's column is a name as it stands, or quoted as in SQL, in any case. rowid, _rowid_ and oid are the rowid
**      where no column has that name.
** R-3  Conditions that only SQLite can test are left to it: on texts with collations of others, also where those have the
**      names of SQLite's own, and on texts in UTF-16 databases, whose BINARY collation compares UTF-16.
** R-4  A NaN is NULL, as SQLite binds it.
** R-5  Rows of changed pages are fetched by their rowid, and the table's order is that of its key, though nobody may have
**      asked for these columns: where an authorizer hides them, pages are not read, and the order is any.
*/
#include "ext/scan/source.h"
#include <math.h>
#include <string.h>

/* ---- Fields ---- */

static bool is_rowid(const struct scan *scan, const char *name) {
  return scan->rowid_name && (sqlite3_stricmp(name, "rowid") == 0 || sqlite3_stricmp(name, "_rowid_") == 0 ||
                              sqlite3_stricmp(name, "oid") == 0);
}

static const struct scan_column *find_column(const struct scan_schema *schema, const char *name) {
  for (size_t i = 0; i < schema->n_columns; i++)
    if (sqlite3_stricmp(schema->columns[i].name, name) == 0) return &schema->columns[i];
  return NULL;
}

static int no_column(struct scan *scan, const struct scan_schema *schema, const char *name, char **error) {
  const char *list = "";
  size_t shown = schema->n_columns < 20 ? schema->n_columns : 20;
  for (size_t i = 0; i < shown && list; i++)
    list = scan_text(scan, "%s%s%s", list, i ? ", " : "", schema->columns[i].name);
  if (!list) return SQLITE_NOMEM;
  return scan_error(scan, error, SQLITE_ERROR, "no column \"%s\" in \"%s\", which has %s%s", name,
                    scan->table, list, shown < schema->n_columns ? ", ..." : "");
}

/* Pages won't do, because of this column. */
static int leave_to_sql(struct scan *scan, const char *format, const char *column) {
  scan->not_pages = scan_text(scan, format, column);
  return scan->not_pages ? SQLITE_OK : SQLITE_NOMEM;
}

static int find_collation(struct scan *scan, struct scan_field *field) {
  const char *name = NULL;
  int rc = sqlite3_table_column_metadata(scan->db, scan->schema, scan->table, field->name, NULL, &name, NULL,
                                         NULL, NULL);
  if (rc != SQLITE_OK || !name) return rc == SQLITE_NOMEM ? rc : SQLITE_OK;
  if (sqlite3_stricmp(name, "BINARY") == 0) field->collation = COLLATION_BINARY;
  if (sqlite3_stricmp(name, "NOCASE") == 0) field->collation = COLLATION_NOCASE;
  if (sqlite3_stricmp(name, "RTRIM") == 0) field->collation = COLLATION_RTRIM;
  return SQLITE_OK;
}

static int fill_field(struct scan *scan, const struct scan_schema *schema, const struct scan_column *column,
                      struct scan_field *field) {
  if (!(field->name = scan_text(scan, "%s", column->name))) return SQLITE_NOMEM;
  field->place = column->place;
  field->affinity = scan_affinity_of(column->type, schema->is_strict);
  field->collation = COLLATION_OTHER;
  field->default_value.type = BATCH_NULL;
  if (scan->not_pages) return SQLITE_OK;
  if (column->is_virtual) return leave_to_sql(scan, "\"%s\" is a virtual column", column->name);
  int rc = find_collation(scan, field);
  return rc == SQLITE_OK ? scan_default_value(scan, column->default_text, field) : rc;
}

/* A field for the column of that name. */
static int resolve_field(struct scan *scan, const struct scan_schema *schema, const char *name,
                         struct scan_field *field, char **error) {
  struct scan_column rowid = {.name = scan->rowid_name, .type = "INTEGER", .place = FIELD_ROWID};
  struct scan_column unknown = {.name = name, .type = ""};
  if (!schema->n_columns) return fill_field(scan, schema, &unknown, field); /* SQLite will tell */
  const struct scan_column *column = find_column(schema, name);
  const char *unquoted = column ? NULL : scan_read_column_name(scan, name);
  if (unquoted) column = find_column(schema, unquoted);
  if (!column && is_rowid(scan, name)) column = &rowid;
  if (!column) return no_column(scan, schema, name, error);
  return fill_field(scan, schema, column, field);
}

/* ---- Tests ---- */

/* The field of a condition: one that there is already, or another one. */
static int field_of_condition(struct scan *scan, const struct scan_schema *schema, const char *name,
                              size_t *at, char **error) {
  struct scan_field *field = &scan->fields[scan->n_fields];
  int rc = resolve_field(scan, schema, name, field, error);
  if (rc != SQLITE_OK) return rc;
  for (*at = 0; *at < scan->n_fields; ++*at)
    if (sqlite3_stricmp(scan->fields[*at].name, field->name) == 0) return SQLITE_OK;
  scan->n_fields++;
  return SQLITE_OK;
}

static int resolve_test(struct scan *scan, const struct scan_condition *condition, struct scan_test *test,
                        bool *has_text) {
  struct scan_value *values = scan_allocate(scan, (condition->n_values + 1) * sizeof *values);
  const struct scan_field *field = &scan->fields[test->field];
  test->operator= condition->operator;
  test->values = values;
  test->n_values = condition->n_values;
  if (!values) return SQLITE_NOMEM;
  if (condition->n_values) memcpy(values, condition->values, condition->n_values * sizeof *values);
  *has_text = false;
  if (scan->not_pages) return SQLITE_OK;
  for (size_t i = 0; i < test->n_values; i++) {
    if (values[i].type == BATCH_REAL && isnan(values[i].is.real)) values[i].type = BATCH_NULL;
    int rc = scan_apply_affinity(scan, field->affinity, &values[i]);
    if (rc != SQLITE_OK) return rc;
    *has_text |= values[i].type == BATCH_TEXT;
  }
  if (!*has_text || field->collation != COLLATION_OTHER) return SQLITE_OK;
  return leave_to_sql(scan, "a condition on \"%s\", which has a collation of its own", field->name);
}

/* Does the statement's only value equal this text? No, if it can't be told. */
static int is_answer(struct scan *scan, const char *sql, const char *expected, bool *is) {
  sqlite3_stmt *row;
  int rc = sqlite3_prepare_v2(scan->db, sql, -1, &row, NULL);
  *is = false;
  if (rc == SQLITE_OK) rc = sqlite3_step(row);
  if (rc == SQLITE_ROW) {
    const char *text = (const char *)sqlite3_column_text(row, 0);
    rc = text ? SQLITE_OK : sqlite3_errcode(scan->db);
    *is = text && strcmp(text, expected) == 0;
  }
  sqlite3_finalize(row);
  return scan_is_final(rc) ? rc : SQLITE_OK;
}

/* R-3, where there are conditions on texts: are they compared as compare.c does? */
static int check_texts(struct scan *scan) {
  static const char collations[] = "SELECT 'A' = 'a' COLLATE NOCASE AND 'a' < 'B' COLLATE NOCASE"
                                   " AND '\xc3\x89' < '\xc3\xa9' COLLATE NOCASE AND 'a ' = 'a' COLLATE RTRIM"
                                   " AND 'B' < 'a' COLLATE RTRIM AND 'B' < 'a' COLLATE BINARY";
  bool is_utf8, is_usual;
  int rc = is_answer(scan, "PRAGMA encoding", "UTF-8", &is_utf8);
  if (rc == SQLITE_OK) rc = is_answer(scan, collations, "1", &is_usual);
  if (rc != SQLITE_OK) return rc;
  if (!is_utf8)
    scan->not_pages = "a condition on text, which this database keeps as UTF-16";
  else if (!is_usual)
    scan->not_pages = "NOCASE or RTRIM is not SQLite's own in this connection";
  return SQLITE_OK;
}

static int resolve_tests(struct scan *scan, const struct scan_schema *schema, char **error) {
  const struct scan_request *request = scan->request;
  size_t n_values = 0;
  bool any_text = false, has_text = false;
  int rc = SQLITE_OK, most = sqlite3_limit(scan->db, SQLITE_LIMIT_VARIABLE_NUMBER, -1) - 2;
  scan->tests = scan_allocate(scan, (request->n_conditions + 1) * sizeof *scan->tests);
  if (!scan->tests) return SQLITE_NOMEM;
  for (size_t i = 0; i < request->n_conditions; i++) {
    const struct scan_condition *condition = &request->conditions[i];
    struct scan_test *test = &scan->tests[i];
    rc = field_of_condition(scan, schema, condition->column, &test->field, error);
    if (rc == SQLITE_OK) rc = resolve_test(scan, condition, test, &has_text);
    if (rc != SQLITE_OK) return rc;
    any_text |= has_text;
    n_values += condition->n_values;
    if (n_values > (size_t)(most < 0 ? 0 : most))
      return scan_error(scan, error, SQLITE_ERROR, "%lld values in the filter, and at most %d can be bound",
                        (sqlite3_int64)n_values, most);
    scan->n_tests++;
  }
  if (any_text && !scan->not_pages) rc = check_texts(scan);
  for (size_t i = 0; i < scan->n_tests && rc == SQLITE_OK && !scan->not_pages; i++)
    rc = scan_prepare_test(scan, &scan->tests[i]);
  return rc;
}

/* ---- All of it ---- */

/* */
static int check_with_sqlite(struct scan *scan, char **error) {
  sqlite3_stmt *select;
  int rc = sql_source_prepare(scan, scan->n_fields, NULL, &select, error);
  for (size_t i = 0; i < scan->n_fields && rc == SQLITE_OK && !scan->not_pages; i++) {
    const char *name = sqlite3_column_name(select, (int)i);
    if (!name) rc = SQLITE_NOMEM;
    /* A column that the authorizer turned into NULL is named by its expression. */
    bool is_rowid = scan->fields[i].place == FIELD_ROWID && name && strcmp(name, "rowid") == 0;
    if (name && !is_rowid && sqlite3_stricmp(name, scan->fields[i].name) != 0)
      scan->not_pages = "an authorizer hides some of it";
  }
  sqlite3_finalize(select);
  return rc;
}

/* */
static int check_key(struct scan *scan) {
  sqlite3_stmt *select = NULL;
  if (!scan->key) return SQLITE_OK;
  const char *column = scan->rowid_name ? scan->rowid_name : scan->fields[0].name;
  if (!column) return SQLITE_OK; /* no column is wanted: nor is an order */
  char *sql = sqlite3_mprintf("SELECT r.\"%w\" FROM \"%w\".\"%w\" AS r ORDER BY %s", column, scan->schema,
                              scan->table, scan->key);
  int rc = sql ? sqlite3_prepare_v2(scan->db, sql, -1, &select, NULL) : SQLITE_NOMEM;
  sqlite3_free(sql);
  const char *name = rc == SQLITE_OK ? sqlite3_column_name(select, 0) : NULL;
  if (rc == SQLITE_OK && !name) rc = SQLITE_NOMEM;
  bool is_hidden = !name || (sqlite3_stricmp(name, column) != 0 && strcmp(name, "rowid") != 0);
  sqlite3_finalize(select);
  if (is_hidden) scan->key = NULL;
  if (is_hidden && scan->rowid_name && !scan->not_pages) scan->not_pages = "an authorizer hides its rowid";
  return scan_is_final(rc) ? rc : SQLITE_OK;
}

static int resolve_all(struct scan *scan, char **error) {
  const struct scan_request *request = scan->request;
  struct scan_schema schema = {0};
  int rc = scan_find_table(scan, &schema, error);
  if (rc != SQLITE_OK) return rc;
  scan->fields = scan_allocate(scan, (request->n_columns + request->n_conditions + 1) * sizeof *scan->fields);
  if (!scan->fields) return SQLITE_NOMEM;
  for (; scan->n_fields < request->n_columns; scan->n_fields++) {
    const char *name = request->columns[scan->n_fields];
    rc = resolve_field(scan, &schema, name, &scan->fields[scan->n_fields], error);
    if (rc != SQLITE_OK) return rc;
  }
  rc = resolve_tests(scan, &schema, error);
  if (rc == SQLITE_OK) rc = check_with_sqlite(scan, error);
  return rc == SQLITE_OK ? check_key(scan) : rc;
}

int scan_resolve(struct scan *scan, char **error) {
  int rc = resolve_all(scan, error);
  sqlite3_finalize(scan->conversion);
  scan->conversion = NULL;
  return rc == SQLITE_OK || *error ? rc : scan_sqlite_error(scan, error, rc);
}
