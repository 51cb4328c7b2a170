/*
** By which collation SQL groups and compares a column. Of a table's columns SQLite tells it; of a view's no function
** does, but EXPLAIN of a GROUP BY names it, without running anything: the P4 of the last Compare is k(1,NOCASE),
** with B for BINARY (explain.html and the source of displayP4; 3.34 to 3.53). What is spelt in any other way counts
** as BINARY.
*/
#include "ext/scan/source.h"
#include <string.h>

/* The name inside of k(1,NAME), with a minus sign for a descending order. */
static const char *read_compare(struct scan *scan, const char *p4) {
  const char *start = p4 && strncmp(p4, "k(1,", 4) == 0 ? p4 + 4 : ")";
  start += *start == '-';
  const char *end = strchr(start, ')');
  if (!end || end == start || strncmp(start, "B)", 2) == 0) return "BINARY";
  return scan_text(scan, "%.*s", (int)(end - start), start);
}

static const char *explained(struct scan *scan, const char *column) {
  const char *name = "BINARY";
  sqlite3_stmt *row = NULL;
  char *sql = sqlite3_mprintf("EXPLAIN SELECT count(*) FROM \"%w\".\"%w\" GROUP BY \"%w\"", scan->schema,
                              scan->table, column);
  if (!sql) return NULL;
  int rc = sqlite3_prepare_v2(scan->db, sql, -1, &row, NULL);
  sqlite3_free(sql);
  while (rc == SQLITE_OK && name && sqlite3_step(row) == SQLITE_ROW) {
    const char *code = (const char *)sqlite3_column_text(row, 1);
    if (code && strcmp(code, "Compare") == 0)
      name = read_compare(scan, (const char *)sqlite3_column_text(row, 5));
  }
  sqlite3_finalize(row);
  return rc == SQLITE_NOMEM ? NULL : name;
}

const char *scan_collation(struct scan *scan, size_t column) {
  const char *name = NULL, *field = scan->fields[column].name;
  if (scan->fields[column].place == FIELD_ROWID) return "BINARY";
  int rc = sqlite3_table_column_metadata(scan->db, scan->schema, scan->table, field, NULL, &name, NULL, NULL,
                                         NULL);
  if (rc == SQLITE_NOMEM) return NULL;
  return rc == SQLITE_OK && name ? scan_text(scan, "%s", name) : explained(scan, field);
}
