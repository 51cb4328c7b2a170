/* almanac plan: what a refresh of a summary would do, and the query plans with which it would do so. */
#include "tool/asked.h"
#include "tool/engine/catalog.h"
#include "tool/engine/claim.h"
#include "tool/engine/compute.h"
#include "tool/engine/prune.h"
#include "tool/engine/upgrade.h"
#include "tool/index_advice.h"
#include "tool/verb.h"
#include <stdio.h>

/* What there is to say; lists are lines of text. */
struct plan {
  const struct summary *summary;
  const char *partition; /* what its rows belong to */
  char *tables;          /* of which any change makes all of it dirty */
  const char *to_do;
  const char *way; /* how its rows are computed: by a scan, or by SQL and why */
  char *finding;   /* the plan that finds a partition's rows, "" for a whole summary */
  char *reading;   /* the plan of reading its name */
  char *advice;    /* an index that is missing, or NULL */
  char *prune;     /* what prune would do, or NULL */
};

static const char *partition(struct engine *engine, const struct summary *s) {
  if (s->kind == KIND_WHOLE)
    return engine_printf(engine, "none, whole: %s",
                         s->whole_reason ? s->whole_reason : "it is not the sum of its partitions");
  const char *source = s->source->name;
  if (s->kind == KIND_KEY)
    return engine_printf(engine, "%s of %s", sql_text(engine, "keys_alone", summary_variables(engine, s)),
                         source);
  if (!s->track)
    return engine_printf(engine, "the bucket of %s.%s, once there are times in it", source, s->time);
  return engine_printf(engine, "the bucket of %s.%s (times like %s)", source, s->time,
                       time_shape_example(engine, &s->shape));
}

static const char *to_do(struct engine *engine, const struct summary *s) {
  char *dirty = engine_string(
      engine, engine_printf(engine, "SELECT coalesce(dirty, 0) FROM almanac_status WHERE name=%Q", s->name));
  if (s->kind != KIND_WHOLE && s->track && !s->proven)
    return "not proven yet: with three partitions it is tried whether the result is their sum; until then "
           "any change reads all rows";
  return s->state == 0 ? "all of it" : engine_printf(engine, "%s to recompute", dirty ? dirty : "0");
}

static const char *way(struct engine *engine, const struct summary *s, bool searches) {
  if (!s->scan) return engine_printf(engine, "sql: %s", s->not_scan);
  return engine_printf(engine, "scan: one pass over %s%s", s->source->name,
                       searches ? ", or by index through SQL where little has changed" : "");
}

static char *reading(struct engine *engine, const struct summary *s) {
  sqlite3_str *lines = sqlite3_str_new(engine->db);
  sqlite3_stmt *steps =
      engine_prepare(engine, engine_printf(engine, "EXPLAIN QUERY PLAN SELECT * FROM \"%w\"", s->name));
  while (engine_step(engine, steps)) sqlite3_str_appendf(lines, "%s\n", engine_column(engine, steps, 3));
  engine_finalize(engine, steps);
  return engine_finish(engine, lines);
}

static char *prune(struct engine *engine, const struct catalog *catalog, const struct summary *s) {
  struct prune_report report;
  if (!s->track || s->kind != KIND_TIME || !(s->frozen || s->keep_raw.text)) return 0;
  if (prune_preview(engine, catalog, s->track, &report))
    return report.before ? engine_printf(engine, "%lld rows of %s before %s", (long long)report.rows,
                                         report.source, report.before)
                         : "nothing yet";
  char *error = engine_recover(engine, 0);
  char *refused = engine_printf(engine, "refused: %s", error ? error : "out of memory");
  sqlite3_free(error);
  return refused;
}

static struct plan make_plan(struct engine *engine, const struct catalog *catalog, const struct summary *s) {
  bool searches = false;
  sqlite3_str *tables = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_tables; i++) sqlite3_str_appendf(tables, "%s%s", i ? ", " : "", s->tables[i]);
  bool finds = s->kind != KIND_WHOLE && s->track;
  char *finding = finds ? compute_plan(engine, s, &searches) : "";
  return (struct plan){
      .summary = s,
      .partition = partition(engine, s),
      .tables = engine_finish(engine, tables),
      .to_do = to_do(engine, s),
      .way = way(engine, s, searches),
      .finding = finding,
      .reading = reading(engine, s),
      .advice = finds ? index_advice(engine, s) : 0,
      .prune = prune(engine, catalog, s),
  };
}

/* The plan of reading the name is long: each arm of the view and what it asks before it counts. */
static void print_text(const struct plan *plan, bool verbose) {
  printf("%s\npartition: %s\n", plan->summary->name, plan->partition);
  if (*plan->tables) printf("any change makes all of it dirty: %s\n", plan->tables);
  printf("to do: %s\n", plan->to_do);
  printf("way: %s\n", plan->way);
  if (*plan->finding) printf("rows of a partition:\n%s", plan->finding);
  if (plan->advice) printf("advice: %s\n", plan->advice);
  if (plan->prune) printf("prune: %s\n", plan->prune);
  if (verbose) printf("reading %s:\n%s", plan->summary->name, plan->reading);
}

static void print_json(struct engine *engine, const struct plan *plan) {
  const struct summary *s = plan->summary;
  char *json = engine_string(
      engine,
      engine_printf(engine,
                    "SELECT json_object('name', %Q, 'kind', %Q, 'partition', %Q, 'tables', %Q, "
                    "'to_do', %Q, 'finding', %Q, 'reading', %Q, 'advice', %Q, 'prune', %Q, 'way', %Q)",
                    s->name, summary_kind_name(s->kind), plan->partition, plan->tables, plan->to_do,
                    plan->finding, plan->reading, plan->advice, plan->prune, plan->way));
  if (json) printf("%s\n", json);
}

static bool plan_one(struct engine *engine, const struct catalog *catalog, const struct summary *s) {
  if (s->broken) return engine_fail(engine, CODE_FAILED, "%s", s->broken);
  struct plan plan = make_plan(engine, catalog, s);
  if (!engine_ok(engine)) return false;
  if (engine->settings->json)
    print_json(engine, &plan);
  else
    print_text(&plan, engine->settings->verbose);
  return engine_ok(engine);
}

/* Of a zoom all levels are shown, the finest first. */
int verb_plan(struct engine *engine) {
  struct catalog catalog;
  const struct settings *settings = engine->settings;
  if (!upgrade_require(engine) || !catalog_load(engine, &catalog) || !asked_check(engine, &catalog))
    return engine->code;
  size_t n;
  char **names = asked_names(engine, &catalog, &n);
  for (size_t i = 0; i < n && engine_ok(engine); i++) {
    if (i > 0 && !settings->json) printf("\n");
    plan_one(engine, &catalog, catalog_find(&catalog, names[i]));
  }
  return engine->code;
}
