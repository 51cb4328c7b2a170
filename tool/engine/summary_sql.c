#include "tool/engine/summary.h"
#include "tool/engine/zoom.h"
#include <string.h>

char *summary_object(struct engine *engine, const struct summary *summary, const char *what) {
  return engine_printf(engine, "almanac_%s_%lld", what, (long long)summary->id);
}

/* The stored column that holds partition column i: a result column, or one of our own. */
static char *stored_partition(struct engine *engine, const struct summary *s, size_t i) {
  for (size_t c = 0; c < s->n_columns; c++)
    if (s->columns[c].partition == (int)i) return quoted(engine, s->columns[c].name);
  return engine_printf(engine, "almanac_p%d", (int)i + 1);
}

static const char *partition_type(const struct summary *s) {
  return s->shape.is_text ? "TEXT" : s->shape.is_real ? "REAL" : "INTEGER";
}

/* `format` for each partition column, joined: %k region's, %p dirty list's, %s stored, %e key expression. */
static char *for_partition(struct engine *engine, const struct summary *s, const char *format,
                           const char *separator) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_partition; i++) {
    if (i > 0) sqlite3_str_appendall(out, separator);
    for (const char *at = format; *at; at++) {
      if (*at != '%') {
        sqlite3_str_appendchar(out, 1, *at);
        continue;
      }
      at++;
      if (*at == 'k') sqlite3_str_appendf(out, "k%d", (int)i + 1);
      if (*at == 'p') sqlite3_str_appendf(out, "p%d", (int)i + 1);
      if (*at == 's') sqlite3_str_appendall(out, stored_partition(engine, s, i));
      if (*at == 'e') sqlite3_str_appendall(out, s->keys[i]);
      if (*at == 'd' && s->kind == KIND_TIME) sqlite3_str_appendall(out, partition_type(s));
      if (*at == 'd' && s->kind == KIND_KEY) {
        const struct source_column *column =
            s->key_columns[i] ? source_find(s->source, s->key_columns[i]) : 0;
        sqlite3_str_appendall(out, column ? type_definition(engine, column, true) : "");
      }
    }
  }
  return engine_finish(engine, out);
}

/* Columns that keep their type are plain in every arm of the view; a + keeps the others without one. */
static char *result_list(struct engine *engine, const struct summary *s, bool names_only) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_columns; i++) {
    const struct result_column *column = &s->columns[i];
    bool plain = names_only || column->source || column->partition >= 0;
    sqlite3_str_appendf(out, "%s%s\"%w\"", i ? ", " : "", plain ? "" : "+", column->name);
  }
  return engine_finish(engine, out);
}

bool summary_is_clustered(const struct summary *s) {
  return s->kind != KIND_WHOLE && (s->zoom || s->n_clustered);
}

/* A zoom's level is read by key: its rows are stored in the order of the keys, then of the bucket, the first column. A
   zoom's cells say it. */
static char *cluster_list(struct engine *engine, const struct summary *s, const char *prefix) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  if (s->n_clustered) {
    for (size_t i = 0; i < (size_t)s->n_clustered && i < s->n_columns; i++)
      sqlite3_str_appendf(out, "%s%s\"%w\"", i ? ", " : "", prefix, s->columns[i].name);
    return engine_finish(engine, out);
  }
  for (size_t i = 1; i + ZOOM_VALUES < s->n_columns; i++)
    sqlite3_str_appendf(out, "%s\"%w\", ", prefix, s->columns[i].name);
  sqlite3_str_appendf(out, "%s\"%w\"", prefix, s->columns[0].name);
  return engine_finish(engine, out);
}

static char *stored_definitions(struct engine *engine, const struct summary *s) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_columns; i++) {
    const struct result_column *column = &s->columns[i];
    const char *type = column->source ? type_definition(engine, column->source, false)
                       : column->partition >= 0 && s->kind == KIND_TIME ? partition_type(s)
                                                                        : "";
    sqlite3_str_appendf(out, "%s\"%w\"%s%s", i ? ", " : "", column->name, *type ? " " : "", type);
  }
  for (size_t k = 0; k < s->n_partition; k++) {
    char *name = stored_partition(engine, s, k);
    const struct source_column *column = s->key_columns[k] ? source_find(s->source, s->key_columns[k]) : 0;
    if (strncmp(name, "almanac_p", 9) != 0) continue;
    sqlite3_str_appendf(out, ", %s %s", name,
                        s->kind == KIND_TIME ? partition_type(s)
                        : column             ? type_definition(engine, column, true)
                                             : "");
  }
  if (s->kind == KIND_WHOLE) sqlite3_str_appendall(out, ", almanac_generation INTEGER NOT NULL");
  return engine_finish(engine, out);
}

/* What `compute` selects: the result, and our own partition columns where the result doesn't show them. */
static char *computed_list(struct engine *engine, const struct summary *s) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  sqlite3_str_appendall(out, "almanac_computed.*");
  for (size_t k = 0; k < s->n_partition; k++)
    if (strncmp(stored_partition(engine, s, k), "almanac_p", 9) == 0)
      sqlite3_str_appendf(out, ", (SELECT p%d FROM {claimed} WHERE i=(SELECT first FROM {slice}))",
                          (int)k + 1);
  if (s->kind == KIND_WHOLE) sqlite3_str_appendall(out, ", ?1");
  return engine_finish(engine, out);
}

static char *source_list(struct engine *engine, const struct summary *s, const char *prefix) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_source_columns; i++)
    sqlite3_str_appendf(out, "%s%s\"%w\"", i ? ", " : "", prefix, s->source_columns[i]);
  return engine_finish(engine, out);
}

/* The columns of a part: under names of our own, or as the user's SELECT calls them. */
static char *part_names(struct engine *engine, const struct summary *s, bool as_source) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  const char *separator = "";
  if (s->kind == KIND_TIME) {
    sqlite3_str_appendall(out, "almanac_bucket");
    separator = ", ";
  }
  for (size_t i = 0; i < s->n_source_columns; i++, separator = ", ") {
    if (as_source)
      sqlite3_str_appendf(out, "%s\"%w\"", separator, s->source_columns[i]);
    else
      sqlite3_str_appendf(out, "%salmanac_c%d", separator, (int)i + 1);
  }
  return engine_finish(engine, out);
}

/* The key expressions without a row in front of their columns, as an index has them. */
static char *key_names(struct engine *engine, const struct summary *s) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_partition; i++) {
    char *key = s->key_columns[i] ? quoted(engine, s->key_columns[i])
                                  : engine_printf(engine, "%s", s->keys[i] ? s->keys[i] : "");
    for (char *at; (at = strstr(key, "{row}.")) != 0;)
      key = engine_printf(engine, "%.*s%s", (int)(at - key), key, at + 6);
    sqlite3_str_appendf(out, "%s%s", i ? ", " : "", key);
  }
  return engine_finish(engine, out);
}

static const struct sql_variable *partition_variables(struct engine *engine, const struct sql_variable *v,
                                                      const struct summary *s) {
  static const struct {
    const char *name, *format, *separator;
  } lists[] = {
      {"region_columns", "%k", ", "},
      {"region_definitions", "%k %d", ", "},
      {"dirty_columns", "%p", ", "},
      {"dirty_definitions", "%p %d", ", "},
      {"dirty_order", "%p DESC", ", "},
      {"partitions", "%s", ", "},
      {"stored_region_matches", "r.%k IS s.%s", " AND "},
      {"stored_dirty_matches", "d.%p IS s.%s", " AND "},
      {"region_dirty_matches", "d.%p IS r.%k", " AND "},
      {"new_region_matches", "r.%k IS NEW.%k", " AND "},
      {"new_keys", "NEW.%k", ", "},
      {"list_stored_matches", "l.%p IS s.%s", " AND "},
      {"list_dirty_matches", "d.%p IS l.%p", " AND "},
      {"claimed_stored_matches", "s.%s IS m.%p", " AND "},
      {"claimed_rows_matches", "m.%p IS r.%s", " AND "},
      {"claimed_dirty_matches", "d.%p IS m.%p", " AND "},
      {"claimed_region_matches", "r.%k IS m.%p", " AND "},
      {"claimed_null", "m.%p IS NULL", " OR "},
      {"name_matches", "r.%s IS :%k", " AND "},
      {"claimed_text", "CASE typeof(m.%p) WHEN 'null' THEN 'NULL' WHEN 'blob' THEN quote(m.%p) ELSE m.%p END",
       "||', '||"},
      {"claimed_json", "json_quote(CASE typeof(m.%p) WHEN 'blob' THEN quote(m.%p) ELSE m.%p END)", "||','||"},
  };
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    v = sql_literal(engine, v, lists[i].name, for_partition(engine, s, lists[i].format, lists[i].separator));
  /* Newest first, so that a long first fill shows recent data at once. What is clustered grows at the ends of its keys: the
     other way round its pages would stay half full. */
  bool clustered = summary_is_clustered(s);
  if (clustered) v = sql_literal(engine, v, "dirty_order", for_partition(engine, s, "%p", ", "));
  v = sql_literal(engine, v, "scan_order", clustered ? "i" : "i DESC");
  v = sql_template(engine, v, "scanned_order", clustered ? "{stored_order}" : " ORDER BY m.i DESC");
  v = sql_literal(engine, v, "list_unique", s->kind == KIND_TIME ? ", UNIQUE(p1)" : "");
  v = sql_literal(engine, v, "dirty_row", s->kind == KIND_TIME ? "p1" : "rowid");
  if (s->kind != KIND_KEY) return v;
  v = sql_literal(engine, v, "key_names", key_names(engine, s));
  v = sql_template(engine, v, "keys", for_partition(engine, s, "%e", ", "));
  v = sql_template(engine, v, "q_keys_down", for_partition(engine, s, "%e DESC", ", "));
  v = sql_template(engine, v, "region_matches", for_partition(engine, s, "%k IS %e", " AND "));
  v = sql_template(engine, v, "changed_matches",
                   for_partition(engine, s, "likelihood(%e IS d.%k, 0.000001)", " AND "));
  return sql_template(engine, v, "claimed_matches", for_partition(engine, s, "%e IS d.%p", " AND "));
}

/* The summary's number and those of the summaries below it. */
static char *chain_ids(struct engine *engine, const struct summary *s) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (const struct summary *one = s; one; one = one->parent)
    sqlite3_str_appendf(out, "%s%lld", one == s ? "" : ", ", (long long)one->id);
  return engine_finish(engine, out);
}

/* What is dirty in the summaries below it, as partitions of its own. */
static char *dirty_above(struct engine *engine, const struct sql_variable *v, const struct summary *s) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  char *start = sql_text(engine, "start_alone", sql_literal(engine, v, "x", "p1"));
  for (const struct summary *one = s->parent; one; one = one->parent)
    sqlite3_str_appendf(out, " UNION ALL SELECT %s FROM %s", start, summary_object(engine, one, "dirty"));
  return engine_finish(engine, out);
}

/* What the parts are made of: the source's rows, or the parent's. */
static const struct sql_variable *part_variables(struct engine *engine, const struct sql_variable *v,
                                                 const struct summary *s) {
  const struct summary *parent = s->parent;
  v = sql_literal(engine, v, "reads", quoted(engine, parent ? parent->name : s->source->name));
  v = sql_template(engine, v, "changed_part",
                   s->kind == KIND_KEY ? "{changed_key}"
                   : parent            ? "{changed_chain}"
                                       : "{changed_time}");
  v = sql_template(engine, v, "other_part", s->frozen ? "{other_frozen}" : "{other_time}");
  if (!parent)
    return sql_template(engine, sql_template(engine, v, "from", "{source}"), "from_time", "{time}");
  v = sql_literal(engine, v, "root_due", summary_object(engine, summary_root(s), "due"));
  v = sql_literal(engine, v, "from", engine_printf(engine, "\"%w_stored\"", parent->name));
  v = sql_literal(engine, v, "from_time", quoted(engine, s->bucket));
  const struct sql_variable *theirs = sql_literal(engine, summary_variables(engine, parent), "row", "q");
  v = sql_literal(engine, v, "from_fresh",
                  sql_text(engine, parent->parent ? "fresh_rows_chain" : "fresh_rows", theirs));
  return sql_literal(engine, v, "from_clean", sql_text(engine, "stored_counts", theirs));
}

/* What a track that was frozen once needs, and nothing where it wasn't (sql/retention.sql). */
static const struct sql_variable *frozen_variables(struct engine *engine, const struct sql_variable *v,
                                                   const struct summary *s) {
  static const struct {
    const char *name, *usual, *frozen;
  } texts[] = {
      {"oldest", "{lowest}", "{frozen_lo}"},
      {"since", "", "{since_frozen x={x}}"},
      {"since_start", "", "{since_frozen_start x={x}}"},
      {"part_lo", "{lo p={p}}", "{part_lo_frozen p={p}}"},
      {"clean", "{clean_time}", "{clean_frozen}"},
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    v = sql_template(engine, v, texts[i].name, s->frozen ? texts[i].frozen : texts[i].usual);
  /* What comes too late for the root is no change of its children. */
  v = sql_template(engine, v, "since_root", summary_root(s)->frozen ? "{since_frozen x={x}}" : "");
  if (!s->parent) v = sql_template(engine, v, "free", "{free_unfrozen}");
  v = sql_template(engine, v, "frozen_least",
                   s->shape.is_text ? "{frozen_least_text}" : "{frozen_least_number}");
  return sql_template(engine, v, "frozen_other",
                      s->shape.is_text ? "{frozen_other_text}" : "{frozen_other_number}");
}

const struct sql_variable *summary_variables(struct engine *engine, const struct summary *s) {
  const struct sql_variable *v = 0;
  bool clustered = summary_is_clustered(s);
  v = sql_literal(engine, v, "id", engine_printf(engine, "%lld", (long long)s->id));
  v = sql_literal(engine, v, "ids", chain_ids(engine, s));
  v = sql_literal(engine, v, "name", quoted(engine, s->name));
  v = sql_literal(engine, v, "temp", "");
  v = sql_literal(engine, v, "stored", engine_printf(engine, "\"%w_stored\"", s->name));
  v = sql_literal(engine, v, "dirty", summary_object(engine, s, "dirty"));
  v = sql_literal(engine, v, "bounds", summary_object(engine, s, "bounds"));
  v = sql_literal(engine, v, "ok_view", summary_object(engine, s, "ok"));
  v = sql_literal(engine, v, "due_view", summary_object(engine, s, "due"));
  v = sql_literal(engine, v, "changed_view", summary_object(engine, s, "changed"));
  v = sql_literal(engine, v, "other_view", summary_object(engine, s, "other"));
  v = sql_template(engine, v, "changed_arm", "{changed_view}");
  v = sql_template(engine, v, "other_arm", "{other_view}");
  v = sql_literal(engine, v, "tail_view", summary_object(engine, s, "tail"));
  v = sql_literal(engine, v, "track", engine_printf(engine, "%lld", (long long)s->track));
  v = sql_literal(engine, v, "region", engine_printf(engine, "almanac_region_%lld", (long long)s->track));
  v = sql_literal(engine, v, "result_names", result_list(engine, s, true));
  v = sql_literal(engine, v, "stored_columns", result_list(engine, s, false));
  v = sql_literal(engine, v, "computed_columns", result_list(engine, s, false));
  v = sql_literal(engine, v, "stored_definitions", stored_definitions(engine, s));
  v = sql_literal(engine, v, "stored_key",
                  clustered ? engine_printf(engine, ", PRIMARY KEY(%s)", cluster_list(engine, s, "")) : "");
  v = sql_literal(engine, v, "stored_kind", clustered ? " WITHOUT ROWID" : "");
  v = sql_literal(engine, v, "stored_order",
                  clustered ? engine_printf(engine, " ORDER BY %s", cluster_list(engine, s, "r.")) : "");
  v = sql_template(engine, v, "computed", computed_list(engine, s));
  v = sql_literal(engine, v, "select", s->kind == KIND_WHOLE ? s->select_live : s->select_part);
  if (s->kind == KIND_WHOLE) return v;
  v = sql_literal(engine, v, "source", quoted(engine, s->source->name));
  v = part_variables(engine, v, s);
  v = sql_literal(engine, v, "source_columns", source_list(engine, s, "q."));
  v = sql_literal(engine, v, "part", summary_object(engine, s, "part"));
  v = sql_literal(
      engine, v, "part_origins",
      engine_printf(engine, "%s%s", s->kind == KIND_TIME ? "NULL, " : "", source_list(engine, s, "q.")));
  v = sql_literal(engine, v, "part_names", part_names(engine, s, false));
  v = sql_literal(engine, v, "scope_names", part_names(engine, s, true));
  v = partition_variables(engine, v, s);
  if (s->kind == KIND_KEY) return v;
  v = sql_literal(engine, v, "time", quoted(engine, s->time));
  /* Not above any value of the column; a TEXT column would turn the number into text. */
  bool is_text = strcmp(type_affinity(source_find(s->source, s->time)->type), "TEXT") == 0;
  v = sql_literal(engine, v, "least", is_text ? "''" : s->shape.is_text ? "-9e999" : TIMES_LOWEST);
  v = sql_literal(engine, v, "partition", stored_partition(engine, s, 0));
  v = sql_literal(engine, v, "partition_type", partition_type(s));
  v = grain_variables(engine, v, &s->shape, &s->grain);
  v = frozen_variables(engine, v, s);
  v = shape_variables(engine, v, &s->shape);
  v = sql_literal(engine, v, "dirty_above", dirty_above(engine, v, s));
  return unit_variables(engine, v, &s->shape, s->unit ? s->unit : s->grain.unit,
                        s->unit ? s->unit_offset : s->grain.unit_offset);
}
