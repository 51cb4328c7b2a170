/* almanac verify: compares what is stored, and what names show, with what their queries give. */
#include "tool/engine/verify.h"
#include "tool/asked.h"
#include "tool/engine/upgrade.h"
#include "tool/talk.h"
#include "tool/verb.h"
#include <stdio.h>
#include <string.h>

struct context {
  struct engine *engine;
  struct progress progress;
};

static void on_progress(void *context, int64_t done, int64_t total, int64_t rows) {
  struct context *c = context;
  c->progress.total = total;
  progress_step(&c->progress, done, rows);
}

/* "2 rows missing, 1 row too many": what is there on both sides, but not the same, differs. */
static char *describe(struct engine *engine, const struct verify_finding *f) {
  int64_t differing = f->missing < f->extra ? f->missing : f->extra;
  const struct {
    int64_t n;
    const char *what;
  } parts[] = {
      {differing, differing == 1 ? "stored row differs" : "stored rows differ"},
      {f->missing - differing,
       f->missing - differing == 1 ? "stored row is missing" : "stored rows are missing"},
      {f->extra - differing, f->extra - differing == 1 ? "stored row too many" : "stored rows too many"}};
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (parts[i].n > 0)
      sqlite3_str_appendf(out, "%s%lld %s", sqlite3_str_length(out) ? ", " : "", (long long)parts[i].n,
                          parts[i].what);
  if (f->is_none) sqlite3_str_appendall(out, " (it is no partition)");
  if (sqlite3_str_length(out) == 0)
    sqlite3_str_appendf(out,
                        "the name shows other rows than it should (%lld), though the stored ones are right: "
                        "this is a bug of almanac, please report it",
                        (long long)f->shown);
  return engine_finish(engine, out);
}

static void on_found(void *context, const struct verify_finding *f) {
  struct context *c = context;
  struct engine *engine = c->engine;
  int64_t differing = f->missing < f->extra ? f->missing : f->extra;
  progress_end(&c->progress);
  if (!engine->settings->json) {
    printf("%s  %s%s%s\n", f->summary->name, f->partition ? f->partition : "", f->partition ? "  " : "",
           describe(engine, f));
    return;
  }
  char *json = engine_string(
      engine,
      engine_printf(engine,
                    "SELECT json_object('name', %Q, 'kind', %Q, 'partition', json(%Q), 'missing', %lld, "
                    "'extra', %lld, 'differing', %lld, 'view', %lld)",
                    f->summary->name, summary_kind_name(f->summary->kind), f->partition_json,
                    (long long)(f->missing - differing), (long long)(f->extra - differing),
                    (long long)differing, (long long)f->shown));
  if (json) printf("%s\n", json);
}

static void print_result(struct engine *engine, const struct summary *s, const struct verify_report *report,
                         double spent_s) {
  const struct {
    int64_t n;
    const char *what;
  } others[] = {{report->dirty, "dirty left out"},
                {report->frozen, "frozen left out"},
                {report->parked, "not kept"},
                {report->left, "not looked at"}};
  sqlite3_str *text = sqlite3_str_new(engine->db);
  sqlite3_str_appendf(text, "%lld %s, %lld rows, %lld %s", (long long)report->partitions,
                      report->partitions == 1 ? "partition" : "partitions", (long long)report->rows,
                      (long long)report->differing, report->differing == 1 ? "differs" : "differ");
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (others[i].n > 0) sqlite3_str_appendf(text, ", %lld %s", (long long)others[i].n, others[i].what);
  talk_notice(engine->settings, "%s: %s, %.2f s", s->name, engine_finish(engine, text), spent_s);
}

/* Nothing failed where another process has dropped the summary. */
static bool fail_one(struct engine *engine, const struct summary *s) {
  int code;
  char *error = engine_recover(engine, &code);
  bool gone = !catalog_has(engine, s) && engine_ok(engine);
  sqlite3_free(engine_recover(engine, 0));
  if (!gone && !engine_interrupted())
    talk_warning(engine->settings, "%s: %s", s->name, error ? error : "out of memory");
  if (code == CODE_LOCKED && !gone)
    engine_fail(engine, CODE_LOCKED, "%s: the database stayed locked", engine->settings->database);
  sqlite3_free(error);
  return gone;
}

/* What the options say that this summary doesn't go by. */
static void say_ignored(const struct settings *settings, const struct summary *s) {
  if (settings->since && s->kind != KIND_TIME)
    talk_notice(settings, "%s: --since is for time summaries; of this one all is verified", s->name);
}

/* False where it could not be verified. */
static bool verify_one(struct engine *engine, const struct catalog *catalog, const struct summary *s,
                       const struct verify_choice *choice, bool *differs) {
  struct context context = {.engine = engine};
  struct verify_report report = {.found = on_found, .progress = on_progress, .context = &context};
  double started_s = engine_clock_s();
  say_ignored(engine->settings, s);
  progress_start(&context.progress, engine->settings, s->name, 0);
  bool good = verify_run(engine, catalog, s, choice, &report);
  progress_end(&context.progress);
  *differs |= report.differing > 0;
  if (!good) return fail_one(engine, s);
  print_result(engine, s, &report, engine_clock_s() - started_s);
  return true;
}

/* The share of --sample, and its seed, said so that it can be had again. */
static struct verify_choice choose(const struct settings *settings) {
  struct verify_choice choice = {
      .share = settings->sample, .seed = (uint64_t)settings->seed, .since = settings->since};
  if (settings->seed == 0) {
    sqlite3_randomness(sizeof choice.seed, &choice.seed);
    choice.seed = choice.seed % 1000000000 + 1;
  }
  if (choice.share < 1)
    talk_notice(settings, "a random sample: --seed %llu", (unsigned long long)choice.seed);
  return choice;
}

int verb_verify(struct engine *engine) {
  struct catalog catalog;
  if (!upgrade_require(engine) || !catalog_require_running(engine) || !catalog_load(engine, &catalog) ||
      !asked_check(engine, &catalog))
    return engine->code;
  struct verify_choice choice = choose(engine->settings);
  size_t n = 0;
  char **names = asked_names(engine, &catalog, &n);
  bool differs = false, failed = false;
  for (size_t i = 0; i < n && !engine_stopping(engine) && engine_ok(engine); i++)
    failed |= !verify_one(engine, &catalog, catalog_find(&catalog, names[i]), &choice, &differs);
  if (engine_interrupted()) return CODE_INTERRUPTED;
  if (!engine_ok(engine)) return engine->code;
  return differs ? CODE_FAILED : failed ? CODE_SOME_FAILED : CODE_DONE;
}
