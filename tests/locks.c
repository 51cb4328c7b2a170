/*
** Preloaded into the tool (locks.py): measures from within how long each of its transactions lasts, from the return
** of the call that began it to the return of the one that ended it. At the end of the process it appends a line to
** the file named by ALMANAC_LOCKS: kind (1 reads, 2 writes), how many, and in seconds the longest, the most
** of the processor's time that one took, and all together.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
extern int sqlite3_txn_state(sqlite3 *db, const char *schema);
extern sqlite3 *sqlite3_db_handle(sqlite3_stmt *statement);

static struct {
  long n;
  double longest_s, longest_cpu_s, sum_s;
} kinds[3];

static double clock_s(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void look(sqlite3 *db) {
  static int state = -1;
  static double since_s, since_cpu_s;
  int now = db ? sqlite3_txn_state(db, "main") : -1;
  if (now < 0 || now == state) return;
  double at_s = clock_s(CLOCK_MONOTONIC), cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
  if (state > 0) {
    double lasted_s = at_s - since_s;
    kinds[state].n++;
    kinds[state].sum_s += lasted_s;
    if (lasted_s > kinds[state].longest_s) kinds[state].longest_s = lasted_s;
    if (cpu_s - since_cpu_s > kinds[state].longest_cpu_s) kinds[state].longest_cpu_s = cpu_s - since_cpu_s;
  }
  state = now;
  since_s = at_s;
  since_cpu_s = cpu_s;
}

__attribute__((destructor)) static void tell(void) {
  const char *path = getenv("ALMANAC_LOCKS");
  FILE *file = path ? fopen(path, "a") : 0;
  for (int kind = 1; file && kind <= 2; kind++)
    fprintf(file, "%d %ld %.6f %.6f %.6f\n", kind, kinds[kind].n, kinds[kind].longest_s,
            kinds[kind].longest_cpu_s, kinds[kind].sum_s);
  if (file) fclose(file);
}

int sqlite3_step(sqlite3_stmt *statement) {
  static int (*real)(sqlite3_stmt *);
  if (!real) real = (int (*)(sqlite3_stmt *))dlsym(RTLD_NEXT, "sqlite3_step");
  int rc = real(statement);
  look(statement ? sqlite3_db_handle(statement) : 0);
  return rc;
}

int sqlite3_finalize(sqlite3_stmt *statement) {
  static int (*real)(sqlite3_stmt *);
  if (!real) real = (int (*)(sqlite3_stmt *))dlsym(RTLD_NEXT, "sqlite3_finalize");
  sqlite3 *db = statement ? sqlite3_db_handle(statement) : 0;
  int rc = real(statement);
  look(db);
  return rc;
}

int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, char **, char **), void *context,
                 char **error) {
  static int (*real)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
  if (!real)
    real = (int (*)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **))dlsym(
        RTLD_NEXT, "sqlite3_exec");
  int rc = real(db, sql, row, context, error);
  look(db);
  return rc;
}
