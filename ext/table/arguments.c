/* What table-valued functions share: their errors, their arguments (hidden columns), and JSON arguments. */
#include "ext/function/function.h"
#include "ext/table/table.h"
#include <stdarg.h>
#include <string.h>

/* Sets the table's error message, which starts with the function's name; returns SQLITE_ERROR. */
int table_error(sqlite3_vtab *table, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  sqlite3_free(table->zErrMsg);
  table->zErrMsg = text;
  return text ? SQLITE_ERROR : SQLITE_NOMEM;
}

/* Makes an eponymous table of these columns that views and triggers may use too. */
int table_connect(sqlite3 *db, const char *columns, sqlite3_vtab **table) {
  int rc = sqlite3_declare_vtab(db, columns);
  if (rc != SQLITE_OK) return rc;
  sqlite3_vtab_config(db, SQLITE_VTAB_INNOCUOUS);
  *table = sqlite3_malloc(sizeof **table);
  if (!*table) return SQLITE_NOMEM;
  memset(*table, 0, sizeof **table);
  return SQLITE_OK;
}

int table_disconnect(sqlite3_vtab *table) {
  sqlite3_free(table);
  return SQLITE_OK;
}

int table_argument_missing(sqlite3_vtab *table, const char *usage) {
  return table_error(table, "%s: an argument is missing", usage);
}

/*
** SQLite gives an argument too many to the hidden column after those of the arguments, `way` or `level`, which then equals
** nothing: no rows, and no word. What is written in the statement can be seen since 3.38 (not in the tool, which must
** also start with an older library, and has no use for it): these columns' texts are words or widths.
*/
static int refuse_surplus(sqlite3_vtab *table, sqlite3_index_info *info, int after, const char *usage) {
  int rc = SQLITE_OK;
#if SQLITE_VERSION_NUMBER >= 3038000 && !defined(SQLITE_CORE)
  static const char *const words[] = {"pages", "raw", "sql"};
  for (int i = 0; sqlite3_libversion_number() >= 3038000 && rc == SQLITE_OK && i < info->nConstraint; i++) {
    sqlite3_value *value = NULL;
    if (info->aConstraint[i].iColumn != after || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
      continue;
    if (sqlite3_vtab_rhs_value(info, i, &value) != SQLITE_OK || !value) continue;
    const char *text =
        sqlite3_value_type(value) == SQLITE_TEXT ? (const char *)sqlite3_value_text(value) : NULL;
    bool fits = text && text[0] >= '0' && text[0] <= '9';
    for (size_t word = 0; text && word < sizeof words / sizeof *words; word++)
      fits = fits || strncmp(text, words[word], strlen(words[word])) == 0;
    char *shown = fits ? NULL : value_for_message(value);
    if (!fits)
      rc = table_error(table, "%s: there is an argument too many, %s", usage, shown ? shown : "NULL");
    sqlite3_free(shown);
  }
#else
  (void)table, (void)info, (void)after, (void)usage;
#endif
  return rc;
}

/*
** xBestIndex of a function with `count` arguments, hidden columns from `first_column` on, of which the
** first `required` must be there. xFilter gets those that are there, in order; bit i of its idxNum says
** that argument i is one of them; its idxStr is `usage`, which the error shows when a required one is missing.
** Without any argument SQLite asks also where it looks at one side of an OR: that must be no error, but too dear
** to be chosen, and xFilter says what is missing (table_argument_missing).
*/
int table_take_arguments(sqlite3_vtab *table, sqlite3_index_info *info, int first_column, int required,
                         int count, const char *usage) {
  int present = 0, unusable = 0, next = 1;
  for (int argument = 0; argument < count; argument++) {
    for (int i = 0; i < info->nConstraint; i++) {
      if (info->aConstraint[i].iColumn != first_column + argument) continue;
      if (info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
      if (!info->aConstraint[i].usable) {
        unusable |= 1 << argument;
        continue;
      }
      info->aConstraintUsage[i].argvIndex = next++;
      info->aConstraintUsage[i].omit = 1;
      present |= 1 << argument;
      break;
    }
  }
  if (unusable & ~present) return SQLITE_CONSTRAINT; /* in this order of the join; another will do */
  info->idxStr = (char *)usage;                      /* which stays ours */
  if (!present && required) {
    info->estimatedCost = 1e99;
    return SQLITE_OK;
  }
  int all_required = (1 << required) - 1;
  if ((present & all_required) != all_required) return table_argument_missing(table, usage);
  int rc = refuse_surplus(table, info, first_column + count, usage);
  if (rc != SQLITE_OK) return rc;
  info->idxNum = present;
  info->estimatedCost = 1000;
  info->estimatedRows = 1000;
  return SQLITE_OK;
}

/*
** A copy of JSON text for a cursor to read, to be freed by sqlite3_free; NULL for an SQL NULL. False, with
** the table's error set, when out of memory or for a BLOB, which would be JSONB.
*/
bool table_json_argument(sqlite3_vtab *table, sqlite3_value *value, const char *function, char **text,
                         int *length) {
  *text = NULL;
  *length = 0;
  if (sqlite3_value_type(value) == SQLITE_NULL) return true;
  if (sqlite3_value_type(value) == SQLITE_BLOB) {
    table_error(table,
                "%s: the argument must be JSON text, not a blob of %d bytes (json() turns JSONB into text)",
                function, sqlite3_value_bytes(value));
    return false;
  }
  const char *given = (const char *)sqlite3_value_text(value);
  *length = sqlite3_value_bytes(value);
  *text = given ? sqlite3_malloc64((sqlite3_uint64)*length + 1) : NULL;
  if (!*text) {
    table_error(table, "out of memory");
    return false;
  }
  memcpy(*text, given, (size_t)*length);
  (*text)[*length] = '\0';
  return true;
}
