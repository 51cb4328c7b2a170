#include "tool/engine/status.h"
#include "tool/engine/capture.h"

enum { TERMS_MAX = 200 }; /* in one compound SELECT: SQLite takes 500 */

static const char *dirty_section(const struct summary *s) {
  if (s->kind == KIND_WHOLE) return "dirty_whole";
  if (s->kind == KIND_KEY) return "dirty_key";
  return s->grain.kind == GRAIN_BOUNDS ? "dirty_zone" : "dirty_time";
}

/* What the source would tell of the time that is not stored yet: nothing where that would read all of it. */
static const struct sql_variable *source_facts(struct engine *engine, const struct summary *s,
                                               const struct sql_variable *v) {
  char *time = s->time;
  bool asks = s->kind == KIND_TIME && source_has_index(engine, s->source, &time, 1);
  v = sql_template(engine, v, "newer", asks ? "{newer_time}" : s->kind == KIND_TIME ? "NULL" : "0");
  return sql_template(engine, v, "behind", asks ? "{behind_time}" : "NULL");
}

static const struct sql_variable *amiss(struct engine *engine, const struct summary *s,
                                        const struct sql_variable *v) {
  v = sql_literal(engine, v, "captured", capture_intact(engine, s, v));
  return sql_template(engine, v, "spelling",
                      s->kind == KIND_TIME && s->shape.is_text ? "{amiss_spelling}" : "");
}

/* The facts of one summary; "" where there are none. */
static char *facts(struct engine *engine, const struct summary *s, bool own_tables) {
  if (s->broken || (s->kind == KIND_TIME && !s->track)) return "";
  const struct sql_variable *v = summary_variables(engine, s);
  v = sql_template(engine, v, "stored_range", s->kind == KIND_TIME ? "{stored_range_time}" : "NULL, NULL");
  if (own_tables) return sql_text(engine, "facts_own", v);
  /* The condition is asked once. */
  char *dirty = sql_text(engine, dirty_section(s), sql_literal(engine, v, "ok", "ok"));
  v = sql_literal(engine, v, "dirty_count", dirty);
  return sql_text(engine, "facts", amiss(engine, s, source_facts(engine, s, v)));
}

char *status_select(struct engine *engine, const struct catalog *catalog, bool own_tables) {
  sqlite3_str *all = sqlite3_str_new(engine->db);
  int terms = 0;
  for (size_t i = 0; i < catalog->n; i++) {
    char *term = facts(engine, catalog->summaries[i], own_tables);
    if (!*term) continue;
    if (terms == TERMS_MAX) sqlite3_str_appendall(all, ")");
    terms = terms == TERMS_MAX ? 1 : terms + 1;
    sqlite3_str_appendf(all, "\n  UNION ALL %s%s", terms == 1 ? "SELECT * FROM (" : "", term);
  }
  if (terms > 0) sqlite3_str_appendall(all, ")");
  const struct sql_variable *v = sql_literal(engine, 0, "facts", engine_finish(engine, all));
  v = sql_literal(engine, v, "paused", catalog_is_paused(engine) ? "'paused: almanac resume'" : "NULL");
  return sql_text(engine, "status_select", v);
}

static sqlite3_stmt *prepare(struct engine *engine, const struct catalog *catalog, bool own_tables) {
  char *select = status_select(engine, catalog, own_tables);
  return engine_prepare(engine, sql_text(engine, "status_read", sql_literal(engine, 0, "select", select)));
}

sqlite3_stmt *status_read(struct engine *engine, const struct catalog *catalog, char **trouble) {
  bool paused = catalog_is_paused(engine);
  sqlite3_stmt *rows = prepare(engine, catalog, paused);
  *trouble = 0;
  if (engine_ok(engine) || engine->of_moment || paused) return rows;
  char *error = engine_recover(engine, 0);
  *trouble = engine_printf(engine, "%s", error ? error : "out of memory");
  sqlite3_free(error);
  return prepare(engine, catalog, true);
}

bool status_view(struct engine *engine, const struct catalog *catalog) {
  char *select = status_select(engine, catalog, catalog_is_paused(engine));
  return engine_exec(engine, "DROP VIEW IF EXISTS almanac_status") &&
         sql_run(engine, "status_view", sql_literal(engine, 0, "select", select));
}
