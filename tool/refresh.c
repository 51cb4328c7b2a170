/* almanac refresh: recomputes what has changed, once or every so often. */
#include "tool/refresh.h"
#include "tool/asked.h"
#include "tool/engine/claim.h"
#include "tool/engine/refresher.h"
#include "tool/engine/runs.h"
#include "tool/engine/upgrade.h"
#include "tool/jobs.h"
#include "tool/notices.h"
#include "tool/talk.h"
#include "tool/textfile.h"
#include "tool/verb.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { POLL_MS_MIN = 1, POLL_MS_MAX = 50 }; /* between two looks at what others are doing */

/* One summary's part in a refresh, which may take several turns. */
struct task {
  struct engine *engine;
  size_t number; /* its place among the names */
  const char *name;
  enum { TASK_TO_DO, TASK_DONE, TASK_FAILED } state;
  bool waited;      /* it was said that others are at it */
  double started_s; /* on engine_clock_s(); 0: not yet */
  double spent_s;   /* until it was done */
  int64_t budget;   /* of refresh_report */
  char *way;        /* of refresh_report, or NULL */
  bool printed;
  struct jobs_sum done; /* by this process */
  struct progress progress;
};

static bool is_ordered(const struct engine *engine) {
  return engine->settings->team && engine->settings->team->boss >= 0;
}

/* What this process and the others of --jobs have done. */
static struct jobs_sum sum_of(const struct task *task) {
  struct jobs_sum sum = {task->done.partitions, task->done.rows};
  if (!task->engine->settings->team || is_ordered(task->engine)) return sum;
  struct jobs_sum others = jobs_done(task->engine->settings->team, task->number);
  return (struct jobs_sum){sum.partitions + others.partitions, sum.rows + others.rows};
}

static void on_progress(void *context, int64_t partitions, int64_t total, int64_t rows) {
  struct task *task = context;
  struct jobs *team = task->engine->settings->team;
  if (is_ordered(task->engine)) jobs_tell(team, task->number, partitions, rows);
  task->done.partitions += partitions;
  task->done.rows += rows;
  if (!team || is_ordered(task->engine)) return;
  jobs_listen(team);
  struct jobs_sum sum = sum_of(task);
  if (task->progress.total < total) task->progress.total = total;
  if (task->progress.total < sum.partitions) task->progress.total = sum.partitions;
  progress_step(&task->progress, sum.partitions, sum.rows);
}

static void print_result(const struct task *task) {
  struct engine *engine = task->engine;
  struct jobs_sum sum = sum_of(task);
  long long partitions = sum.partitions, rows = sum.rows;
  if (!engine->settings->json) {
    talk_notice(engine->settings, "%s: %lld %s, %lld rows, %.2f s", task->name, partitions,
                partitions == 1 ? "partition" : "partitions", rows, task->spent_s);
    return;
  }
  char *json = engine_string(
      engine,
      engine_printf(
          engine,
          "SELECT json_object('name', %Q, 'partitions', %lld, 'rows', %lld, 'seconds', %.3f, 'way', %Q)",
          task->name, partitions, rows, task->spent_s, task->way));
  if (json) printf("%s\n", json);
}

/* Keeps what the run of a summary did, or why it failed. */
static bool keep_run(const struct task *task, const char *error) {
  struct jobs_sum sum = sum_of(task);
  const struct run run = {.name = task->name,
                          .started_at = (int64_t)time(0) - (int64_t)task->spent_s,
                          .seconds = task->spent_s,
                          .partitions = sum.partitions,
                          .rows = sum.rows,
                          .error = error};
  return runs_keep(task->engine, &run);
}

/* Marks everything of the summary as changed: --full. */
static bool forget(struct engine *engine, struct summary *summary) {
  return engine_begin(engine) && claim_unfill(engine, summary) && engine_commit(engine);
}

/* Nothing failed where another process has dropped the summary. */
static bool fail_one(struct engine *engine, struct catalog *catalog, const struct summary *s,
                     const struct task *task) {
  int code;
  char *error = engine_recover(engine, &code);
  engine_rollback(engine);
  bool gone = !catalog_is_current(engine, catalog) && !catalog_has(engine, s) && engine_ok(engine);
  sqlite3_free(engine_recover(engine, 0));
  catalog_distrust(catalog);
  if (!gone && !engine_interrupted()) {
    talk_warning(engine->settings, "%s: %s", s->name, error ? error : "out of memory");
    if (!is_ordered(engine)) keep_run(task, error ? error : "out of memory");
    engine_rollback(engine);
    sqlite3_free(engine_recover(engine, 0));
  }
  sqlite3_free(error);
  if (gone) return true;
  if (code == CODE_LOCKED)
    engine_fail(engine, CODE_LOCKED, "%s: the database stayed locked", engine->settings->database);
  return false;
}

static bool start(struct engine *engine, struct catalog *catalog, struct task *task) {
  if (task->started_s > 0) return true;
  task->started_s = engine_clock_s();
  struct summary *summary = engine->settings->full ? catalog_find(catalog, task->name) : 0;
  return !summary || summary->broken || forget(engine, summary);
}

/* Does it read what another summary has stored, which may have changed just now? */
static bool reads_stored(const struct summary *s) {
  for (size_t i = 0; s && i < s->n_parents; i++)
    if (!s->parents[i]->live) return true;
  return false;
}

/* Refreshes as much as others leave to us. */
static bool refresh_one(struct engine *engine, struct catalog *catalog, struct task *task) {
  struct refresh_report report = {.progress = on_progress, .context = task, .budget = task->budget};
  task->state = TASK_DONE;
  bool current = catalog_is_current(engine, catalog) && !reads_stored(catalog_find(catalog, task->name));
  if (!current && !refresher_settle(engine, catalog)) return false;
  struct summary *summary = catalog_find(catalog, task->name);
  if (!summary) return engine_ok(engine);
  progress_start(&task->progress, engine->settings, summary->name, 0);
  bool good = start(engine, catalog, task) && refresher_run(engine, catalog, summary, &report);
  progress_end(&task->progress);
  task->budget = report.budget;
  if (*report.way) task->way = engine_printf(engine, "%s", report.way);
  task->spent_s = engine_clock_s() - task->started_s;
  if (!good && !fail_one(engine, catalog, summary, task)) task->state = TASK_FAILED;
  if (good && report.waits) {
    task->state = TASK_TO_DO;
    if (!task->waited && engine->settings->jobs == 1)
      talk_notice(engine->settings, "%s: another refresh is at it", summary->name);
    task->waited = true;
  }
  return engine_ok(engine);
}

/* A line and a run for each summary once it is done; with --jobs when all have told what they did. */
static void print_done(const struct catalog *catalog, struct task *tasks, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct task *task = &tasks[i];
    bool stopped = task->state == TASK_TO_DO && engine_stopping(task->engine) && sum_of(task).partitions > 0;
    const struct summary *s = catalog_find(catalog, task->name);
    if (s && s->postponed && !engine_stopping(task->engine)) continue;
    if (task->printed || task->started_s == 0 || (task->state != TASK_DONE && !stopped)) continue;
    task->printed = true;
    print_result(task);
    if (!is_ordered(task->engine)) keep_run(task, 0);
  }
}

/* Are others still at the summary that this one reads? Of what is dirty there it would read the rows below. */
static bool parent_waits(const struct catalog *catalog, const struct task *tasks, size_t n,
                         const struct task *task) {
  const struct summary *s = catalog_find(catalog, task->name);
  for (size_t i = 0; s && s->parent && i < n; i++)
    if (tasks[i].state == TASK_TO_DO && sqlite3_stricmp(tasks[i].name, s->parent->name) == 0) return true;
  return false;
}

/* Each that is still to do has a turn; true if anything was done. */
static bool take_turns(struct engine *engine, struct catalog *catalog, struct task *tasks, size_t n) {
  bool any = false;
  for (size_t i = 0; i < n && engine_ok(engine) && !engine_stopping(engine); i++) {
    if (tasks[i].state != TASK_TO_DO || parent_waits(catalog, tasks, n, &tasks[i])) continue;
    int64_t before = tasks[i].done.partitions;
    refresh_one(engine, catalog, &tasks[i]);
    any |= tasks[i].state != TASK_TO_DO || tasks[i].done.partitions > before;
    if (engine->settings->jobs == 1) print_done(catalog, tasks, n);
  }
  return any;
}

static bool any_to_do(const struct task *tasks, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (tasks[i].state == TASK_TO_DO) return true;
  return false;
}

/* Were changes left alone because somebody is computing a summary from before them? Then there is another turn. */
static bool any_postponed(const struct catalog *catalog, struct task *tasks, size_t n) {
  bool any = false;
  for (size_t i = 0; i < n; i++) {
    const struct summary *s = catalog_find(catalog, tasks[i].name);
    if (!s || !s->postponed || tasks[i].state == TASK_FAILED) continue;
    tasks[i].state = TASK_TO_DO;
    any = true;
  }
  return any;
}

static void refresh_all(struct engine *engine, struct catalog *catalog, struct task *tasks, size_t n) {
  int pause_ms = POLL_MS_MIN;
  while (any_to_do(tasks, n) && engine_ok(engine) && !engine_stopping(engine)) {
    struct arena_block *mark = engine_mark(engine);
    int64_t version = catalog->schema_version;
    bool any = take_turns(engine, catalog, tasks, n);
    if (any) {
      pause_ms = POLL_MS_MIN;
      continue;
    }
    /* Nobody's work but that of others, who live: wait until they have published it, or die. */
    if (catalog->schema_version == version) engine_release(engine, mark);
    engine_sleep(pause_ms / 1000.0);
    pause_ms = pause_ms * 2 < POLL_MS_MAX ? pause_ms * 2 : POLL_MS_MAX;
  }
}

size_t refresh_named(struct engine *engine, struct catalog *catalog, char *const *names, size_t n) {
  struct jobs *team = engine->settings->team;
  struct task *tasks = engine_alloc(engine, (n + 1) * sizeof *tasks);
  size_t failed = 0;
  if (!tasks) return 0;
  for (size_t i = 0; i < n; i++) {
    tasks[i] = (struct task){.engine = engine, .number = i, .name = names[i]};
    /* With --full it must be known what is to do before the others look for it. */
    if (team && team->n > 0) start(engine, catalog, &tasks[i]);
  }
  if (team && !is_ordered(engine)) jobs_order(team, names, n);
  pace_relax(engine);
  refresh_all(engine, catalog, tasks, n);
  while (any_postponed(catalog, tasks, n) && engine_ok(engine) && !engine_stopping(engine)) {
    engine_sleep(POLL_MS_MAX / 1000.0);
    refresher_settle(engine, catalog);
    refresh_all(engine, catalog, tasks, n);
  }
  if (!engine_ok(engine)) engine_rollback(engine); /* the others may be waiting for our lock */
  if (team && !is_ordered(engine)) jobs_wait(team);
  print_done(catalog, tasks, n);
  for (size_t i = 0; i < n; i++) failed += tasks[i].state == TASK_FAILED;
  return failed;
}

/* The names of an order as an array. */
static char **split_names(struct engine *engine, char *text, size_t n) {
  char **names = engine_alloc(engine, (n + 1) * sizeof *names);
  for (size_t i = 0; names && i < n; i++, text += strlen(text) + 1) names[i] = text;
  return names;
}

int refresh_by_order(struct jobs *jobs, struct settings *settings) {
  struct engine engine = {0};
  size_t n;
  for (char *text; (text = jobs_next(jobs, &n)) != 0; sqlite3_free(text)) {
    struct catalog catalog;
    if (!engine.db && settings->max_time_s > 0)
      settings->max_time_s = fmax(0.001, settings->max_time_s + jobs->forked_s - engine_clock_s());
    if (engine.db || engine_open(&engine, settings)) {
      char **names = split_names(&engine, text, n);
      if (names && catalog_load(&engine, &catalog)) refresh_named(&engine, &catalog, names, n);
    }
    /* What has failed is still to do: the first process will see why. */
    sqlite3_free(engine_recover(&engine, 0));
    engine_rollback(&engine);
    engine_reset(&engine);
    jobs_tell_end(jobs);
  }
  engine_close(&engine);
  return CODE_DONE;
}

/* What a refresh would do: --dry-run. */
static bool print_plan(struct engine *engine, const struct summary *s) {
  char *dirty = engine_string(
      engine, engine_printf(engine, "SELECT coalesce(dirty, 0) FROM almanac_status WHERE name=%Q", s->name));
  printf("-- %s: %s\n", s->name,
         s->state == 0 ? "all of it" : engine_printf(engine, "%s to recompute", dirty ? dirty : "0"));
  return engine_ok(engine);
}

static bool load(struct engine *engine, struct catalog *catalog) {
  return upgrade_require(engine) && catalog_require_running(engine) && catalog_load(engine, catalog) &&
         asked_check(engine, catalog);
}

static int run_once(struct engine *engine) {
  struct catalog catalog;
  size_t n = 0, failed = 0;
  if (!load(engine, &catalog)) return engine->code;
  if (!engine->settings->dry_run && !refresher_settle(engine, &catalog)) return engine->code;
  notices_of_late(engine, &catalog);
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
    engine_sleep(0.05);
  }
}

int verb_refresh(struct engine *engine) {
  int code;
  while (true) {
    double started = engine_clock_s();
    code = run_once(engine);
    if (engine->settings->every_s > 0)
      textfile_write(engine, engine_interrupted() ? CODE_DONE : code, started);
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
