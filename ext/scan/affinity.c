/*
** Affinities: that of a declared type, and what one makes of a value. SQLite itself turns texts into numbers and
** numbers into texts here, so that both are as it does them: its versions differ in the last digit.
** Source: "Datatypes In SQLite", sections 3.1, 3.2 and 4.2.
*/
#include "ext/scan/source.h"
#include <string.h>

static bool contains(const char *type, const char *word) {
  size_t length = strlen(word);
  for (; *type; type++)
    if (sqlite3_strnicmp(type, word, (int)length) == 0) return true;
  return false;
}

enum scan_affinity scan_affinity_of(const char *type, bool is_strict) {
  if (contains(type, "INT")) return AFFINITY_INTEGER;
  if (contains(type, "CHAR") || contains(type, "CLOB") || contains(type, "TEXT")) return AFFINITY_TEXT;
  if (contains(type, "BLOB") || !*type) return AFFINITY_BLOB;
  if (contains(type, "REAL") || contains(type, "FLOA") || contains(type, "DOUB")) return AFFINITY_REAL;
  return is_strict ? AFFINITY_BLOB : AFFINITY_NUMERIC; /* STRICT's only other type is ANY */
}

/* Gives the single value of a SELECT with one parameter. */
static int evaluate(struct scan *scan, const char *sql, const struct scan_value *value,
                    sqlite3_stmt **statement) {
  int rc = sqlite3_prepare_v2(scan->db, sql, -1, statement, NULL);
  if (rc != SQLITE_OK) return rc;
  rc = value->type == BATCH_TEXT   ? sqlite3_bind_text64(*statement, 1, (const char *)value->is.bytes,
                                                         value->length, SQLITE_STATIC, SQLITE_UTF8)
       : value->type == BATCH_REAL ? sqlite3_bind_double(*statement, 1, value->is.real)
                                   : sqlite3_bind_int64(*statement, 1, value->is.integer);
  if (rc == SQLITE_OK) rc = sqlite3_step(*statement);
  if (rc == SQLITE_ROW) return SQLITE_OK;
  sqlite3_finalize(*statement);
  return rc == SQLITE_DONE ? SQLITE_ERROR : rc;
}

/* A number for a text that looks like one. */
static int to_number(struct scan *scan, struct scan_value *value) {
  sqlite3_stmt *statement;
  int rc = evaluate(scan, "SELECT ?1", value, &statement);
  if (rc != SQLITE_OK) return rc;
  sqlite3_value *copy = sqlite3_value_dup(sqlite3_column_value(statement, 0));
  sqlite3_finalize(statement);
  if (!copy) return SQLITE_NOMEM;
  int type = sqlite3_value_numeric_type(copy);
  if (type == SQLITE_INTEGER)
    *value = (struct scan_value){.type = BATCH_INTEGER, .is.integer = sqlite3_value_int64(copy)};
  if (type == SQLITE_FLOAT)
    *value = (struct scan_value){.type = BATCH_REAL, .is.real = sqlite3_value_double(copy)};
  sqlite3_value_free(copy);
  return SQLITE_OK;
}

static int to_text(struct scan *scan, struct scan_value *value) {
  sqlite3_stmt *statement;
  int rc = evaluate(scan, "SELECT CAST(?1 AS TEXT)", value, &statement);
  if (rc != SQLITE_OK) return rc;
  const unsigned char *text = sqlite3_column_text(statement, 0);
  size_t length = (size_t)sqlite3_column_bytes(statement, 0);
  unsigned char *kept = text ? scan_allocate(scan, length + 1) : NULL;
  if (kept) memcpy(kept, text, length);
  sqlite3_finalize(statement);
  if (!kept) return SQLITE_NOMEM;
  *value = (struct scan_value){.type = BATCH_TEXT, .is.bytes = kept, .length = (uint32_t)length};
  return SQLITE_OK;
}

int scan_apply_affinity(struct scan *scan, enum scan_affinity affinity, struct scan_value *value) {
  bool is_number = value->type == BATCH_INTEGER || value->type == BATCH_REAL;
  if (affinity == AFFINITY_TEXT && is_number) return to_text(scan, value);
  if (affinity >= AFFINITY_NUMERIC && value->type == BATCH_TEXT) return to_number(scan, value);
  return SQLITE_OK;
}
