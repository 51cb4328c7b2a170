/*
** The value of a column in records that were written before ALTER TABLE ADD COLUMN gave it a DEFAULT.
**
** R-1  No DEFAULT: NULL.
** R-2  SQLite gives such rows the constant with the column's affinity, but takes a number's digits as text first, so
**      that 1.50 stays '1.50' in a TEXT column, and a 1.0 without affinity becomes 1. Versions differ there. Known are
**      only the constants that all versions agree on: strings, blobs, NULL, TRUE and FALSE, and numbers where the column
**      holds numbers. All else is left to SQL.
*/
#include "ext/scan/source.h"
#include <string.h>

/* The constants within a DEFAULT: what stands between its parentheses, if there were any. */
enum literal {
  LITERAL_OTHER,
  LITERAL_NULL,
  LITERAL_BOOLEAN,
  LITERAL_INTEGER,
  LITERAL_REAL,
  LITERAL_STRING,
  LITERAL_BLOB
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static enum literal number_literal(const char *at) {
  enum literal kind = LITERAL_INTEGER;
  size_t digits = 0;
  if (*at == '-' || *at == '+') at++;
  while (*at == ' ') at++;
  for (; is_digit(*at); at++) digits++;
  if (*at == '.') {
    kind = LITERAL_REAL;
    for (at++; is_digit(*at); at++) digits++;
  }
  if (!digits) return LITERAL_OTHER;
  if (*at == 'e' || *at == 'E') {
    kind = LITERAL_REAL;
    at++;
    if (*at == '-' || *at == '+') at++;
    if (!is_digit(*at)) return LITERAL_OTHER;
    while (is_digit(*at)) at++;
  }
  return *at ? LITERAL_OTHER : kind;
}

/* Is it one quoted thing from its first character to its last? */
static bool is_quoted(const char *at) {
  char quote = *at++;
  for (; *at; at++) {
    if (*at != quote) continue;
    if (at[1] != quote) return !at[1];
    at++;
  }
  return false;
}

static enum literal kind_of(const char *text) {
  if (sqlite3_stricmp(text, "NULL") == 0) return LITERAL_NULL;
  if (sqlite3_stricmp(text, "TRUE") == 0 || sqlite3_stricmp(text, "FALSE") == 0) return LITERAL_BOOLEAN;
  if (*text == '\'' && is_quoted(text)) return LITERAL_STRING;
  if ((*text == 'x' || *text == 'X') && text[1] == '\'' && is_quoted(text + 1)) return LITERAL_BLOB;
  return number_literal(text);
}

/* The literal's value, by SQLite. */
static int evaluate(struct scan *scan, const char *text, struct scan_value *value) {
  sqlite3_stmt *row;
  char *sql = sqlite3_mprintf("SELECT %s", text);
  if (!sql) return SQLITE_NOMEM;
  int rc = sqlite3_prepare_v2(scan->db, sql, -1, &row, NULL);
  sqlite3_free(sql);
  if (rc == SQLITE_OK) rc = sqlite3_step(row);
  if (rc == SQLITE_ROW) rc = scan_take_value(scan, row, 0, value);
  sqlite3_finalize(row);
  return rc;
}

/* What a column of numbers keeps: a real without a fraction is an integer, but for REAL, where all are reals. */
static void store_number(enum scan_affinity affinity, struct scan_value *value) {
  if (affinity == AFFINITY_REAL && value->type == BATCH_INTEGER) {
    value->type = BATCH_REAL;
    value->is.real = (double)value->is.integer;
  } else if (affinity != AFFINITY_REAL && value->type == BATCH_REAL && value->is.real > -9e18 &&
             value->is.real < 9e18 && value->is.real == (double)(int64_t)value->is.real) {
    value->type = BATCH_INTEGER;
    value->is.integer = (int64_t)value->is.real;
  }
}

int scan_default_value(struct scan *scan, const char *text, struct scan_field *field) {
  struct scan_value *value = &field->default_value;
  *value = (struct scan_value){.type = BATCH_NULL};
  field->default_known = !text;
  if (!text) return SQLITE_OK;
  enum literal kind = kind_of(text);
  bool holds_numbers = field->affinity >= AFFINITY_NUMERIC;
  if (kind == LITERAL_OTHER || (kind >= LITERAL_BOOLEAN && kind <= LITERAL_REAL && !holds_numbers))
    return SQLITE_OK;
  if (kind == LITERAL_NULL) {
    field->default_known = true;
    return SQLITE_OK;
  }
  int rc = evaluate(scan, text, value);
  if (rc == SQLITE_OK) rc = scan_apply_affinity(scan, field->affinity, value);
  if (rc == SQLITE_OK && holds_numbers) store_number(field->affinity, value);
  field->default_known = rc == SQLITE_OK;
  return scan_is_final(rc) ? rc : SQLITE_OK;
}
