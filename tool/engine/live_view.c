#include "tool/engine/live_view.h"
#include "tool/engine/capture.h"
#include "tool/engine/follow.h"

/* What has to hold of the summary by itself: its times are within what its buckets are known for, and until it is
   proven nothing has changed. */
static void add_conditions(struct engine *engine, const struct summary *s, sqlite3_str *out) {
  const struct sql_variable *v = summary_variables(engine, s);
  bool time = s->kind == KIND_TIME;
  /* Text has four digits for a year, so that its months have no limits. */
  if (time && (s->grain.kind == GRAIN_BOUNDS || (s->grain.kind == GRAIN_MONTHS && !s->shape.is_text)))
    sqlite3_str_appendf(out, " AND %s", sql_text(engine, "within_limits", v));
  if (s->kind != KIND_WHOLE && !s->proven)
    sqlite3_str_appendf(out, " AND %s", sql_text(engine, time ? "unproven_time" : "unproven_key", v));
}

/* The condition under which the stored rows count at all. A chain's is that of all its summaries: they share the track, of
   which it is asked once. */
static char *condition(struct engine *engine, const struct summary *s, const struct sql_variable *v) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  sqlite3_str_appendall(out, capture_condition(engine, s, v));
  if (s->kind == KIND_TIME && s->shape.is_text)
    sqlite3_str_appendf(out, " AND %s", sql_text(engine, "regular_track", v));
  for (const struct summary *one = s; one; one = one->parent) add_conditions(engine, one, out);
  return engine_finish(engine, out);
}

static const char *view_section(const struct summary *s) {
  if (s->kind == KIND_TIME) return s->parent ? "view_chain" : "view_time";
  return s->kind == KIND_KEY ? "view_key" : "view_whole";
}

/* Does it read a summary that shows the rows of its last refresh? */
static bool reads_stored(const struct summary *s) {
  for (size_t i = 0; i < s->n_parents; i++)
    if (!s->parents[i]->live || reads_stored(s->parents[i])) return true;
  return false;
}

/* What almanac_live() makes in a connection with the extension. Over a summary that is exact there and nowhere else, what
   is stored never counts. */
static bool keep_live_sql(struct engine *engine, const struct summary *s, const struct sql_variable *v) {
  /* In one piece: views in the file must not call the extension. */
  v = sql_template(engine, v, "changed_arm", "{scope body={changed_part}}");
  v = sql_template(engine, v, "other_arm", "{scope body={other_part}}");
  const char *section = reads_stored(s) ? "view_query" : view_section(s);
  char *sql = sql_text(engine, section, sql_literal(engine, v, "temp", "TEMP "));
  return engine_exec(engine, engine_printf(engine, "UPDATE almanac_summary SET live_sql=%Q WHERE id=%lld",
                                           sql, (long long)s->id));
}

/* A view is only text until it is read: see that SQLite understands it. */
static bool check(struct engine *engine, const struct summary *s) {
  /* A user's own functions and JSON's are refused in views by connections that don't trust the schema: ours.
   */
  sqlite3_db_config(engine->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, 0);
  engine_finalize(engine, engine_prepare(engine, engine_printf(engine, "SELECT * FROM \"%w\"", s->name)));
  sqlite3_db_config(engine->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, 0);
  return engine_ok(engine);
}

/* A summary of an empty table: its query, or nothing stored yet. */
static bool create_waiting(struct engine *engine, const struct summary *s, const struct sql_variable *v) {
  if (!s->live) return sql_run(engine, "view_stored", sql_literal(engine, v, "of_generation_", ""));
  return sql_run(engine, "view_query", sql_literal(engine, v, "select", s->select_live)) && check(engine, s);
}

static bool create_arms(struct engine *engine, const struct summary *s, const struct sql_variable *v) {
  if (s->kind == KIND_WHOLE) return true;
  return sql_run(engine, s->kind == KIND_KEY || s->parent ? "view_arm" : "view_arms", v);
}

bool live_view_create(struct engine *engine, const struct summary *s) {
  const struct sql_variable *v = summary_variables(engine, s);
  /* Without the extension nobody could alter a table while there is a view that calls it. */
  if (s->live && !follow_create(engine, s, s->source ? s->source->name : 0)) return false;
  if (s->kind == KIND_TIME && !s->track) return create_waiting(engine, s, v);
  const struct sql_variable *ok = sql_literal(engine, v, "condition", condition(engine, s, v));
  if (!sql_run(engine, "view_ok", ok)) return false;
  if (s->kind == KIND_TIME &&
      !(sql_run(engine, "view_tail", v) && sql_run(engine, s->parent ? "view_due_chain" : "view_due", v)))
    return false;
  if (s->live && s->kind != KIND_WHOLE && !sql_run(engine, "view_part", v)) return false;
  if (s->live)
    return create_arms(engine, s, v) && sql_run(engine, view_section(s), v) && check(engine, s) &&
           (!reads_stored(s) || keep_live_sql(engine, s, v));
  v = sql_literal(engine, v, "of_generation_",
                  s->kind == KIND_WHOLE ? sql_text(engine, "of_generation", v) : "");
  return sql_run(engine, "view_stored", v) && keep_live_sql(engine, s, v);
}

bool live_view_create_query(struct engine *engine, const struct summary *s) {
  const struct sql_variable *v = sql_literal(engine, 0, "name", quoted(engine, s->name));
  sqlite3_str *names = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_columns; i++)
    sqlite3_str_appendf(names, "%s\"%w\"", i ? ", " : "", s->columns[i].name);
  v = sql_literal(engine, v, "result_names", engine_finish(engine, names));
  v = sql_literal(engine, v, "computed_columns", "*");
  v = sql_literal(engine, v, "temp", "");
  if (sql_run(engine, "view_query", sql_literal(engine, v, "select", s->select_live)) && check(engine, s))
    return true;
  if (engine->of_moment) return false;
  sqlite3_free(engine_recover(engine, 0));
  return engine_exec(engine, engine_printf(engine, "DROP VIEW IF EXISTS \"%w\"", s->name));
}

bool live_view_drop(struct engine *engine, const struct summary *s) {
  static const char *const helpers[] = {"changed", "other", "part", "due", "tail", "ok", "query"};
  engine_exec(engine, engine_printf(engine, "DROP VIEW IF EXISTS \"%w\"", s->name));
  for (size_t i = 0; i < sizeof helpers / sizeof helpers[0]; i++)
    engine_exec(engine,
                engine_printf(engine, "DROP VIEW IF EXISTS %s", summary_object(engine, s, helpers[i])));
  return engine_ok(engine);
}
