#include "tool/engine/upgrade.h"
#include "tool/engine/declare.h"
#include "tool/engine/status.h"

static const struct sql_variable *variables(struct engine *engine, const struct summary *s) {
  const struct sql_variable *v =
      sql_literal(engine, 0, "id", engine_printf(engine, "%lld", (long long)s->id));
  v = sql_literal(engine, v, "name", quoted(engine, s->name));
  v = sql_literal(engine, v, "dirty", summary_object(engine, s, "dirty"));
  return sql_literal(engine, v, "stored", quoted(engine, engine_printf(engine, "%s_stored", s->name)));
}

/* The helper views that format 1 had: this version's may have other names. A summary that can't be derived now
   keeps its view, and what that reads. */
static void drop_views_of_1(struct engine *engine, const struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n; i++)
    if (!catalog->summaries[i]->broken)
      sql_run(engine, "upgrade_drop_views_of_1", variables(engine, catalog->summaries[i]));
}

static void index_tokens(struct engine *engine, const struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i]->kind != KIND_WHOLE)
      sql_run(engine, "dirty_index", variables(engine, catalog->summaries[i]));
}

static void count_stored(struct engine *engine, const struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n; i++) {
    const struct summary *s = catalog->summaries[i];
    if (s->kind == KIND_WHOLE)
      sql_run(engine, "count_stored_whole", variables(engine, s));
    else if (s->broken)
      sql_run(engine, "count_stored_broken", variables(engine, s));
    else
      sql_run(engine, "count_stored", summary_variables(engine, s));
  }
}

/* To 2: columns for what is frozen, kept and stored, the table of runs, and views that know of them. */
static bool upgrade_from_1(struct engine *engine) {
  struct catalog catalog;
  if (!sql_run(engine, "upgrade_from_1", 0) || !catalog_load(engine, &catalog)) return false;
  index_tokens(engine, &catalog);
  count_stored(engine, &catalog);
  if (catalog_is_paused(engine)) return status_view(engine, &catalog);
  drop_views_of_1(engine, &catalog);
  return declare_arm(engine, &catalog);
}

/* Within a write transaction: another process may have upgraded it meanwhile. */
static bool upgrade(struct engine *engine) {
  if (catalog_format(engine) != 1) return engine_ok(engine);
  return upgrade_from_1(engine);
}

static bool upgrade_alone(struct engine *engine) {
  if (sqlite3_db_readonly(engine->db, "main") == 1)
    return engine_fail(
        engine, CODE_FAILED,
        "%s was written by an older almanac and can't be upgraded, for the file is read-only: run "
        "almanac status %s once as a user who may write it",
        engine->settings->database, engine->settings->database);
  if (!engine_begin(engine)) return false;
  engine->echo = engine->settings->dry_run;
  upgrade(engine);
  engine->echo = false;
  return engine->settings->dry_run ? engine_ok(engine) : engine_commit(engine);
}

bool upgrade_require(struct engine *engine) {
  int format = catalog_format(engine);
  if (!engine_ok(engine) || format >= CATALOG_FORMAT) return engine_ok(engine);
  if (format != 0) return sqlite3_get_autocommit(engine->db) ? upgrade_alone(engine) : upgrade(engine);
  return engine_fail(engine, CODE_FAILED, "%s has no summaries: declare some with almanac apply %s FILE.sql",
                     engine->settings->database, engine->settings->database);
}

bool upgrade_create(struct engine *engine) {
  int format = catalog_format(engine);
  if (!engine_ok(engine)) return false;
  return format == 0 ? sql_run(engine, "catalog_create", 0) : upgrade(engine);
}
