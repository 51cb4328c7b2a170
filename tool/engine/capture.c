#include "tool/engine/capture.h"
#include "tool/engine/claim.h"
#include <string.h>

/* ----------------------------------------------------------------------------------------------- tracks */

static int64_t find_track(struct engine *engine, const char *source, const char *kind,
                          const char *expression) {
  return engine_int(
      engine,
      engine_printf(engine, "SELECT id FROM almanac_track WHERE source=%Q AND kind=%Q AND expression=%Q",
                    source, kind, expression));
}

static int64_t add_track(struct engine *engine, const char *source, const char *kind, const char *expression,
                         const char *shape, int64_t unit, int64_t unit_offset) {
  engine_exec(engine,
              engine_printf(engine,
                            "INSERT INTO almanac_track(source, kind, expression, shape, unit, unit_offset) "
                            "VALUES(%Q,%Q,%Q,%Q,%lld,%lld)",
                            source, kind, expression, shape, (long long)unit, (long long)unit_offset));
  return sqlite3_last_insert_rowid(engine->db);
}

/* The track of a table of which any change counts; 0 if there is none. */
static int64_t table_track(struct engine *engine, const char *table) {
  return find_track(engine, table, "whole", "");
}

static bool join_table(struct engine *engine, const struct summary *summary, const char *table) {
  int64_t track = table_track(engine, table);
  if (!track) {
    track = add_track(engine, table, "whole", "", "", 0, 0);
    const struct sql_variable *v =
        sql_literal(engine, 0, "region", engine_printf(engine, "almanac_region_%lld", (long long)track));
    sql_run(engine, "region_create_whole", v);
  }
  return engine_exec(engine, engine_printf(engine, "INSERT INTO almanac_depends VALUES(%lld,%lld)",
                                           (long long)summary->id, (long long)track));
}

static int64_t gcd(int64_t a, int64_t b) {
  while (b) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a < 0 ? -a : a;
}

/* What the track is named by: the time column, or the key expressions. */
static char *track_expression(struct engine *engine, const struct summary *s) {
  if (s->kind == KIND_TIME) return s->time;
  sqlite3_str *text = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_partition; i++) sqlite3_str_appendf(text, "%s%s", i ? ", " : "", s->keys[i]);
  return engine_finish(engine, text);
}

char *capture_region_sql(struct engine *engine, const struct summary *s) {
  const struct sql_variable *v = summary_variables(engine, s);
  if (s->kind == KIND_KEY) return sql_text(engine, "region_create_key", v);
  /* The source's affinity and collation, so that times compare here as they do there. */
  v = sql_literal(engine, v, "type", type_definition(engine, source_find(s->source, s->time), true));
  return sql_text(engine, "region_create_time", v);
}

static bool refine_unit(struct engine *engine, struct catalog *catalog, struct summary *s) {
  int64_t unit = engine_int(
      engine, engine_printf(engine, "SELECT unit FROM almanac_track WHERE id=%lld", (long long)s->track));
  int64_t offset =
      engine_int(engine, engine_printf(engine, "SELECT unit_offset FROM almanac_track WHERE id=%lld",
                                       (long long)s->track));
  int64_t finer = gcd(gcd(unit, s->grain.unit), offset - s->grain.unit_offset);
  s->unit = finer;
  s->unit_offset = offset % finer;
  for (size_t i = 0; i < catalog->n; i++) {
    if (catalog->summaries[i]->track != s->track) continue;
    catalog->summaries[i]->unit = s->unit;
    catalog->summaries[i]->unit_offset = s->unit_offset;
  }
  return engine_exec(
      engine, engine_printf(engine, "UPDATE almanac_track SET unit=%lld, unit_offset=%lld WHERE id=%lld",
                            (long long)s->unit, (long long)s->unit_offset, (long long)s->track));
}

bool capture_join(struct engine *engine, struct catalog *catalog, struct summary *s) {
  for (size_t i = 0; i < s->n_tables; i++)
    if (!join_table(engine, s, s->tables[i])) return false;
  if (s->kind == KIND_WHOLE || (s->kind == KIND_TIME && s->shape.is_guess)) return engine_ok(engine);
  char *expression = track_expression(engine, s);
  const char *kind = summary_kind_name(s->kind);
  s->track = find_track(engine, s->source->name, kind, expression);
  bool found = s->track != 0;
  if (!found) {
    char *shape = s->kind == KIND_TIME ? time_shape_text(engine, &s->shape) : "";
    s->track =
        add_track(engine, s->source->name, kind, expression, shape, s->grain.unit, s->grain.unit_offset);
    s->unit = s->grain.unit;
    s->unit_offset = s->grain.unit_offset;
    engine_exec(engine, capture_region_sql(engine, s));
  } else if (s->kind == KIND_TIME) {
    refine_unit(engine, catalog, s);
    s->frozen =
        !s->parent &&
        engine_int(engine,
                   engine_printf(engine, "SELECT frozen_before IS NOT NULL FROM almanac_track WHERE id=%lld",
                                 (long long)s->track)) != 0;
  }
  return engine_ok(engine) && catalog_set_track(engine, s);
}

bool capture_rename(struct engine *engine, const struct summary *s) {
  if (s->track)
    engine_exec(engine,
                engine_printf(engine, "UPDATE almanac_track SET source=%Q, expression=%Q WHERE id=%lld",
                              s->source->name, track_expression(engine, s), (long long)s->track));
  return sql_run(engine, "rename_tables",
                 sql_literal(engine, 0, "id", engine_printf(engine, "%lld", (long long)s->id)));
}

/* --------------------------------------------------------------------------------------------- triggers */

static char *trigger_prefix(struct engine *engine, int64_t track) {
  return engine_printf(engine, "almanac_%lld", (long long)track);
}

/* The columns whose change moves a row between or within partitions: ` OF a, b, rowid, ...`; nothing where
   generated columns hide what depends on what. */
static char *of_list(struct engine *engine, const struct catalog *catalog, const struct summary *any) {
  const struct source *source = any->source;
  if (source->has_generated) return "";
  /* What a broken summary reads isn't known. */
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i]->track == any->track && catalog->summaries[i]->broken) return "";
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t c = 0; c < source->n_columns; c++) {
    const char *name = source->columns[c].name;
    bool used = any->kind == KIND_KEY; /* key expressions may use any column */
    for (size_t i = 0; i < catalog->n && !used; i++) {
      const struct summary *s = catalog->summaries[i];
      if (s->parent) continue; /* it uses what its parent does */
      for (size_t k = 0; s->track == any->track && !s->broken && k < s->n_source_columns; k++)
        used |= strcmp(s->source_columns[k], name) == 0;
    }
    for (size_t i = 0; i < source->n_uniques && !used; i++)
      for (size_t k = 0; k < source->uniques[i].n_columns; k++)
        used |= strcmp(source->uniques[i].columns[k], name) == 0;
    if (used) sqlite3_str_appendf(out, "%s\"%w\"", sqlite3_str_length(out) ? ", " : " OF ", name);
  }
  if (!source->without_rowid)
    sqlite3_str_appendf(out, "%srowid, _rowid_, oid", sqlite3_str_length(out) ? ", " : " OF ");
  return engine_finish(engine, out);
}

/* The value that the new row will have, in a trigger before it is there. */
static char *coming(struct engine *engine, const struct source *source, const char *name) {
  const struct source_column *column = source_find(source, name);
  if (column && column->null_default)
    return engine_printf(engine, "coalesce(NEW.\"%w\", %s)", name, column->null_default);
  return engine_printf(engine, "NEW.\"%w\"", name);
}

/* The rows that a new row would evict: `q.a=NEW.a COLLATE ... AND ...`, compared as the unique index does.
   Before an UPDATE generated columns are left out: that looks at more rows than needed. */
static char *conflict(struct engine *engine, const struct source *source, const struct source_unique *unique,
                      bool update) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < unique->n_columns; i++) {
    const struct source_column *column = source_find(source, unique->columns[i]);
    if (update && column && column->generated) continue;
    sqlite3_str_appendf(out, "%sq.\"%w\"=%s COLLATE \"%w\"", sqlite3_str_length(out) ? " AND " : "",
                        unique->columns[i], coming(engine, source, unique->columns[i]),
                        unique->collations[i]);
  }
  return engine_finish(engine, out);
}

/* Does an UPDATE change a column of the constraint? Bytes decide, for a collation may see no difference. */
static char *moves(struct engine *engine, const struct source_unique *unique) {
  if (unique->has_generated || unique->is_partial) return "1";
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < unique->n_columns; i++)
    sqlite3_str_appendf(out, "%sNEW.\"%w\" IS NOT OLD.\"%w\" COLLATE BINARY", i ? " OR " : "",
                        unique->columns[i], unique->columns[i]);
  return engine_finish(engine, out);
}

/* Is the column's value that of the statement, and so known before the row is there? The rowid may be chosen, a default
   may take the place of a NULL. */
static bool is_given(const struct source *source, const struct source_column *column) {
  const char *rowid = source->integer_primary_key;
  return !column->has_null_default && !(rowid && sqlite3_stricmp(column->name, rowid) == 0);
}

/* Can the row's time or keys be told before it is inserted? */
static bool is_known_before(const struct summary *s) {
  const struct source *source = s->source;
  if (source->has_generated) return false;
  if (s->time) return is_given(source, source_find(source, s->time));
  for (size_t i = 0; i < s->n_partition; i++)
    if (s->key_columns[i] && !is_given(source, source_find(source, s->key_columns[i]))) return false;
  /* An expression may read any column. */
  for (size_t c = 0; c < source->n_columns; c++)
    for (size_t i = 0; i < s->n_partition; i++)
      if (!s->key_columns[i] && !is_given(source, &source->columns[c])) return false;
  return true;
}

/* The names that the triggers of a track end in. */
static const char *const *suffixes(const struct summary *s) {
  static const char *const table[] = {"ins", "del", "upd", 0},
                           *const merged[] = {"ins", "del", "upd", "bupd", 0},
                           *const separate[] = {"ins", "bins", "del", "upd", "bupd", 0};
  return !s ? table : is_known_before(s) ? merged : separate;
}

/* The guards against REPLACE, which deletes the rows in its way without firing DELETE triggers: for each
   unique constraint, those rows are marked before they go. */
static const struct sql_variable *guards(struct engine *engine, const struct summary *s,
                                         const struct sql_variable *v, bool update) {
  sqlite3_str *conditions = sqlite3_str_new(engine->db), *marks = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->source->n_uniques; i++) {
    const struct source_unique *unique = &s->source->uniques[i];
    const struct sql_variable *each =
        sql_literal(engine, v, "conflict", conflict(engine, s->source, unique, update));
    if (i > 0) sqlite3_str_appendall(conditions, " OR ");
    if (update) sqlite3_str_appendf(conditions, "(%s) AND ", moves(engine, unique));
    sqlite3_str_appendall(conditions, sql_text(engine, "conflict_exists", each));
    sqlite3_str_appendf(
        marks, "%s%s", i ? "\n" : "",
        sql_text(engine, s->kind == KIND_TIME ? "conflict_mark_time" : "conflict_mark_key", each));
  }
  v = sql_literal(engine, v, "marks", engine_finish(engine, marks));
  return sql_literal(engine, v, "guards", engine_finish(engine, conditions));
}

/* The columns of all unique constraints: ` OF a, rowid, ...`; nothing where any column counts. */
static char *unique_columns(struct engine *engine, const struct source *source) {
  bool any = source->has_generated;
  for (size_t i = 0; i < source->n_uniques; i++) any |= source->uniques[i].is_partial;
  if (any) return "";
  sqlite3_str *of = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < source->n_uniques; i++)
    for (size_t k = 0; k < source->uniques[i].n_columns; k++)
      sqlite3_str_appendf(of, "%s\"%w\"", sqlite3_str_length(of) ? ", " : " OF ",
                          source->uniques[i].columns[k]);
  if (!source->without_rowid)
    sqlite3_str_appendf(of, "%srowid, _rowid_, oid", sqlite3_str_length(of) ? ", " : " OF ");
  return engine_finish(engine, of);
}

/* The triggers that look at the rows in the way as well as at the new ones. */
static bool create_guarded(struct engine *engine, const struct summary *s, const struct sql_variable *v) {
  const struct sql_variable *update = sql_literal(engine, v, "of", unique_columns(engine, s->source));
  return sql_run(engine, is_known_before(s) ? "trigger_insert" : "trigger_insert_after",
                 guards(engine, s, v, false)) &&
         sql_run(engine, "trigger_before_update", guards(engine, s, update, true));
}

/* The source's unique indexes, as SQL literals: their texts, or the names of those that are part of the table. */
static char *unique_texts(struct engine *engine, const struct source *source) {
  sqlite3_str *texts = sqlite3_str_new(engine->db);
  sqlite3_str_appendall(texts, "''");
  for (size_t i = 0; i < source->n_uniques; i++) {
    if (!source->uniques[i].index) continue;
    char *text = engine_string(
        engine,
        engine_printf(engine, "SELECT coalesce(sql, name) FROM sqlite_master WHERE type='index' AND name=%Q",
                      source->uniques[i].index));
    sqlite3_str_appendf(texts, ",%Q", text);
  }
  return engine_finish(engine, texts);
}

/* Puts the region of a table that was rebuilt behind it again, so that the order tells when that happens once more. */
static bool renew_region(struct engine *engine, const struct sql_variable *v, const char *source,
                         const char *create) {
  v = sql_literal(engine, v, "source_text", engine_printf(engine, "%Q", source));
  if (engine_int(engine, sql_text(engine, "region_is_older", v)) == 0) return engine_ok(engine);
  return sql_run(engine, "region_take", v) && engine_exec(engine, create) &&
         sql_run(engine, "region_give", v);
}

static bool arm_partitioned(struct engine *engine, const struct catalog *catalog, const struct summary *s) {
  const struct sql_variable *v = summary_variables(engine, s);
  v = sql_literal(engine, v, "trigger", trigger_prefix(engine, s->track));
  v = sql_literal(engine, v, "of", of_list(engine, catalog, s));
  v = sql_literal(engine, v, "mark", engine_printf(engine, "almanac_mark_%lld", (long long)s->track));
  renew_region(engine, v, s->source->name, capture_region_sql(engine, s));
  sql_run(engine, "mark_drop", v);
  if (s->kind == KIND_TIME) {
    sql_run(engine, "mark_time", v);
    sql_run(engine, s->shape.is_text ? "mark_text" : "mark_number", v);
    v = sql_template(engine, v, "new_uncovered", "{suspect x=NEW.{time}}");
    v = sql_template(engine, v, "old_uncovered", "{suspect x=OLD.{time}}");
    v = sql_template(engine, v, "mark_new", "{mark_new_time row=NEW}");
    v = sql_template(engine, v, "mark_old", "{mark_new_time row=OLD}");
  } else {
    sql_run(engine, "mark_key", v);
    v = sql_template(engine, v, "new_uncovered", "{uncovered_key row=NEW}");
    v = sql_template(engine, v, "old_uncovered", "{uncovered_key row=OLD}");
    v = sql_template(engine, v, "mark_new", "{mark_new_key row=NEW}");
    v = sql_template(engine, v, "mark_old", "{mark_new_key row=OLD}");
  }
  engine_exec(engine, engine_printf(engine, "UPDATE almanac_track SET uniques=%Q WHERE id=%lld",
                                    unique_texts(engine, s->source), (long long)s->track));
  return create_guarded(engine, s, v) && sql_run(engine, "trigger_delete", v) &&
         sql_run(engine, "trigger_update", v);
}

static bool arm_table(struct engine *engine, int64_t track, const char *table) {
  static const char *const events[3][2] = {{"ins", "INSERT"}, {"del", "DELETE"}, {"upd", "UPDATE"}};
  const struct sql_variable *v = sql_literal(engine, 0, "trigger", trigger_prefix(engine, track));
  v = sql_literal(engine, v, "region", engine_printf(engine, "almanac_region_%lld", (long long)track));
  v = sql_literal(engine, v, "source", quoted(engine, table));
  if (!renew_region(engine, v, table, sql_text(engine, "region_create_whole", v))) return false;
  for (size_t i = 0; i < 3; i++) {
    const struct sql_variable *each = sql_literal(engine, v, "suffix", events[i][0]);
    if (!sql_run(engine, "trigger_whole", sql_literal(engine, each, "event", events[i][1]))) return false;
  }
  return true;
}

static bool drop_triggers(struct engine *engine, int64_t track) {
  static const char *const all[] = {"ins", "del", "upd", "bins", "bupd"};
  for (size_t i = 0; i < 5; i++)
    if (!engine_exec(engine, engine_printf(engine, "DROP TRIGGER IF EXISTS almanac_%lld_%s", (long long)track,
                                           all[i])))
      return false;
  return true;
}

/* Runs `each` for every track: id, source, kind. */
static bool for_tracks(struct engine *engine, const struct catalog *catalog,
                       bool (*each)(struct engine *, const struct catalog *, int64_t, const char *,
                                    const char *)) {
  sqlite3_stmt *rows = engine_prepare(engine, "SELECT id, source, kind FROM almanac_track ORDER BY id");
  struct track {
    int64_t id;
    char *source, *kind;
  } *tracks = 0;
  size_t n = 0;
  while (engine_step(engine, rows)) {
    tracks = engine_grow(engine, tracks, &n, sizeof *tracks);
    if (!tracks) break;
    tracks[n++] = (struct track){sqlite3_column_int64(rows, 0), engine_column(engine, rows, 1),
                                 engine_column(engine, rows, 2)};
  }
  engine_finalize(engine, rows);
  for (size_t i = 0; i < n && engine_ok(engine); i++)
    each(engine, catalog, tracks[i].id, tracks[i].source, tracks[i].kind);
  return engine_ok(engine);
}

static bool arm_track(struct engine *engine, const struct catalog *catalog, int64_t track, const char *source,
                      const char *kind) {
  if (!drop_triggers(engine, track)) return false;
  bool used =
      engine_int(engine, engine_printf(engine,
                                       "SELECT EXISTS(SELECT 1 FROM almanac_summary WHERE track=%lld) OR "
                                       "EXISTS(SELECT 1 FROM almanac_depends WHERE track=%lld)",
                                       (long long)track, (long long)track)) != 0;
  if (!used) {
    engine_exec(engine, engine_printf(engine, "DROP VIEW IF EXISTS almanac_mark_%lld", (long long)track));
    engine_exec(engine, engine_printf(engine, "DROP TABLE IF EXISTS almanac_region_%lld", (long long)track));
    return engine_exec(engine,
                       engine_printf(engine, "DELETE FROM almanac_track WHERE id=%lld", (long long)track));
  }
  if (source_object(engine, source, 0) != OBJECT_TABLE) return engine_ok(engine);
  if (strcmp(kind, "whole") == 0) return arm_table(engine, track, source);
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i]->track == track && !catalog->summaries[i]->broken)
      return arm_partitioned(engine, catalog, catalog->summaries[i]);
  return true;
}

static bool disarm_track(struct engine *engine, const struct catalog *catalog, int64_t track,
                         const char *source, const char *kind) {
  (void)catalog, (void)source, (void)kind;
  return drop_triggers(engine, track) &&
         engine_exec(engine,
                     engine_printf(engine, "DROP VIEW IF EXISTS almanac_mark_%lld", (long long)track));
}

/* Behind a view of the user's or another summary a table may have got another name, or be another one: the tracks
   become those of what the summary reads today. */
static bool renew_tables(struct engine *engine, struct summary *s) {
  const struct sql_variable *v =
      sql_literal(engine, 0, "id", engine_printf(engine, "%lld", (long long)s->id));
  if (!sql_run(engine, "leave_gone_tables", v)) return false;
  for (size_t i = 0; i < s->n_tables && engine_ok(engine); i++) {
    int64_t joined = engine_int(
        engine,
        engine_printf(engine, "SELECT count(*) FROM almanac_depends WHERE summary=%lld AND track=%lld",
                      (long long)s->id, (long long)table_track(engine, s->tables[i])));
    if (!joined && join_table(engine, s, s->tables[i])) claim_unfill(engine, s);
  }
  return engine_ok(engine);
}

bool capture_arm(struct engine *engine, struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n; i++) {
    struct summary *s = catalog->summaries[i];
    if (!s->broken && (s->kind == KIND_WHOLE || s->track)) renew_tables(engine, s);
  }
  /* What the triggers may have missed so far. */
  for (size_t i = 0; i < catalog->n; i++) {
    struct summary *s = catalog->summaries[i];
    if (s->state != 0 && (s->broken || !capture_holds(engine, s))) claim_unfill(engine, s);
  }
  return for_tracks(engine, catalog, arm_track);
}

bool capture_disarm(struct engine *engine) {
  return for_tracks(engine, 0, disarm_track);
}

/* -------------------------------------------------------------------------------------------- condition */

/* `s` is the summary whose partitions the track is of; NULL for the track of a table. */
static char *captured(struct engine *engine, const struct sql_variable *v, int64_t track, const char *source,
                      const struct summary *s) {
  sqlite3_str *triggers = sqlite3_str_new(engine->db);
  const char *const *names = suffixes(s);
  int n = 0;
  for (; names[n]; n++)
    sqlite3_str_appendf(triggers, "%s'almanac_%lld_%s'", n ? "," : "", (long long)track, names[n]);
  /* The indexes that the guards were made for, not those of today. */
  char *armed = engine_string(
      engine, engine_printf(engine, "SELECT uniques FROM almanac_track WHERE id=%lld", (long long)track));
  v = sql_literal(engine, v, "source_text", engine_printf(engine, "%Q", source));
  v = sql_literal(engine, v, "region", engine_printf(engine, "almanac_region_%lld", (long long)track));
  v = sql_literal(engine, v, "trigger_names", engine_finish(engine, triggers));
  v = sql_literal(engine, v, "trigger_count", engine_printf(engine, "%d", n));
  v = sql_literal(engine, v, "indexes", armed && *armed ? armed : "''");
  return sql_text(engine, s ? "captured" : "captured_table", v);
}

char *capture_intact(struct engine *engine, const struct summary *s, const struct sql_variable *v) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  sqlite3_str_appendall(out, s->kind == KIND_WHOLE ? "1" : captured(engine, v, s->track, s->source->name, s));
  for (size_t i = 0; i < s->n_tables; i++) {
    sqlite3_str_appendf(out, " AND %s",
                        captured(engine, v, table_track(engine, s->tables[i]), s->tables[i], 0));
  }
  return engine_finish(engine, out);
}

/* What the table or view is made by. */
static char *same_text(struct engine *engine, const char *name) {
  char *text = engine_string(
      engine, engine_printf(
                  engine, "SELECT sql FROM sqlite_master WHERE type IN ('table', 'view') AND name=%Q", name));
  const struct sql_variable *v = sql_literal(engine, 0, "name_text", engine_printf(engine, "%Q", name));
  return sql_text(engine, "same_text",
                  sql_literal(engine, v, "text", engine_printf(engine, "%Q", text ? text : "")));
}

/* Are other tables and views as they were when the summary's views were made, and the condition was written into one? */
static bool has_same_texts(struct engine *engine, const struct summary *s) {
  char *armed = engine_string(
      engine, engine_printf(engine, "SELECT sql FROM sqlite_master WHERE type='view' AND name=%Q",
                            summary_object(engine, s, "ok")));
  bool same = armed != 0;
  for (size_t i = 0; same && i < s->n_tables; i++) same = strstr(armed, same_text(engine, s->tables[i])) != 0;
  for (size_t i = 0; same && i < s->n_views; i++) same = strstr(armed, same_text(engine, s->views[i])) != 0;
  return same;
}

bool capture_holds(struct engine *engine, const struct summary *s) {
  if (s->broken || (s->kind != KIND_WHOLE && !s->track)) return true;
  if (!has_same_texts(engine, s)) return false;
  return engine_int(engine, engine_printf(engine, "SELECT coalesce(%s, 0)",
                                          capture_intact(engine, s, summary_variables(engine, s)))) != 0;
}

char *capture_condition(struct engine *engine, const struct summary *s,
                        const struct sql_variable *variables) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  sqlite3_str_appendf(out, "%s AND ", capture_intact(engine, s, variables));
  for (size_t i = 0; i < s->n_tables; i++)
    sqlite3_str_appendf(out, "%s AND ", same_text(engine, s->tables[i]));
  for (size_t i = 0; i < s->n_views; i++) sqlite3_str_appendf(out, "%s AND ", same_text(engine, s->views[i]));
  for (size_t i = 0; i < s->n_tables; i++) {
    int64_t track = table_track(engine, s->tables[i]);
    const struct sql_variable *v = sql_literal(
        engine, variables, "region", engine_printf(engine, "almanac_region_%lld", (long long)track));
    sqlite3_str_appendf(out, "%s AND ", sql_text(engine, "unchanged", v));
  }
  sqlite3_str_appendall(out, sql_text(engine, "filled", variables));
  return engine_finish(engine, out);
}
