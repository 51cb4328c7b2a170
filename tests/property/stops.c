/*
** Preloaded into the tool by test_stepper.py: halts it wherever its transaction on the database begins, becomes
** a writer's or ends. One byte goes out on descriptor 208 (0 none, 1 reads, 2 writes), one comes back on 209.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
extern int sqlite3_txn_state(sqlite3 *db, const char *schema);
extern sqlite3 *sqlite3_db_handle(sqlite3_stmt *statement);

static void halt(sqlite3 *db) {
  static int last = -1, away;
  if (!db || away) return;
  int state = sqlite3_txn_state(db, "main");
  if (state < 0 || state == last) return;
  last = state;
  char out = (char)('0' + state), in;
  if (write(208, &out, 1) != 1 || read(209, &in, 1) != 1) away = 1;
}

int sqlite3_step(sqlite3_stmt *statement) {
  static int (*real)(sqlite3_stmt *);
  if (!real) real = (int (*)(sqlite3_stmt *))dlsym(RTLD_NEXT, "sqlite3_step");
  int rc = real(statement);
  halt(statement ? sqlite3_db_handle(statement) : 0);
  return rc;
}

int sqlite3_finalize(sqlite3_stmt *statement) {
  static int (*real)(sqlite3_stmt *);
  if (!real) real = (int (*)(sqlite3_stmt *))dlsym(RTLD_NEXT, "sqlite3_finalize");
  sqlite3 *db = statement ? sqlite3_db_handle(statement) : 0;
  int rc = real(statement);
  halt(db);
  return rc;
}

int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *context,
                 char **error) {
  static int (*real)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
  if (!real)
    real = (int (*)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **))dlsym(
        RTLD_NEXT, "sqlite3_exec");
  int rc = real(db, sql, row, context, error);
  halt(db);
  return rc;
}
