/* almanac refresh: recomputes what has changed, once or every so often. */
#include "tool/refresh.h"
#include "tool/engine/claim.h"
#include "tool/engine/refresher.h"
#include "tool/engine/upgrade.h"
#include "tool/talk.h"
#include "tool/verb.h"
#include <stdio.h>
#include <time.h>

enum { POLL_MS_MIN = 1, POLL_MS_MAX = 50 }; /* between two looks at what others are doing */

static void on_progress(void *context, int64_t done, int64_t total, int64_t rows) {
  struct progress *progress = context;
  progress->total = total > done ? total : done;
  progress_step(progress, done, rows);
}

static void print_result(struct engine *engine, const char *name, const struct refresh_report *report,
                         double spent_s) {
  long long partitions = report->partitions, rows = report->rows;
  if (!engine->settings->json) {
    talk_notice(engine->settings, "%s: %lld %s, %lld rows, %.2f s", name, partitions,
                partitions == 1 ? "partition" : "partitions", rows, spent_s);
    return;
  }
  char *json = engine_string(
      engine, engine_printf(
                  engine, "SELECT json_object('name', %Q, 'partitions', %lld, 'rows', %lld, 'seconds', %.3f)",
                  name, partitions, rows, spent_s));
  if (json) printf("%s\n", json);
}

/* Marks everything of the summary as changed: --full. */
static bool forget(struct engine *engine, struct summary *summary) {
  return engine_begin(engine) && claim_unfill(engine, summary) && engine_commit(engine);
}

/* Nothing failed where another process has dropped the summary. */
static bool fail_one(struct engine *engine, struct catalog *catalog, const struct summary *s) {
  int code;
  char *error = engine_recover(engine, &code);
  engine_rollback(engine);
  bool gone = !catalog_is_current(engine, catalog) && !catalog_has(engine, s) && engine_ok(engine);
  sqlite3_free(engine_recover(engine, 0));
  catalog_distrust(catalog);
  if (!gone && !engine_interrupted()) {
    talk_warning(engine->settings, "%s: %s", s->name, error ? error : "out of memory");
    catalog_set_error(engine, s->name, error ? error : "out of memory");
    sqlite3_free(engine_recover(engine, 0));
  }
  sqlite3_free(error);
  if (gone) return true;
  if (code == CODE_LOCKED)
    engine_fail(engine, CODE_LOCKED, "%s: the database stayed locked", engine->settings->database);
  return false;
}

/* One summary's part in a refresh, which may take several turns. */
struct task {
  const char *name;
  enum { TASK_TO_DO, TASK_DONE, TASK_FAILED } state;
  bool waited;      /* it was said that others are at it */
  double started_s; /* on engine_clock_s(); 0: not yet */
  struct refresh_report done;
};

static bool start(struct engine *engine, struct summary *summary, struct task *task) {
  if (task->started_s > 0) return true;
  task->started_s = engine_clock_s();
  return !engine->settings->full || summary->broken || forget(engine, summary);
}

/* Refreshes as much as others leave to us. */
static bool refresh_one(struct engine *engine, struct catalog *catalog, struct task *task) {
  struct progress progress;
  struct refresh_report report = {.progress = on_progress, .context = &progress};
  task->state = TASK_DONE;
  if (!catalog_is_current(engine, catalog) && !refresher_settle(engine, catalog)) return false;
  struct summary *summary = catalog_find(catalog, task->name);
  if (!summary) return engine_ok(engine);
  progress_start(&progress, engine->settings, summary->name, 0);
  bool good = start(engine, summary, task) && refresher_run(engine, catalog, summary, &report);
  progress_end(&progress);
  task->done.partitions += report.partitions;
  task->done.rows += report.rows;
  if (!good && !fail_one(engine, catalog, summary)) task->state = TASK_FAILED;
  if (good && report.waits) {
    task->state = TASK_TO_DO;
    if (!task->waited) talk_notice(engine->settings, "%s: another refresh is at it", summary->name);
    task->waited = true;
  } else if (good)
    print_result(engine, summary->name, &task->done, engine_clock_s() - task->started_s);
  return engine_ok(engine);
}

/* Each that is still to do has a turn; true if anything was done. */
static bool take_turns(struct engine *engine, struct catalog *catalog, struct task *tasks, size_t n) {
  bool any = false;
  for (size_t i = 0; i < n && engine_ok(engine) && !engine_stopping(engine); i++) {
    if (tasks[i].state != TASK_TO_DO) continue;
    int64_t before = tasks[i].done.partitions;
    refresh_one(engine, catalog, &tasks[i]);
    any |= tasks[i].state != TASK_TO_DO || tasks[i].done.partitions > before;
  }
  return any;
}

static bool any_to_do(const struct task *tasks, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (tasks[i].state == TASK_TO_DO) return true;
  return false;
}

size_t refresh_named(struct engine *engine, struct catalog *catalog, char *const *names, size_t n) {
  struct task *tasks = engine_alloc(engine, (n + 1) * sizeof *tasks);
  size_t failed = 0;
  int pause_ms = POLL_MS_MIN;
  for (size_t i = 0; tasks && i < n; i++) tasks[i].name = names[i];
  while (tasks && any_to_do(tasks, n) && engine_ok(engine) && !engine_stopping(engine)) {
    struct arena_block *mark = engine_mark(engine);
    int64_t version = catalog->schema_version;
    bool any = take_turns(engine, catalog, tasks, n);
    if (any) {
      pause_ms = POLL_MS_MIN;
      continue;
    }
    /* Nobody's work but that of others, who live: wait until they have published it, or die. */
    if (catalog->schema_version == version) engine_release(engine, mark);
    sqlite3_sleep(pause_ms);
    pause_ms = pause_ms * 2 < POLL_MS_MAX ? pause_ms * 2 : POLL_MS_MAX;
  }
  for (size_t i = 0; tasks && i < n; i++) failed += tasks[i].state == TASK_FAILED;
  return failed;
}

static bool is_asked(const struct settings *settings, const struct summary *summary) {
  for (int i = 0; i < settings->n_operands; i++)
    if (sqlite3_stricmp(settings->operands[i], summary->name) == 0) return true;
  return settings->n_operands == 0;
}

static bool check_names(struct engine *engine, const struct catalog *catalog) {
  for (int i = 0; i < engine->settings->n_operands; i++)
    if (!catalog_find(catalog, engine->settings->operands[i]))
      return engine_fail(engine, CODE_FAILED, "there is no summary %s (almanac status %s lists them)",
                         engine->settings->operands[i], engine->settings->database);
  return true;
}

/* What a refresh would do: --dry-run. */
static bool print_plan(struct engine *engine, const struct summary *s) {
  char *dirty = engine_string(
      engine, engine_printf(engine, "SELECT coalesce(dirty, 0) FROM almanac_status WHERE name=%Q", s->name));
  printf("-- %s: %s\n", s->name,
         s->state == 0 ? "all of it" : engine_printf(engine, "%s to recompute", dirty ? dirty : "0"));
  return engine_ok(engine);
}

/* The summaries that were asked for, in the order of declaration: a refresh may declare one anew. */
static char **asked_names(struct engine *engine, const struct catalog *catalog, size_t *n) {
  char **names = engine_alloc(engine, (catalog->n + 1) * sizeof *names);
  *n = 0;
  for (size_t i = 0; names && i < catalog->n; i++)
    if (is_asked(engine->settings, catalog->summaries[i])) names[(*n)++] = catalog->summaries[i]->name;
  return names;
}

static bool load(struct engine *engine, struct catalog *catalog) {
  return upgrade_require(engine) && catalog_require_running(engine) && catalog_load(engine, catalog) &&
         check_names(engine, catalog);
}

static int run_once(struct engine *engine) {
  struct catalog catalog;
  size_t n = 0, failed = 0;
  if (!load(engine, &catalog)) return engine->code;
  if (!engine->settings->dry_run && !refresher_settle(engine, &catalog)) return engine->code;
  char **names = asked_names(engine, &catalog, &n);
  if (!engine->settings->dry_run) failed = refresh_named(engine, &catalog, names, n);
  for (size_t i = 0; engine->settings->dry_run && i < n && engine_ok(engine); i++)
    print_plan(engine, catalog_find(&catalog, names[i]));
  if (!engine_ok(engine)) return engine->code;
  if (failed) return failed == n && n == 1 ? CODE_FAILED : CODE_SOME_FAILED;
  return CODE_DONE;
}

/* Waits so that a run starts every so often and the runs take no more than their share of the time. */
static void wait_for_next(const struct engine *engine, double run_s) {
  double wait_s = engine->settings->every_s - run_s;
  if (engine->settings->duty < 1 && wait_s < run_s / engine->settings->duty - run_s)
    wait_s = run_s / engine->settings->duty - run_s;
  for (double until = engine_clock_s() + wait_s; engine_clock_s() < until && !engine_stopping(engine);) {
    const struct timespec tick = {.tv_nsec = 50000000};
    nanosleep(&tick, 0);
  }
}

int verb_refresh(struct engine *engine) {
  int code;
  while (true) {
    double started = engine_clock_s();
    code = run_once(engine);
    if (engine->settings->every_s <= 0 || engine_stopping(engine)) break;
    if (!engine_ok(engine)) {
      /* What failed now (a lock, a full disk) may go well the next time. */
      char *error = engine_recover(engine, 0);
      engine_rollback(engine);
      talk_warning(engine->settings, "%s", error ? error : "out of memory");
      sqlite3_free(error);
    }
    wait_for_next(engine, engine_clock_s() - started);
    engine_reset(engine);
    if (engine_stopping(engine)) break;
  }
  return engine_interrupted() ? CODE_INTERRUPTED : code;
}
