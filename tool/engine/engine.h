/*
** The connection that a command works on, with a sticky error: once something failed, every call below does
** nothing, so that callers are straight lines and ask engine_ok() where it matters. Strings and structures
** come from the engine's arena: nobody frees them one by one.
*/
#ifndef ALMANAC_ENGINE_H
#define ALMANAC_ENGINE_H
#include "tool/engine/pace.h"
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

struct jobs;

/* What the command line said, for every verb. */
struct settings {
  const char *verb;
  const char *database;
  char **operands; /* what follows the database */
  int n_operands;
  bool full;            /* refresh --full */
  bool all;             /* drop --all */
  bool json;            /* --json */
  bool quiet;           /* --quiet */
  bool verbose;         /* --verbose */
  bool dry_run;         /* --dry-run: print the SQL, change nothing */
  double max_time_s;    /* --max-time 30s; 0: none */
  double every_s;       /* refresh --every 30s; 0: once */
  double duty;          /* refresh --duty 50%: 0 < duty <= 1; 1 unless given */
  double sample;        /* verify --sample 5%: 0 < sample <= 1; 1 unless given */
  int64_t seed;         /* verify --seed 1; 0: none given */
  const char *since;    /* verify --since 2026-01-31; NULL: from the oldest on */
  int busy_timeout_ms;  /* --busy-timeout 5s; 5000 unless given */
  int lock_ms;          /* --lock-ms 50; 50 unless given */
  int jobs;             /* --jobs 2: processes; 1 unless given */
  const char *textfile; /* --textfile PATH; NULL: none */
  struct jobs *team;    /* the processes themselves (../jobs.h) */
};

struct arena_block;
struct deferred;

struct engine {
  sqlite3 *db;
  sqlite3_stmt *rollback; /* prepared: it must work without memory, too, or other writers wait for us */
  const struct settings *settings;
  int code;             /* of the first failure, 0 so far */
  char *error;          /* its text, NULL so far */
  bool of_moment;       /* it tells nothing of the definitions: memory, a lock, a signal, a disk */
  double deadline_s;    /* of --max-time on engine_clock_s(); 0: none */
  double waits_since_s; /* for a lock, on the same clock */
  bool echo;            /* print what engine_exec runs: --dry-run */
  struct pace pace;
  int owner_file; /* of owner.h: its descriptor, 0 while it is not open */
  struct arena_block *arena;
  struct deferred *deferred;
};

/* Opens settings->database, which must exist and be a database. Free with engine_close in any case. */
bool engine_open(struct engine *engine, const struct settings *settings);
void engine_close(struct engine *engine);

/* Gives back all memory of the arena: between two runs of one command. */
void engine_reset(struct engine *engine);

static inline bool engine_ok(const struct engine *engine) {
  return engine->code == 0;
}

/* Remembers the first failure; `format` is sqlite3_mprintf's. Returns false, for `return engine_fail(...)`.
 */
bool engine_fail(struct engine *engine, enum exit_code code, const char *format, ...);

/* Fails with what SQLite says of the last call. A locked database gets its code. */
bool engine_fail_sqlite(struct engine *engine);

/* Fails for want of memory. */
bool engine_fail_memory(struct engine *engine);

/* Forgets the failure, so that the next summary can go on; gives its text to the caller (sqlite3_free). */
char *engine_recover(struct engine *engine, int *code);

/* Puts the failure aside, so that cleaning up can go on, and puts it back, instead of what failed since. */
struct failure {
  int code;
  char *error;
  bool of_moment;
};
struct failure engine_suspend(struct engine *engine);
void engine_resume(struct engine *engine, struct failure failure);

/* True once SIGINT, SIGTERM or --max-time asked for an end: stop at the next boundary between transactions.
 */
bool engine_stopping(const struct engine *engine);

/* Did a signal (not --max-time) ask for the end? */
bool engine_interrupted(void);

/* While `on`: a signal that has come interrupts no statement; with `waits` locks are waited for. For what is still
   to be read at the end of a run, however that ended. */
void engine_last_words(struct engine *engine, bool on, bool waits);

/* Memory that lives as long as the engine, zeroed; NULL when out of memory, which fails the engine. */
void *engine_alloc(struct engine *engine, size_t size);

/* Gives back what was allocated since engine_mark: between the batches of a long loop. */
struct arena_block *engine_mark(const struct engine *engine);
void engine_release(struct engine *engine, const struct arena_block *mark);

/* Has `release(what)` called when the arena is given back. */
void engine_defer(struct engine *engine, void (*release)(void *), void *what);

/* An array of *n elements grown by one when it is full (capacities are powers of two); as engine_alloc. When
   out of memory *n is 0, as fits the NULL. */
void *engine_grow(struct engine *engine, void *array, size_t *n, size_t element_size);

/* sqlite3_mprintf into the arena. Never NULL: an empty string when out of memory, which fails the engine. */
char *engine_printf(struct engine *engine, const char *format, ...);

/* Takes the text of a finished sqlite3_str into the arena; as engine_printf. */
char *engine_finish(struct engine *engine, sqlite3_str *text);

/* Runs statements that return no rows (rows are ignored). With `echo` they are printed as well. */
bool engine_exec(struct engine *engine, const char *sql);

/* Prepares one statement; NULL on failure. */
sqlite3_stmt *engine_prepare(struct engine *engine, const char *sql);

/* Binds parameter `i`; a statement may be NULL. Integers are bound without: they cannot fail. */
void engine_bind_text(struct engine *engine, sqlite3_stmt *statement, int i, const char *text);
void engine_bind_value(struct engine *engine, sqlite3_stmt *statement, int i, const sqlite3_value *value);

/* Steps; true when there is a row. At the end and on failure: false. */
bool engine_step(struct engine *engine, sqlite3_stmt *statement);

/* Finalizes, reporting a failure that was not seen before. */
void engine_finalize(struct engine *engine, sqlite3_stmt *statement);

/* The first column of the first row; 0 or NULL where there is none. */
int64_t engine_int(struct engine *engine, const char *sql);
char *engine_string(struct engine *engine, const char *sql);

/* Column `i` of the current row as arena text; NULL for NULL. */
char *engine_column(struct engine *engine, sqlite3_stmt *statement, int i);

/* BEGIN IMMEDIATE, after a gap for other writers, and COMMIT (pace.h). ROLLBACK works on a failed engine too and keeps its failure. */
bool engine_begin(struct engine *engine);
bool engine_commit(struct engine *engine);
void engine_rollback(struct engine *engine);

/* Ends a command's write transaction: commits, unless something failed or it is a dry run. */
void engine_end(struct engine *engine);

/* Seconds on a clock that only moves forward. */
double engine_clock_s(void);

/* Sleeps; a signal ends it. Not sqlite3_sleep: some builds of SQLite round it up to whole seconds. */
void engine_sleep(double seconds);

#endif
