#include "ext/function/function.h"

/* Creates the temporary view of one summary anew; an SQLite error code. */
static int make_view(sqlite3 *db, const char *name, const char *sql) {
  char *drop = sqlite3_mprintf("DROP VIEW IF EXISTS temp.\"%w\"", name);
  int rc = drop ? sqlite3_exec(db, drop, 0, 0, 0) : SQLITE_NOMEM;
  sqlite3_free(drop);
  return rc == SQLITE_OK ? sqlite3_exec(db, sql, 0, 0, 0) : rc;
}

/*
** almanac_live(): makes summaries exact on this connection.
**
** R-1  A summary whose definition calls functions of the extension shows, under its name, the rows of its
*last
**      refresh, for its view must be readable without the extension. almanac_live() gives this connection a
*TEMP
**      view of the same name that equals the defining query at any time.
** R-2  Returns how many such views there are now: an INTEGER, 0 for a database without any. Called again, it
*makes
**      them anew, as after `almanac apply`.
** R-3  Nothing is written to the file: temporary views live in the connection.
** Errors: "almanac_live: ..." with SQLite's reason. Works on the main database.
*/
void almanac_live_call(sqlite3_context *context, int n, sqlite3_value **values) {
  (void)n;
  (void)values;
  sqlite3 *db = sqlite3_context_db_handle(context);
  sqlite3_stmt *summaries = 0;
  if (sqlite3_table_column_metadata(db, "main", "almanac_summary", "live_sql", 0, 0, 0, 0, 0) != SQLITE_OK) {
    sqlite3_result_int(context, 0);
    return;
  }
  int rc = sqlite3_prepare_v2(
      db, "SELECT name, live_sql FROM main.almanac_summary WHERE live_sql IS NOT NULL", -1, &summaries, 0);
  sqlite3_int64 made = 0;
  while (rc == SQLITE_OK && (rc = sqlite3_step(summaries)) == SQLITE_ROW) {
    rc = make_view(db, (const char *)sqlite3_column_text(summaries, 0),
                   (const char *)sqlite3_column_text(summaries, 1));
    made++;
  }
  if (rc == SQLITE_NOMEM)
    sqlite3_result_error_nomem(context);
  else if (rc != SQLITE_DONE)
    function_error(context, "almanac_live: %s", sqlite3_errmsg(db));
  else
    sqlite3_result_int64(context, made);
  sqlite3_finalize(summaries);
}
