/* almanac plan: what a refresh of a summary would do, and the query plans with which it would do so. */
#include "tool/engine/catalog.h"
#include "tool/engine/claim.h"
#include "tool/engine/compute.h"
#include "tool/index_advice.h"
#include "tool/verb.h"
#include <stdio.h>

static void print_partition(struct engine *engine, const struct summary *s) {
  if (s->kind == KIND_TIME)
    printf("partition: the bucket of %s.%s (%s)\n", s->source->name, s->time,
           time_shape_text(engine, &s->shape));
  else if (s->kind == KIND_KEY)
    printf("partition: %s of %s\n", sql_text(engine, "keys_alone", summary_variables(engine, s)),
           s->source->name);
  else
    printf("whole: %s\n", s->whole_reason ? s->whole_reason : "it is not the sum of its partitions");
  for (size_t i = 0; i < s->n_tables; i++) printf("any change in %s makes all of it dirty\n", s->tables[i]);
  if (s->kind != KIND_WHOLE && !s->proven)
    printf("not proven yet: with three partitions it is tried whether the result is their sum; until then "
           "any change reads all rows\n");
}

static void print_work(struct engine *engine, const struct summary *s) {
  int64_t dirty =
      engine_int(engine, engine_printf(engine, "SELECT dirty FROM almanac_status WHERE name=%Q", s->name));
  if (s->state == 0)
    printf("to do: all of it\n");
  else
    printf("to do: %lld %s\n", (long long)dirty, dirty == 1 ? "partition" : "partitions");
}

int verb_plan(struct engine *engine) {
  struct catalog catalog;
  const char *name = engine->settings->operands[0];
  if (!catalog_require(engine) || !catalog_load(engine, &catalog)) return engine->code;
  struct summary *s = catalog_find(&catalog, name);
  if (!s)
    engine_fail(engine, CODE_FAILED, "there is no summary %s (almanac status %s lists them)", name,
                engine->settings->database);
  if (s && s->broken) engine_fail(engine, CODE_FAILED, "%s", s->broken);
  if (!engine_ok(engine)) return engine->code;
  printf("%s\n", s->name);
  print_partition(engine, s);
  print_work(engine, s);
  if (s->kind != KIND_WHOLE) {
    bool searches;
    printf("rows of a partition:\n%s", compute_plan(engine, s, &searches));
    char *advice = index_advice(engine, s);
    if (advice) printf("advice: %s\n", advice);
  }
  sqlite3_stmt *steps =
      engine_prepare(engine, engine_printf(engine, "EXPLAIN QUERY PLAN SELECT * FROM \"%w\"", s->name));
  printf("reading %s:\n", s->name);
  while (engine_step(engine, steps)) printf("%s\n", (const char *)sqlite3_column_text(steps, 3));
  engine_finalize(engine, steps);
  return engine->code;
}
