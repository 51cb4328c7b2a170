/*
** Preloaded into the tool by actor.py: halts it wherever its transaction on the database begins, becomes a
** writer's or ends, and where it waits for somebody else. One byte goes out on descriptor 208 (0 no transaction,
** 1 reads, 2 writes, w waits), one comes back on 209. Processes that the tool forks run freely.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
extern int sqlite3_txn_state(sqlite3 *db, const char *schema);
extern sqlite3 *sqlite3_db_handle(sqlite3_stmt *statement);

#define REAL(name)                                                                                           \
  static __typeof__(name) *real;                                                                             \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int last = -1, away;
static pid_t watched;

/* Before main: --jobs forks before anything is halted. */
__attribute__((constructor)) static void watch(void) {
  watched = getpid();
}

/* False once nobody listens any more. */
static int halt(char out) {
  char in;
  if (away || watched != getpid()) return 0;
  if (write(208, &out, 1) != 1 || read(209, &in, 1) != 1) away = 1;
  return !away;
}

static void look(sqlite3 *db) {
  int state = db && !away ? sqlite3_txn_state(db, "main") : -1;
  if (state < 0 || state == last) return;
  last = state;
  halt((char)('0' + state));
}

int sqlite3_step(sqlite3_stmt *statement) {
  REAL(sqlite3_step);
  int rc = real(statement);
  look(statement ? sqlite3_db_handle(statement) : 0);
  return rc;
}

int sqlite3_finalize(sqlite3_stmt *statement) {
  REAL(sqlite3_finalize);
  sqlite3 *db = statement ? sqlite3_db_handle(statement) : 0;
  int rc = real(statement);
  look(db);
  return rc;
}

int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *context,
                 char **error) {
  REAL(sqlite3_exec);
  int rc = real(db, sql, row, context, error);
  look(db);
  return rc;
}

/* Whoever moves us on has let the others do something meanwhile: no need to sleep. */
int usleep(useconds_t us) {
  REAL(usleep);
  return halt('w') ? 0 : real(us);
}

int nanosleep(const struct timespec *request, struct timespec *remaining) {
  REAL(nanosleep);
  return halt('w') ? 0 : real(request, remaining);
}
