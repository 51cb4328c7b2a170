/*
** A C program that uses SQLite and loads the extension, as applications do:
**
**   host EXTENSION [SQL ...]      opens, loads, reloads, queries and closes again and again, also in threads
**
** Ends with 0 when everything held, else prints what didn't and ends with 1. The test runs it under valgrind and
** with sanitizers. The SQL statements are run as they are; their results are only counted.
*/
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static const char *extension;
static char **statements;
static int n_statements;

#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      fprintf(stderr, "host.c:%d: %s\n", __LINE__, #condition);                                              \
      return 1;                                                                                              \
    }                                                                                                        \
  } while (0)

static int run(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement;
  int rows = 0, rc;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, 0) != SQLITE_OK) {
    fprintf(stderr, "%s\n  %s\n", sqlite3_errmsg(db), sql);
    return -1;
  }
  while ((rc = sqlite3_step(statement)) == SQLITE_ROW) rows++;
  if (rc != SQLITE_DONE) fprintf(stderr, "%s\n  %s\n", sqlite3_errmsg(db), sql);
  return sqlite3_finalize(statement) == SQLITE_OK ? rows : -1;
}

static int load(sqlite3 *db, const char *path, const char *entry) {
  char *error = 0;
  int rc = sqlite3_load_extension(db, path, entry, &error);
  if (rc != SQLITE_OK) fprintf(stderr, "(%s)\n", error ? error : "no message");
  sqlite3_free(error);
  return rc;
}

/* Loads again and again, also while a statement of the extension is in the middle of its rows. */
static int load_again(sqlite3 *db) {
  sqlite3_stmt *statement;
  int rows = 0;
  CHECK(sqlite3_prepare_v2(db,
                           "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 500)"
                           " SELECT rolling_drawdown(i) OVER (ORDER BY i ROWS 9 PRECEDING) FROM c",
                           -1, &statement, 0) == SQLITE_OK);
  CHECK(load(db, extension, "sqlite3_almanac_init") == SQLITE_OK);
  for (; sqlite3_step(statement) == SQLITE_ROW; rows++) {
    if (rows == 100) CHECK(load(db, extension, 0) == SQLITE_OK);
    if (rows == 200) CHECK(sqlite3_exec(db, "SELECT almanac_version()", 0, 0, 0) == SQLITE_OK);
  }
  CHECK(sqlite3_finalize(statement) == SQLITE_OK);
  CHECK(rows == 500);
  return 0;
}

/* One life of a connection: every statement once to its end and once left after its first row. */
static int one_life(void) {
  sqlite3 *db;
  sqlite3_stmt *statement;
  CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
  CHECK(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, 0) == SQLITE_OK);
  CHECK(load(db, extension, 0) == SQLITE_OK);
  CHECK(load_again(db) == 0);
  for (int i = 0; i < n_statements; i++) {
    CHECK(run(db, statements[i]) >= 0);
    CHECK(sqlite3_prepare_v2(db, statements[i], -1, &statement, 0) == SQLITE_OK);
    sqlite3_step(statement);
    CHECK(sqlite3_finalize(statement) == SQLITE_OK);
  }
  CHECK(sqlite3_close(db) == SQLITE_OK); /* BUSY if anything were left open */
  return 0;
}

static int refusals(void) {
  sqlite3 *db;
  CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK);
  CHECK(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, 0) == SQLITE_OK);
  CHECK(load(db, extension, 0) == SQLITE_ERROR);
  CHECK(sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, 0) == SQLITE_OK);
  CHECK(load(db, extension, "no_such_entry") == SQLITE_ERROR);
  CHECK(load(db, "/nonexistent/almanac", 0) == SQLITE_ERROR);
  CHECK(sqlite3_exec(db, "SELECT almanac_version()", 0, 0, 0) == SQLITE_ERROR);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return 0;
}

static void *in_a_thread(void *result) {
  *(int *)result = one_life() || one_life();
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  extension = argv[1];
  statements = argv + 2;
  n_statements = argc - 2;
  CHECK(refusals() == 0);
  CHECK(one_life() == 0);
  sqlite3_int64 used = sqlite3_memory_used();
  for (int i = 0; i < 5; i++) CHECK(one_life() == 0);
  CHECK(sqlite3_memory_used() == used);
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  int failed[THREADS];
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], 0, in_a_thread, &failed[i]) == 0);
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], 0) == 0);
  for (int i = 0; i < THREADS; i++) CHECK(failed[i] == 0);
  CHECK(sqlite3_memory_used() == used);
  return 0;
}
