/*
** By which collation SQL groups and compares a column. Of a table's columns SQLite tells it; of a view's no function
** does, but EXPLAIN of a GROUP BY names it, without running anything: the P4 of the last Compare is k(1,NOCASE),
** with B for BINARY (explain.html and the source of displayP4; 3.34 to 3.53). What is spelt in any other way counts
** as BINARY.
*/
#include "ext/scan/source.h"
#include <string.h>

/* The name inside of k(1,NAME), with a minus sign for a descending order. NULL: no memory. */
static const char *read_compare(struct scan *scan, const char *p4) {
  if (!p4) return NULL;
  const char *start = strncmp(p4, "k(1,", 4) == 0 ? p4 + 4 : ")";
  start += *start == '-';
  const char *end = strchr(start, ')');
  if (!end || end == start || strncmp(start, "B)", 2) == 0) return "BINARY";
  return scan_text(scan, "%.*s", (int)(end - start), start);
}

static int explained(struct scan *scan, const char *column, const char **name) {
  sqlite3_stmt *row = NULL;
  *name = "BINARY";
  char *sql = sqlite3_mprintf("EXPLAIN SELECT count(*) FROM \"%w\".\"%w\" GROUP BY \"%w\"", scan->schema,
                              scan->table, column);
  if (!sql) return SQLITE_NOMEM;
  int rc = sqlite3_prepare_v2(scan->db, sql, -1, &row, NULL);
  sqlite3_free(sql);
  if (rc == SQLITE_OK) rc = SQLITE_ROW;
  while (rc == SQLITE_ROW && *name && (rc = sqlite3_step(row)) == SQLITE_ROW) {
    const char *code = (const char *)sqlite3_column_text(row, 1);
    if (!code)
      *name = NULL;
    else if (strcmp(code, "Compare") == 0)
      *name = read_compare(scan, (const char *)sqlite3_column_text(row, 5));
  }
  sqlite3_finalize(row);
  return !*name ? SQLITE_NOMEM : scan_is_final(rc) ? rc & 0xff : SQLITE_OK;
}

int scan_collation(struct scan *scan, size_t column, const char **name) {
  const char *field = scan->fields[column].name;
  *name = "BINARY";
  if (scan->fields[column].place == FIELD_ROWID) return SQLITE_OK;
  int rc =
      sqlite3_table_column_metadata(scan->db, scan->schema, scan->table, field, NULL, name, NULL, NULL, NULL);
  if (scan_is_final(rc)) return rc & 0xff;
  if (rc != SQLITE_OK || !*name) return explained(scan, field, name);
  *name = scan_text(scan, "%s", *name);
  return *name ? SQLITE_OK : SQLITE_NOMEM;
}
