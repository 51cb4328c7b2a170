/*
** The connection that a command works on, with a sticky error: once something failed, every call below does
** nothing, so that callers are straight lines and ask engine_ok() where it matters.
*/
#ifndef ALMANAC_ENGINE_H
#define ALMANAC_ENGINE_H
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes of the tool (../README.md). */
enum exit_code {
  CODE_DONE = 0,
  CODE_FAILED = 1,
  CODE_USAGE = 2,
  CODE_SOME_FAILED = 3,
  CODE_NO_DATABASE = 10,
  CODE_LOCKED = 11,
  CODE_INTERRUPTED = 130
};

/* What the command line said, for every verb. */
struct settings {
  const char *verb;
  const char *database;
  char **operands; /* what follows the database */
  int n_operands;
  bool full;           /* refresh --full */
  bool all;            /* drop --all */
  bool json;           /* --json */
  bool quiet;          /* --quiet */
  bool verbose;        /* --verbose */
  bool dry_run;        /* --dry-run: print the SQL, change nothing */
  double max_time_s;   /* --max-time 30s; 0: none */
  double every_s;      /* refresh --every 30s; 0: once */
  double duty;         /* refresh --duty 50%: 0 < duty <= 1; 1 unless given */
  int busy_timeout_ms; /* --busy-timeout 5s; 5000 unless given */
  int lock_ms;         /* --lock-ms 50; 50 unless given */
};

struct engine {
  sqlite3 *db;
  const struct settings *settings;
  int code;    /* of the first failure, 0 so far */
  char *error; /* its text, NULL so far */
};

bool engine_open(struct engine *engine, const struct settings *settings, bool read_only);
void engine_close(struct engine *engine);

static inline bool engine_ok(const struct engine *engine) { return engine->code == 0; }

/* Remembers the first failure; `format` is sqlite3_mprintf's. Returns false, for `return engine_fail(...)`. */
bool engine_fail(struct engine *engine, enum exit_code code, const char *format, ...);

/* Forgets the failure, so that the next summary can go on; gives its text to the caller (sqlite3_free). */
char *engine_recover(struct engine *engine, int *code);

/* True once SIGINT, SIGTERM or --max-time asked for an end: stop at the next boundary between transactions. */
bool engine_stopping(const struct engine *engine);

#endif
