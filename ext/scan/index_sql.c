/* The rowids within bounds of an index, as SQL finds them: for an index whose pages are not to be read. */
#include "ext/scan/page_index.h"

enum { ROWIDS_AT_ONCE = 512 };

static char *select_text(struct scan *scan, const char *index, const struct scan_field *field,
                         const struct index_bounds *bounds) {
  sqlite3_str *sql = sqlite3_str_new(scan->db);
  sqlite3_str_appendf(sql, "SELECT r.\"%w\" FROM \"%w\".\"%w\" AS r INDEXED BY \"%w\" WHERE 1",
                      scan->rowid_name, scan->schema, scan->table, index);
  if (bounds->low)
    sqlite3_str_appendf(sql, " AND r.\"%w\" >%s ?1", field->name, bounds->low_excluded ? "" : "=");
  if (bounds->high)
    sqlite3_str_appendf(sql, " AND r.\"%w\" <%s ?2", field->name, bounds->high_excluded ? "" : "=");
  return sqlite3_str_finish(sql);
}

static enum index_result take_all(sqlite3_stmt *select, const struct index_taker *taker, int64_t limit,
                                  int *code) {
  int64_t rowids[ROWIDS_AT_ONCE];
  size_t n = 0;
  int rc;
  while ((rc = sqlite3_step(select)) == SQLITE_ROW && limit-- > 0) {
    rowids[n++] = sqlite3_column_int64(select, 0);
    if (n < ROWIDS_AT_ONCE) continue;
    if (!taker->take(taker->state, rowids, n)) return INDEX_STOPPED;
    n = 0;
  }
  if (rc == SQLITE_ROW) return INDEX_STOPPED;
  if (scan_is_final(rc)) *code = rc & 0xff;
  if (rc != SQLITE_DONE) return INDEX_UNKNOWN;
  return !n || taker->take(taker->state, rowids, n) ? INDEX_DONE : INDEX_STOPPED;
}

enum index_result index_sql_read(struct scan *scan, const char *index, const struct scan_field *field,
                                 const struct index_bounds *bounds, const struct index_taker *taker,
                                 int64_t limit, int *code) {
  struct index_bounds b = *bounds;
  sqlite3_stmt *select = NULL;
  if (b.low && b.low->type == BATCH_NULL) b.low = NULL; /* "below" leaves NULLs out by itself */
  char *sql = select_text(scan, index, field, &b);
  int rc = sql ? sqlite3_prepare_v2(scan->db, sql, -1, &select, NULL) : SQLITE_NOMEM;
  sqlite3_free(sql);
  if (rc == SQLITE_OK && b.low) rc = scan_bind_value(select, 1, b.low);
  if (rc == SQLITE_OK && b.high) rc = scan_bind_value(select, 2, b.high);
  enum index_result result = INDEX_UNKNOWN;
  if (scan_is_final(rc)) *code = rc & 0xff;
  if (rc == SQLITE_OK) result = take_all(select, taker, limit, code);
  sqlite3_finalize(select);
  return result;
}
