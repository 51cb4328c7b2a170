/*
** zoom_points, zoom_buckets and zoom_grid on a database, with sanitizers, while some allocation of theirs and of SQLite's fails,
** once, or from there on. `zoom_memory DATABASE SEED`: prints what is wrong and ends with 1. A call must give what it
** gives with all memory, or SQLITE_NOMEM (SQLite makes an I/O error of some); the connection must do its work afterwards.
*/
#include "ext/table/table.h"
#include "tests/unit/driver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long allocations, first_failing;
static int all_failing;

static int fails(void) {
  allocations++;
  return first_failing && (all_failing ? allocations >= first_failing : allocations == first_failing);
}

/* ---- The extension's own ---- */

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
  return fails() ? NULL : __real_malloc(size);
}

void *__wrap_realloc(void *old, size_t size) {
  return fails() ? NULL : __real_realloc(old, size);
}

/* ---- SQLite's ---- */

static sqlite3_mem_methods methods;

static void *limited_malloc(int size) {
  return fails() ? NULL : methods.xMalloc(size);
}

static void *limited_realloc(void *old, int size) {
  return fails() ? NULL : methods.xRealloc(old, size);
}

static void limit_sqlite(void) {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &methods);
  sqlite3_mem_methods limited = methods;
  limited.xMalloc = limited_malloc;
  limited.xRealloc = limited_realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &limited);
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0); /* so that more of them fail */
}

/* ---- Calls ---- */

static const char *const queries[] = {
    "SELECT group_concat(x || ' ' || y), count(*) FROM zoom_points('z', NULL, '2023-11-14 23:00:00', 40, "
    "'[\"a\", 1]')",
    "SELECT group_concat(x || ' ' || y), count(*) FROM zoom_points('z', '2023-11-14', NULL, 4, '[\"a\", 1]')",
    "SELECT group_concat(bucket || ' ' || n || ' ' || sum), count(*)"
    " FROM zoom_buckets('z', NULL, NULL, 300, '[\"a\", 1]')",
    "SELECT group_concat(bucket || ' ' || n || ' ' || sum), count(*)"
    " FROM zoom_buckets('z', '2023-11-14', NULL, 2, '[\"b\", 2]')",
    "SELECT grid || trace || level FROM zoom_grid('s', 100, 700, NULL, NULL, 8, 8, '[\"a\", 1]')",
    "SELECT grid || trace || level FROM zoom_grid('s', NULL, NULL, 5, 50, 8, 8, '[\"b\", 2]')",
};
enum { QUERIES = sizeof queries / sizeof *queries };

/* The query's one value; *rc its code. */
static char *answer(sqlite3 *db, const char *query, int *rc) {
  sqlite3_stmt *statement = NULL;
  char *text = NULL;
  *rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);
  if (*rc == SQLITE_OK && (*rc = sqlite3_step(statement)) == SQLITE_ROW) {
    const char *got = (const char *)sqlite3_column_text(statement, 0);
    text = got ? sqlite3_mprintf("%s", got) : NULL;
    *rc = text ? SQLITE_OK : SQLITE_NOMEM;
  }
  sqlite3_finalize(statement);
  return text;
}

static sqlite3 *open_database(const char *path) {
  sqlite3 *db = NULL;
  if (sqlite3_open(path, &db) != SQLITE_OK ||
      sqlite3_create_module(db, "zoom_points", &zoom_points_module, NULL) != SQLITE_OK ||
      sqlite3_create_module(db, "zoom_grid", &zoom_grid_module, NULL) != SQLITE_OK ||
      sqlite3_create_module(db, "zoom_buckets", &zoom_buckets_module, NULL) != SQLITE_OK)
    return NULL;
  return db;
}

/* The query with a failure, on a connection that is new or has been at work; true when all is well. Without one (0), allocations are counted. */
static int check(const char *path, const char *query, const char *expected, long failing, int used) {
  int rc, wrong = 0;
  sqlite3 *db = open_database(path);
  if (!db) return 0;
  if (used) sqlite3_free(answer(db, query, &rc));
  allocations = 0;
  first_failing = failing;
  char *got = answer(db, query, &rc);
  long counted = allocations;
  first_failing = 0;
  if (rc == SQLITE_OK ? strcmp(got, expected) != 0 : rc != SQLITE_NOMEM && (rc & 0xff) != SQLITE_IOERR)
    wrong = printf("allocation %ld of %s: code %d, %s\n", failing, query, rc, sqlite3_errmsg(db));
  sqlite3_free(got);
  got = answer(db, query, &rc);
  allocations = counted;
  if (!wrong && (rc != SQLITE_OK || strcmp(got, expected) != 0))
    wrong = printf("after allocation %ld of %s: code %d, %s\n", failing, query, rc, sqlite3_errmsg(db));
  sqlite3_free(got);
  if (sqlite3_close(db) != SQLITE_OK && !wrong) wrong = printf("the database does not close\n");
  return !wrong;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  setvbuf(stdout, NULL, _IONBF, 0); /* the sanitizer ends the program by itself */
  seed = strtoull(argv[2], NULL, 10);
  limit_sqlite();
  for (int i = 0; i < QUERIES; i++) {
    int rc;
    sqlite3 *db = open_database(argv[1]);
    char *expected = db ? answer(db, queries[i], &rc) : NULL;
    if (!expected) return printf("%s: %s\n", queries[i], sqlite3_errmsg(db));
    sqlite3_close(db);
    for (int used = 0; used < 2; used++) {
      if (!check(argv[1], queries[i], expected, 0, used)) return 1;
      long all = allocations;
      for (int n = used ? 80 : 15; n > 0; n--) {
        all_failing = n % 2;
        if (!check(argv[1], queries[i], expected, 1 + (long)(next() % (uint64_t)all), used)) return 1;
      }
    }
    sqlite3_free(expected);
  }
  return 0;
}
