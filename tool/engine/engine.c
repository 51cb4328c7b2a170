#include "tool/engine/engine.h"
#include "ext/init.h"
#include "tool/engine/owner.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
  TRIES_AT_ONCE = 16,
  BUSY_MS_MAX = 10
}; /* waiting for a lock: tries between two sleeps, and their length */

static volatile sig_atomic_t stop_signal; /* the one global that may change: a signal handler has no other */

/* ------------------------------------------------------------------------------------------ failures */

bool engine_fail(struct engine *engine, enum exit_code code, const char *format, ...) {
  if (!engine_ok(engine)) return false;
  va_list arguments;
  va_start(arguments, format);
  engine->error = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  engine->code = code;
  return false;
}

bool engine_fail_memory(struct engine *engine) {
  if (engine_ok(engine)) engine->of_moment = true;
  return engine_fail(engine, CODE_FAILED, "out of memory");
}

/* Did the call fail for a reason that may be gone the next time? A file that can't be read is SQLITE_CORRUPT to SQLite. */
static bool is_of_moment(int rc) {
  return rc == SQLITE_NOMEM || rc == SQLITE_BUSY || rc == SQLITE_LOCKED || rc == SQLITE_INTERRUPT ||
         rc == SQLITE_IOERR || rc == SQLITE_FULL || rc == SQLITE_CANTOPEN || rc == SQLITE_PROTOCOL ||
         rc == SQLITE_CORRUPT;
}

/* Of the system's reasons: the disk, a quota, or a limit on files. */
static bool is_full(int reason) {
  return reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
}

bool engine_fail_sqlite(struct engine *engine) {
  int rc = sqlite3_errcode(engine->db) & 0xff;
  if (!engine_ok(engine)) return false;
  engine->of_moment = is_of_moment(rc);
  if (rc == SQLITE_BUSY && stop_signal) return engine_fail(engine, CODE_INTERRUPTED, "interrupted");
  if (rc == SQLITE_BUSY)
    return engine_fail(engine, CODE_LOCKED,
                       "%s: the database stayed locked for %g s; another writer holds it "
                       "(wait longer with --busy-timeout 30s)",
                       engine->settings->database, engine->settings->busy_timeout_ms / 1000.0);
  if (rc == SQLITE_NOTADB)
    return engine_fail(engine, CODE_NO_DATABASE, "%s: not a SQLite database", engine->settings->database);
  if (rc == SQLITE_READONLY)
    return engine_fail(engine, CODE_FAILED, "%s: the database is read-only", engine->settings->database);
  if (rc == SQLITE_INTERRUPT) return engine_fail(engine, CODE_INTERRUPTED, "interrupted");
  if (rc == SQLITE_NOMEM) return engine_fail_memory(engine);
  if (rc == SQLITE_FULL || (rc == SQLITE_IOERR && is_full(sqlite3_system_errno(engine->db))))
    return engine_fail(
        engine, CODE_FAILED,
        "%s: the disk is full, that of the database or that of temporary files (SQLITE_TMPDIR)",
        engine->settings->database);
  if (rc == SQLITE_CORRUPT)
    return engine_fail(engine, CODE_FAILED,
                       "%s: %s, or the disk can't be read (PRAGMA integrity_check tells which)",
                       engine->settings->database, sqlite3_errmsg(engine->db));
  if (rc == SQLITE_PROTOCOL)
    return engine_fail(engine, CODE_FAILED, "%s: its file system's locks don't work (%s)",
                       engine->settings->database, sqlite3_errmsg(engine->db));
  if (rc == SQLITE_IOERR || rc == SQLITE_CANTOPEN)
    return engine_fail(engine, CODE_FAILED, "%s: %s", engine->settings->database, sqlite3_errmsg(engine->db));
  return engine_fail(engine, CODE_FAILED, "%s", sqlite3_errmsg(engine->db));
}

char *engine_recover(struct engine *engine, int *code) {
  char *error = engine->error;
  if (code) *code = engine->code;
  engine->error = 0;
  engine->code = 0;
  engine->of_moment = false;
  return error;
}

struct failure engine_suspend(struct engine *engine) {
  struct failure failure = {engine->code, engine->error, engine->of_moment};
  engine->error = 0;
  engine_recover(engine, 0);
  return failure;
}

void engine_resume(struct engine *engine, struct failure failure) {
  sqlite3_free(engine_recover(engine, 0));
  engine->code = failure.code;
  engine->error = failure.error;
  engine->of_moment = failure.of_moment;
}

/* ------------------------------------------------------------------------------------------- memory */

struct arena_block {
  struct arena_block *next;
};

void *engine_alloc(struct engine *engine, size_t size) {
  struct arena_block *block = sqlite3_malloc64(sizeof *block + size);
  if (!block) {
    engine_fail_memory(engine);
    return 0;
  }
  memset(block, 0, sizeof *block + size);
  block->next = engine->arena;
  engine->arena = block;
  return block + 1;
}

struct arena_block *engine_mark(const struct engine *engine) {
  return engine->arena;
}

void engine_release(struct engine *engine, const struct arena_block *mark) {
  while (engine->arena != mark) {
    struct arena_block *block = engine->arena;
    engine->arena = block->next;
    sqlite3_free(block);
  }
}

struct deferred {
  struct deferred *next;
  void (*release)(void *);
  void *what;
};

void engine_defer(struct engine *engine, void (*release)(void *), void *what) {
  struct deferred *deferred = engine_alloc(engine, sizeof *deferred);
  if (!deferred) return release(what);
  *deferred = (struct deferred){engine->deferred, release, what};
  engine->deferred = deferred;
}

void *engine_grow(struct engine *engine, void *array, size_t *n, size_t element_size) {
  if (*n != 0 && (*n & (*n - 1)) != 0) return array;
  void *larger = engine_alloc(engine, (*n ? 2 * *n : 1) * element_size);
  if (larger && *n) memcpy(larger, array, *n * element_size);
  if (!larger) *n = 0;
  return larger;
}

static char *keep(struct engine *engine, char *text) {
  char *kept = text ? engine_alloc(engine, strlen(text) + 1) : 0;
  if (kept) strcpy(kept, text);
  if (!text) engine_fail_memory(engine);
  sqlite3_free(text);
  return kept ? kept : "";
}

char *engine_printf(struct engine *engine, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  return keep(engine, text);
}

char *engine_finish(struct engine *engine, sqlite3_str *text) {
  if (sqlite3_str_errcode(text) != SQLITE_OK) engine_fail_memory(engine);
  char *finished = sqlite3_str_finish(text);
  return finished ? keep(engine, finished) : "";
}

/* ---------------------------------------------------------------------------------------- statements */

bool engine_exec(struct engine *engine, const char *sql) {
  if (!engine_ok(engine)) return false;
  /* What is temporary is no change of the database. */
  if (engine->echo && !strstr(sql, "TEMP ") && !strstr(sql, "temp.")) printf("%s;\n", sql);
  if (sqlite3_exec(engine->db, sql, 0, 0, 0) != SQLITE_OK) return engine_fail_sqlite(engine);
  return true;
}

sqlite3_stmt *engine_prepare(struct engine *engine, const char *sql) {
  sqlite3_stmt *statement = 0;
  if (engine_ok(engine) && sqlite3_prepare_v2(engine->db, sql, -1, &statement, 0) != SQLITE_OK)
    engine_fail_sqlite(engine);
  return statement;
}

void engine_bind_text(struct engine *engine, sqlite3_stmt *statement, int i, const char *text) {
  if (statement && sqlite3_bind_text(statement, i, text, -1, SQLITE_TRANSIENT) != SQLITE_OK)
    engine_fail_sqlite(engine);
}

void engine_bind_value(struct engine *engine, sqlite3_stmt *statement, int i, const sqlite3_value *value) {
  if (statement && sqlite3_bind_value(statement, i, value) != SQLITE_OK) engine_fail_sqlite(engine);
}

bool engine_step(struct engine *engine, sqlite3_stmt *statement) {
  if (!engine_ok(engine) || !statement) return false;
  int rc = sqlite3_step(statement);
  if (rc == SQLITE_ROW) return true;
  if (rc != SQLITE_DONE) engine_fail_sqlite(engine);
  return false;
}

void engine_finalize(struct engine *engine, sqlite3_stmt *statement) {
  if (sqlite3_finalize(statement) != SQLITE_OK) engine_fail_sqlite(engine);
}

int64_t engine_int(struct engine *engine, const char *sql) {
  sqlite3_stmt *statement = engine_prepare(engine, sql);
  int64_t value = engine_step(engine, statement) ? sqlite3_column_int64(statement, 0) : 0;
  engine_finalize(engine, statement);
  return value;
}

char *engine_string(struct engine *engine, const char *sql) {
  sqlite3_stmt *statement = engine_prepare(engine, sql);
  char *value = engine_step(engine, statement) ? engine_column(engine, statement, 0) : 0;
  engine_finalize(engine, statement);
  return value;
}

char *engine_column(struct engine *engine, sqlite3_stmt *statement, int i) {
  if (sqlite3_column_type(statement, i) == SQLITE_NULL) return 0;
  const unsigned char *text = sqlite3_column_text(statement, i);
  if (!text) engine_fail_memory(engine);
  return engine_printf(engine, "%s", text ? (const char *)text : "");
}

bool engine_begin(struct engine *engine) {
  if (engine_ok(engine)) pace_before(engine);
  sqlite3_finalize(engine->rollback); /* anew, for much makes it expire */
  engine->rollback = engine_prepare(engine, "ROLLBACK");
  engine->waits_since_s = 0;
  if (!engine_exec(engine, "BEGIN IMMEDIATE")) return false;
  pace_began(engine, engine->waits_since_s > 0);
  return engine_ok(engine);
}

bool engine_commit(struct engine *engine) {
  double started_s = engine_clock_s();
  if (!engine_exec(engine, "COMMIT")) return false;
  pace_ended(engine, engine_clock_s() - started_s);
  return true;
}

void engine_rollback(struct engine *engine) {
  if (!engine->db || sqlite3_get_autocommit(engine->db)) return;
  if (!engine->rollback || sqlite3_step(engine->rollback) != SQLITE_DONE)
    sqlite3_exec(engine->db, "ROLLBACK", 0, 0, 0);
  sqlite3_reset(engine->rollback);
  pace_ended(engine, 0);
}

void engine_end(struct engine *engine) {
  engine->echo = false;
  if (engine_ok(engine) && !engine->settings->dry_run) engine_commit(engine);
  engine_rollback(engine);
}

/* -------------------------------------------------------------------------------------------- stopping */

static void on_signal(int number) {
  stop_signal = number;
}

/* The second signal ends the process at once, as it would have without us: a kill harms nothing. */
static void handle_signals(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_RESETHAND};
  sigaction(SIGINT, &action, 0);
  sigaction(SIGTERM, &action, 0);
}

double engine_clock_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void engine_sleep(double seconds) {
  double whole_s = floor(seconds);
  const struct timespec time = {.tv_sec = (time_t)whole_s, .tv_nsec = (long)((seconds - whole_s) * 1e9)};
  nanosleep(&time, 0);
}

bool engine_interrupted(void) {
  return stop_signal != 0;
}

bool engine_stopping(const struct engine *engine) {
  return stop_signal != 0 || (engine->deadline_s > 0 && engine_clock_s() >= engine->deadline_s);
}

/* Waits for a lock, but not past --busy-timeout nor a signal. Between two transactions of a writer that never rests
   lie some microseconds: some tries at once meet them, where one after each sleep would not for minutes. */
static int on_busy(void *context, int tries) {
  struct engine *engine = context;
  double now_s = engine_clock_s();
  if (tries == 0) engine->waits_since_s = now_s;
  if (stop_signal || (now_s - engine->waits_since_s) * 1000 >= engine->settings->busy_timeout_ms) return 0;
  if (tries % TRIES_AT_ONCE == TRIES_AT_ONCE - 1) {
    int sleep_ms = 1 + tries / (8 * TRIES_AT_ONCE);
    engine_sleep((sleep_ms < BUSY_MS_MAX ? sleep_ms : BUSY_MS_MAX) / 1000.0);
  }
  return 1;
}

/* A long statement gives way to a signal; what it did is rolled back or was temporary. */
static int on_progress(void *unused) {
  (void)unused;
  return stop_signal != 0;
}

static void watch_signals(struct engine *engine, bool watch) {
  sqlite3_progress_handler(engine->db, watch ? 10000 : 0, watch ? on_progress : 0, 0);
}

void engine_last_words(struct engine *engine, bool on, bool waits) {
  if (!engine->db) return;
  sqlite3_busy_handler(engine->db, waits ? on_busy : 0, engine);
  watch_signals(engine, !on);
}

/* --------------------------------------------------------------------------------------------- opening */

static bool is_file(struct engine *engine, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return engine_fail(engine, CODE_NO_DATABASE, "%s: %s", path, strerror(errno));
  bool readable = fgetc(file) != EOF || !ferror(file);
  int reason = errno;
  fclose(file);
  return readable || engine_fail(engine, CODE_NO_DATABASE, "%s: %s", path, strerror(reason));
}

bool engine_open(struct engine *engine, const struct settings *settings) {
  memset(engine, 0, sizeof *engine);
  engine->settings = settings;
  engine->deadline_s = settings->max_time_s > 0 ? engine_clock_s() + settings->max_time_s : 0;
  /* SQLite would create a missing file and call a directory "unable to open": say what it is instead. */
  if (!is_file(engine, settings->database)) return false;
  /* One thread uses the connection: its mutex would cost a tenth of all time. */
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(settings->database, &engine->db, flags, 0) == SQLITE_NOMEM)
    return engine_fail_memory(engine);
  if (sqlite3_errcode(engine->db) != SQLITE_OK)
    return engine_fail(engine, CODE_NO_DATABASE, "%s: %s", settings->database, sqlite3_errmsg(engine->db));
  sqlite3_busy_handler(engine->db, on_busy, engine);
  sqlite3_db_config(engine->db, SQLITE_DBCONFIG_DEFENSIVE, 1, 0);
  sqlite3_db_config(engine->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, 0);
  /* Checkpoints are the business of the writers, who know when they can wait. */
  sqlite3_wal_autocheckpoint(engine->db, 0);
  sqlite3_db_config(engine->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, 0);
  watch_signals(engine, true);
  handle_signals();
  char *error = 0;
  if (sqlite3_almanac_init(engine->db, &error, 0) != SQLITE_OK)
    engine_fail(engine, CODE_FAILED, "%s", error ? error : sqlite3_errmsg(engine->db));
  sqlite3_free(error);
  /* Room for a batch's sort and its pages; SQLite's default of 2 MB would sort in files. */
  engine_exec(engine, "PRAGMA cache_size=-16000");
  /* The first read tells a database from any other file. */
  engine_int(engine, "SELECT count(*) FROM sqlite_master");
  return engine_ok(engine);
}

void engine_reset(struct engine *engine) {
  for (struct deferred *deferred = engine->deferred; deferred; deferred = deferred->next)
    deferred->release(deferred->what);
  engine->deferred = 0;
  engine_release(engine, 0);
  owner_close(engine);
}

void engine_close(struct engine *engine) {
  engine_rollback(engine);
  sqlite3_finalize(engine->rollback);
  sqlite3_close(engine->db);
  engine_reset(engine);
  sqlite3_free(engine->error);
  engine->db = 0;
  engine->rollback = 0;
  engine->error = 0;
}
