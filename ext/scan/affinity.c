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

int scan_take_value(struct scan *scan, sqlite3_stmt *row, int at, struct scan_value *value) {
  int type = sqlite3_column_type(row, at);
  *value = (struct scan_value){.type = (enum batch_type)type};
  if (type == SQLITE_INTEGER) value->is.integer = sqlite3_column_int64(row, at);
  if (type == SQLITE_FLOAT) value->is.real = sqlite3_column_double(row, at);
  if (type != SQLITE_TEXT && type != SQLITE_BLOB) return SQLITE_OK;
  const void *bytes =
      type == SQLITE_TEXT ? (const void *)sqlite3_column_text(row, at) : sqlite3_column_blob(row, at);
  value->length = (uint32_t)sqlite3_column_bytes(row, at);
  unsigned char *kept = scan_allocate(scan, (size_t)value->length + 1);
  if (!kept || (!bytes && (value->length || type == SQLITE_TEXT))) return SQLITE_NOMEM;
  if (value->length) memcpy(kept, bytes, value->length);
  value->is.bytes = kept;
  return SQLITE_OK;
}

/* Gives the value to a statement that has it as its first column, and as TEXT as its second. */
static int give_value(struct scan *scan, const struct scan_value *value) {
  int rc = SQLITE_OK;
  if (!scan->conversion)
    rc = sqlite3_prepare_v2(scan->db, "SELECT ?1, CAST(?1 AS TEXT)", -1, &scan->conversion, NULL);
  if (rc != SQLITE_OK) return rc;
  sqlite3_stmt *statement = scan->conversion;
  sqlite3_reset(statement);
  rc = value->type == BATCH_TEXT   ? sqlite3_bind_text64(statement, 1, (const char *)value->is.bytes,
                                                         value->length, SQLITE_STATIC, SQLITE_UTF8)
       : value->type == BATCH_REAL ? sqlite3_bind_double(statement, 1, value->is.real)
                                   : sqlite3_bind_int64(statement, 1, value->is.integer);
  if (rc == SQLITE_OK) rc = sqlite3_step(statement);
  return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* A number for a text that looks like one. */
static int to_number(struct scan *scan, struct scan_value *value) {
  int rc = give_value(scan, value);
  if (rc != SQLITE_OK) return rc;
  sqlite3_value *copy = sqlite3_value_dup(sqlite3_column_value(scan->conversion, 0));
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
  int rc = give_value(scan, value);
  return rc == SQLITE_OK ? scan_take_value(scan, scan->conversion, 1, value) : rc;
}

int scan_apply_affinity(struct scan *scan, enum scan_affinity affinity, struct scan_value *value) {
  bool is_number = value->type == BATCH_INTEGER || value->type == BATCH_REAL;
  if (affinity == AFFINITY_TEXT && is_number) return to_text(scan, value);
  if (affinity >= AFFINITY_NUMERIC && value->type == BATCH_TEXT) return to_number(scan, value);
  return SQLITE_OK;
}
