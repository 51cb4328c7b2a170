#include "ext/function/function.h"

/* Drops the views of an earlier call: their summaries may have changed or be gone. */
static int drop_views(sqlite3 *db) {
  sqlite3_stmt *views = 0;
  int rc = sqlite3_prepare_v2(
      db,
      "SELECT group_concat('DROP VIEW temp.\"' || replace(name, '\"', '\"\"') || '\"', ';') "
      "FROM temp.sqlite_master WHERE type='view' AND sql LIKE '%almanac_result(%'",
      -1, &views, 0);
  char *drops = 0;
  if (rc == SQLITE_OK && (rc = sqlite3_step(views)) == SQLITE_ROW)
    drops = sqlite3_mprintf("%s",
                            sqlite3_column_text(views, 0) ? (const char *)sqlite3_column_text(views, 0) : "");
  sqlite3_finalize(views);
  if (rc != SQLITE_ROW) return rc;
  rc = drops ? sqlite3_exec(db, drops, 0, 0, 0) : SQLITE_NOMEM;
  sqlite3_free(drops);
  return rc;
}

/* Whether there are summaries, as the file says now: what the connection knows of the schema may be older than they
 * are, and is looked at again only when a statement runs. SQLITE_ROW or SQLITE_DONE. */
static int look_for_catalog(sqlite3 *db) {
  sqlite3_stmt *table = 0;
  int rc =
      sqlite3_prepare_v2(db, "SELECT 1 FROM main.sqlite_master WHERE name='almanac_summary'", -1, &table, 0);
  if (rc == SQLITE_OK) rc = sqlite3_step(table);
  sqlite3_finalize(table);
  return rc;
}

/* Creates the temporary view of every summary that needs one; *made gets their number, *error what went
 * wrong. */
static int make_views(sqlite3 *db, sqlite3_int64 *made, char **error) {
  sqlite3_stmt *summaries = 0;
  *made = 0;
  int rc = look_for_catalog(db);
  if (rc == SQLITE_DONE) return SQLITE_OK;
  if (rc == SQLITE_ROW)
    rc = sqlite3_prepare_v2(db, "SELECT live_sql FROM main.almanac_summary WHERE live_sql IS NOT NULL", -1,
                            &summaries, 0);
  while (rc == SQLITE_OK && (rc = sqlite3_step(summaries)) == SQLITE_ROW) {
    rc = sqlite3_exec(db, (const char *)sqlite3_column_text(summaries, 0), 0, 0, error);
    ++*made;
  }
  /* Finalizing would put its own success in place of the message. */
  if (rc != SQLITE_DONE && !*error) *error = sqlite3_mprintf("%s", sqlite3_errmsg(db));
  sqlite3_finalize(summaries);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/*
** almanac_live(): makes summaries exact on this connection.
**
** R-1  A summary whose definition calls functions of the extension shows, under its name, the rows of its last
**      refresh, for its view must be readable without the extension. almanac_live() gives this connection a TEMP
**      view of the same name that equals the defining query at any time.
** R-2  Returns how many such views there are now: an INTEGER, 0 for a database without any. Called again, it makes
**      them anew, as after `almanac apply`.
** R-3  Nothing is written to the file: temporary views live in the connection.
** Errors: "almanac_live: ..." with SQLite's reason. Works on the main database.
*/
void almanac_live_call(sqlite3_context *context, int n, sqlite3_value **values) {
  (void)n;
  (void)values;
  sqlite3 *db = sqlite3_context_db_handle(context);
  sqlite3_int64 made = 0;
  char *error = 0;
  int rc = drop_views(db);
  if (rc != SQLITE_OK)
    error = sqlite3_mprintf("%s", sqlite3_errmsg(db));
  else
    rc = make_views(db, &made, &error);
  if (rc == SQLITE_NOMEM)
    sqlite3_result_error_nomem(context);
  else if (rc != SQLITE_OK)
    function_error(context, "almanac_live: %s", error);
  else
    sqlite3_result_int64(context, made);
  sqlite3_free(error);
}
