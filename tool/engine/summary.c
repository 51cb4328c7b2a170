#include "tool/engine/summary.h"
#include "tool/engine/additive.h"
#include "tool/engine/chain.h"
#include "tool/engine/retention.h"
#include <stdlib.h>
#include <string.h>

const char *summary_kind_name(enum summary_kind kind) {
  return kind == KIND_TIME ? "time" : kind == KIND_KEY ? "key" : "whole";
}

/* While a summary is derived: where messages point to, and what SQLite said of the SELECT. */
struct deriving {
  const struct definitions *definitions;
  const struct statement *statement;
  const struct catalog *catalog;
  struct stand_ins stand_ins;
  const char *known_shape;
  struct summary *summary;
  bool as_query; /* no partitions */
  struct shadow shadow;
  struct shadow_reads reads;
  const struct bucket_call *partition_call; /* of KIND_TIME */
  const struct time_grain *kept_grain;      /* which the summary keeps */
  const struct definition_option *partition, *source, *fixed;
};

static bool fail_at(struct engine *engine, const struct deriving *d, size_t offset) {
  if (engine->of_moment) return false; /* no place in the file is to blame */
  int code;
  char *reason = engine_recover(engine, &code);
  char *place = definitions_place(d->definitions, d->statement, offset);
  engine_fail(engine, code ? code : CODE_FAILED, "%s: %s: %s", place ? place : "", d->statement->name,
              reason ? reason : "out of memory");
  sqlite3_free(reason);
  sqlite3_free(place);
  return false;
}

/* ------------------------------------------------------------------------------------------------ options */

static bool read_options(struct engine *engine, struct deriving *d) {
  for (size_t i = 0; i < d->statement->n_options; i++) {
    const struct definition_option *option = &d->statement->options[i];
    if (strcmp(option->name, "partition") == 0)
      d->partition = option;
    else if (strcmp(option->name, "source") == 0)
      d->source = option;
    else if (strcmp(option->name, "static") == 0)
      d->fixed = option;
    else if (strcmp(option->name, "index") == 0)
      d->summary->index = option->value;
    else if (!retention_read(engine, d->summary, option)) {
      if (!engine_ok(engine)) return false;
      return engine_fail(
          engine, CODE_FAILED,
          "WITH (%s = ...): there is no such option; there are partition, source, static, index, "
          "keep_raw and keep",
          option->name);
    }
  }
  return true;
}

/* ---------------------------------------------------------------------------------------- what the SELECT
 * reads */

bool summary_reads(const struct summary *s, const char *table) {
  if (s->source && !s->parent && sqlite3_stricmp(s->source->name, table) == 0) return true;
  for (size_t i = 0; i < s->n_own_tables; i++)
    if (sqlite3_stricmp(s->own_tables[i], table) == 0) return true;
  return false;
}

const struct summary *summary_root(const struct summary *s) {
  while (s->parent) s = s->parent;
  return s;
}

static bool is_named(char *const *names, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (sqlite3_stricmp(names[i], name) == 0) return true;
  return false;
}

static char **add_name(struct engine *engine, char **names, size_t *n, char *name) {
  if (is_named(names, *n, name)) return names;
  names = engine_grow(engine, names, n, sizeof *names);
  if (names) names[(*n)++] = name;
  return names;
}

/* Tables, views and summaries that the SELECT itself names, not those behind a view. */
static char **direct_objects(struct engine *engine, const struct deriving *d, size_t *n) {
  char **names = 0;
  *n = 0;
  for (size_t i = 0; i < d->reads.n && engine_ok(engine); i++) {
    char *spelled = 0;
    const struct shadow_read *read = &d->reads.reads[i];
    const struct summary *summary = chain_read(d->catalog, read->table, read->inner);
    bool through_view = *read->inner && source_object(engine, read->inner, &spelled) == OBJECT_VIEW;
    if (summary)
      names = add_name(engine, names, n, summary->name);
    else if (through_view)
      names = add_name(engine, names, n, spelled);
    else if (source_object(engine, read->table, &spelled) != OBJECT_NONE)
      names = add_name(engine, names, n, spelled);
  }
  return names;
}

static bool whole(struct engine *engine, struct summary *summary, const char *reason) {
  summary->kind = KIND_WHOLE;
  summary->whole_reason = (char *)reason;
  summary->source = 0;
  summary->parent = 0;
  summary->n_partition = 0;
  return engine_ok(engine);
}

/* Is the SELECT over the tables themselves plain SQL? Calls of time_bucket with a zone have no plain form
 * there. */
static bool is_plain(struct engine *engine, const struct summary *s) {
  struct shadow_reads reads;
  int offset;
  sqlite3_finalize(shadow_prepare(engine, s->select_live, &reads, &offset));
  return !reads.calls_extension && !reads.calls_bucket;
}

bool summary_become_whole(struct engine *engine, struct summary *s, const char *reason) {
  s->tables = add_name(engine, s->tables, &s->n_tables, s->source->name);
  if (!s->parent) s->own_tables = add_name(engine, s->own_tables, &s->n_own_tables, s->source->name);
  s->track = 0;
  for (size_t i = 0; i < s->n_columns; i++) s->columns[i].partition = -1;
  s->live = is_plain(engine, s);
  return whole(engine, s, engine_printf(engine, "%s", reason));
}

/* A reason that makes an inferred partition fall back to whole, but is an error for one that was asked for.
 */
static bool whole_unless_asked(struct engine *engine, struct deriving *d, const char *reason) {
  if (d->partition)
    return engine_fail(engine, CODE_FAILED, "WITH (partition = %s): %s", d->partition->value, reason);
  return whole(engine, d->summary, reason);
}

/* The name where the text is one and no more, without its quotes; else NULL. */
static char *single_name(struct engine *engine, const char *text) {
  struct token_list list = {0};
  if (!tokens_read(text, &list)) engine_fail_memory(engine);
  char *name = list.n == 1 && token_is_name(&list.tokens[0]) ? shadow_value(engine, &list.tokens[0]) : 0;
  tokens_free(&list);
  return name;
}

/* Does the table, view or summary have the column? */
static bool has_column(struct engine *engine, const struct deriving *d, const char *object,
                       const char *column) {
  const struct summary *summary = catalog_find(d->catalog, object);
  for (size_t i = 0; summary && i < summary->n_columns; i++)
    if (sqlite3_stricmp(summary->columns[i].name, column) == 0) return true;
  return !summary &&
         engine_int(
             engine,
             engine_printf(engine,
                           "SELECT count(*) FROM pragma_table_xinfo(%Q, 'main') WHERE lower(name)=lower(%Q)",
                           object, column)) > 0;
}

/* The source is a summary: its partitions are those of the table at its root. */
static bool find_parent(struct engine *engine, struct deriving *d, struct summary *parent,
                        struct source **found) {
  if (parent->broken) return engine_ok(engine); /* read_parents says so */
  if (parent->kind != KIND_TIME || !parent->partition_shown)
    return whole_unless_asked(
        engine, d,
        engine_printf(engine, "its source %s is a summary without a bucket in its result", parent->name));
  /* Of an empty table the buckets in a zone have no plain form yet; it waits for rows, and so does this one. */
  bool waits = parent->shape.is_guess && parent->zone;
  if (!parent->live && !waits)
    return engine_fail(
        engine, CODE_FAILED,
        "%s calls functions of the extension, so that it shows the rows of its last refresh; summarize %s",
        parent->name, parent->source->name);
  d->summary->parent = parent;
  *found = parent->source;
  return engine_ok(engine);
}

/* The one table that is partitioned: as WITH (source = ...) says, or the only one that has the column. */
static bool find_source(struct engine *engine, struct deriving *d, const char *column,
                        struct source **found) {
  size_t n, n_having = 0;
  char **objects = direct_objects(engine, d, &n);
  const char *name = 0;
  *found = 0;
  if (d->source) {
    name = single_name(engine, d->source->value);
    if (!name) name = d->source->value;
    if (!is_named(objects, n, name))
      return engine_fail(engine, CODE_FAILED, "WITH (source = %s): the SELECT doesn't read it",
                         d->source->value);
    n_having = 1;
  }
  for (size_t i = 0; i < n && !d->source; i++) {
    if (column && !has_column(engine, d, objects[i], column)) continue;
    name = objects[i];
    n_having++;
  }
  if (n_having > 1)
    return whole_unless_asked(engine, d,
                              "several tables could be the source; say which with WITH (source = ...)");
  if (n_having == 0) return whole_unless_asked(engine, d, "no table of the SELECT has that column");
  struct summary *parent = catalog_find(d->catalog, name);
  if (parent) return find_parent(engine, d, parent, found);
  char *spelled = 0;
  enum object_type type = source_object(engine, name, &spelled);
  if (type == OBJECT_VIEW)
    return whole_unless_asked(engine, d,
                              engine_printf(engine,
                                            "its source %s is a view, whose changes can't be told apart by "
                                            "partition; summarize the table behind it",
                                            spelled));
  if (type != OBJECT_TABLE)
    return engine_fail(engine, CODE_FAILED, "%s is a virtual table, whose changes no trigger can see", name);
  struct source *source = source_read(engine, spelled);
  for (size_t i = 0; source && i < source->n_uniques; i++)
    if (source->uniques[i].has_expression)
      return whole_unless_asked(engine, d,
                                engine_printf(engine,
                                              "the unique index %s of %s is over an expression, through "
                                              "which REPLACE could remove rows unseen",
                                              source->uniques[i].index, spelled));
  *found = source;
  return source != 0;
}

/* ------------------------------------------------------------------------------------------------ partition
 */

/* Columns of the source that the SELECT reads directly, in the source's order; a join by name is one by all
   that the tables share, so that the part has all of them. */
static bool find_source_columns(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  for (size_t c = 0; s->parent && c < s->parent->n_columns; c++) {
    s->source_columns =
        engine_grow(engine, s->source_columns, &s->n_source_columns, sizeof *s->source_columns);
    if (!s->source_columns) return false;
    s->source_columns[s->n_source_columns++] = s->parent->columns[c].name;
  }
  for (size_t c = 0; !s->parent && c < s->source->n_columns; c++) {
    bool used =
        d->shadow.joins_by_name || (s->time && sqlite3_stricmp(s->time, s->source->columns[c].name) == 0);
    for (size_t i = 0; i < d->reads.n && !used; i++)
      used = sqlite3_stricmp(d->reads.reads[i].table, s->source->name) == 0 &&
             sqlite3_stricmp(d->reads.reads[i].column, s->source->columns[c].name) == 0;
    if (!used) continue;
    s->source_columns =
        engine_grow(engine, s->source_columns, &s->n_source_columns, sizeof *s->source_columns);
    if (!s->source_columns) return false;
    s->source_columns[s->n_source_columns++] = s->source->columns[c].name;
  }
  if (s->n_source_columns == 0) {
    /* count(*) alone reads no column; the part needs one. */
    s->source_columns = engine_grow(engine, 0, &s->n_source_columns, sizeof *s->source_columns);
    if (s->source_columns) s->source_columns[s->n_source_columns++] = s->source->columns[0].name;
  }
  return engine_ok(engine);
}

static void free_grain(void *grain) {
  time_grain_free(grain);
}

/* The time of a chain is its parent's, which buckets start with the parent's buckets. */
static bool derive_parent_time(struct engine *engine, struct deriving *d, const struct bucket_call *call) {
  struct summary *s = d->summary;
  for (size_t i = 0; i < s->parent->n_columns; i++)
    if (s->parent->columns[i].partition == 0 &&
        sqlite3_stricmp(s->parent->columns[i].name, call->column) == 0)
      s->bucket = s->parent->columns[i].name;
  if (!s->bucket)
    return whole_unless_asked(
        engine, d, engine_printf(engine, "%s is not the bucket of %s", call->column, s->parent->name));
  s->time = s->parent->time;
  s->shape = s->parent->shape;
  s->shape.is_guess |= !s->parent->track; /* it waits with its parent for the next refresh */
  return engine_ok(engine);
}

static bool derive_table_time(struct engine *engine, struct deriving *d, const struct bucket_call *call) {
  struct summary *s = d->summary;
  const struct source_column *column = source_find(s->source, call->column);
  if (!column) return engine_fail(engine, CODE_FAILED, "%s has no column %s", s->source->name, call->column);
  s->time = column->name;
  if (d->known_shape)
    s->shape = time_shape_from_text(d->known_shape);
  else
    time_shape_detect(engine, s->source, column->name, &s->shape);
  return engine_ok(engine);
}

static bool derive_time(struct engine *engine, struct deriving *d, const struct bucket_call *call) {
  struct summary *s = d->summary;
  if (!find_source(engine, d, call->column, &s->source)) return false;
  if (!s->source) return true;
  if (!(s->parent ? derive_parent_time : derive_table_time)(engine, d, call)) return false;
  if (!s->time) return true;
  if (!grain_from(engine, call->grain, &s->shape, &s->grain)) {
    char *reason = engine_recover(engine, 0);
    char *kept = engine_printf(engine, "%s", reason ? reason : "out of memory");
    sqlite3_free(reason);
    return whole_unless_asked(engine, d, kept);
  }
  if (s->parent && !chain_check_nesting(engine, s->parent, call, &s->grain)) return false;
  s->kind = KIND_TIME;
  s->n_partition = 1;
  s->zone = call->zone;
  s->bucket_signature = call->signature;
  d->partition_call = call;
  if (s->grain.kind == GRAIN_BOUNDS) {
    s->zone_grain = call->grain;
    engine_defer(engine, free_grain, call->grain);
    d->kept_grain = call->grain;
  }
  return true;
}

static bool derive_keys(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  size_t n;
  char **parts = shadow_split(engine, d->partition->value, &n);
  if (n == 0 || n > KEYS_MAX)
    return engine_fail(engine, CODE_FAILED, "WITH (partition = %s): 1 to %d columns or expressions",
                       d->partition->value, KEYS_MAX);
  if (!find_source(engine, d, n == 1 ? single_name(engine, parts[0]) : 0, &s->source)) return false;
  if (!s->source) return true;
  if (s->parent)
    return engine_fail(
        engine, CODE_FAILED,
        "WITH (partition = %s): the source %s is a summary, of which only time_bucket(width, %s) makes "
        "partitions; leave it out, or summarize %s",
        d->partition->value, s->parent->name, "its bucket", s->source->name);
  char **names = engine_alloc(engine, (s->source->n_columns + 1) * sizeof *names);
  for (size_t c = 0; names && c < s->source->n_columns; c++) names[c] = s->source->columns[c].name;
  for (size_t i = 0; i < n && engine_ok(engine); i++) {
    s->keys[i] = shadow_expression(engine, parts[i], names, s->source->n_columns);
    if (!s->keys[i])
      return engine_fail(engine, CODE_FAILED,
                         "WITH (partition = %s): %s is no column of %s, nor an expression over one",
                         d->partition->value, parts[i], s->source->name);
    for (size_t c = 0; c < s->source->n_columns; c++)
      if (strcmp(s->keys[i], engine_printf(engine, "{row}.\"%w\"", names[c])) == 0)
        s->key_columns[i] = names[c];
  }
  s->kind = KIND_KEY;
  s->n_partition = n;
  return engine_ok(engine);
}

/* Which kind of partition the definition asks for or lets us infer. */
static bool derive_partition(struct engine *engine, struct deriving *d) {
  const struct shadow *shadow = &d->shadow;
  if (d->partition) return derive_keys(engine, d);
  if (shadow->n_calls == 0) return whole(engine, d->summary, "use time_bucket or WITH (partition = ...)");
  if (shadow->has_limit)
    return whole(engine, d->summary,
                 "its LIMIT is one of the whole result; filter when reading, or use WITH (partition = ...)");
  for (size_t i = 0; i < shadow->n_calls; i++) {
    const struct bucket_call *call = &shadow->calls[i];
    if (!call->column) return whole(engine, d->summary, "the time in time_bucket is not a plain column");
    if (sqlite3_stricmp(call->column, shadow->calls[0].column) != 0 ||
        strcmp(call->signature, shadow->calls[0].signature) != 0)
      return whole(engine, d->summary, "it has several different time_bucket calls");
  }
  return derive_time(engine, d, &shadow->calls[0]);
}

/* ------------------------------------------------------------------------------------------------ rewriting
 */

/* The call in plain SQL over its own argument, for any spelling of time; NULL where there is none (zones). */
static char *plain_call(struct engine *engine, const struct bucket_call *call) {
  struct grain number, text;
  const struct time_shape integer = {0}, iso = {.is_text = true, .separator = ' '};
  if (call->grain->zone) return 0;
  bool has_number = grain_from(engine, call->grain, &integer, &number);
  sqlite3_free(engine_recover(engine, 0));
  /* A number as the width is for numeric times only. */
  bool wants_text = call->grain->kind != TIME_NUMBER;
  bool has_text = wants_text && grain_from(engine, call->grain, &iso, &text);
  sqlite3_free(engine_recover(engine, 0));
  if (!has_number || has_text != wants_text) return 0;
  const struct sql_variable *numbers = grain_variables(engine, 0, &integer, &number);
  numbers = sql_literal(engine, numbers, "x", "almanac_time");
  const struct sql_variable *v = has_text ? grain_variables(engine, 0, &iso, &text) : 0;
  v = sql_literal(engine, v, "number_start", sql_text(engine, "start_alone", numbers));
  v = sql_literal(engine, v, "time", call->time);
  return sql_text(engine, has_text ? "any_call" : "number_call", v);
}

static bool rewrite(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  size_t n = d->shadow.n_calls;
  char **part = engine_alloc(engine, (n + 1) * sizeof *part),
       **live = engine_alloc(engine, (n + 1) * sizeof *live);
  for (size_t i = 0; i < n && engine_ok(engine); i++) {
    const struct bucket_call *call = &d->shadow.calls[i], *own = d->partition_call;
    live[i] = plain_call(engine, call);
    part[i] = live[i];
    if (own && call->column && strcmp(call->signature, own->signature) == 0 &&
        sqlite3_stricmp(call->column, own->column) == 0)
      part[i] =
          call->qualifier ? engine_printf(engine, "%s.almanac_bucket", call->qualifier) : "almanac_bucket";
  }
  if (!engine_ok(engine)) return false;
  s->select_part = shadow_rewrite(engine, &d->shadow, part);
  s->select_live = shadow_rewrite(engine, &d->shadow, live);
  return engine_ok(engine);
}

/* -------------------------------------------------------------------------------------- columns of the
 * result */

static bool read_names(struct engine *engine, struct deriving *d, sqlite3_stmt *statement) {
  struct summary *s = d->summary;
  s->n_columns = (size_t)sqlite3_column_count(statement);
  s->columns = engine_alloc(engine, s->n_columns * sizeof *s->columns);
  for (size_t i = 0; s->columns && i < s->n_columns; i++) {
    const char *name = sqlite3_column_name(statement, (int)i);
    if (!name) return engine_fail_memory(engine);
    s->columns[i].name = engine_printf(engine, "%s", name);
    s->columns[i].partition = -1;
    for (size_t k = 0; k < i; k++)
      if (sqlite3_stricmp(s->columns[k].name, s->columns[i].name) == 0)
        return engine_fail(engine, CODE_FAILED,
                           "two result columns are named %s; give one another name with AS",
                           s->columns[i].name);
    if (sqlite3_strnicmp(s->columns[i].name, "almanac_", 8) == 0)
      return engine_fail(
          engine, CODE_FAILED,
          "the result column %s: names that start with almanac_ are the tool's own; rename it with AS",
          s->columns[i].name);
  }
  return engine_ok(engine);
}

/* Does the plan join several SELECTs into one result, here or behind a view? Then a column's origin is that
   of one of them only. */
static bool is_compound(struct engine *engine, const char *select) {
  sqlite3_stmt *steps = engine_prepare(engine, engine_printf(engine, "EXPLAIN QUERY PLAN %s", select));
  bool compound = false;
  while (engine_step(engine, steps)) {
    const char *step = (const char *)sqlite3_column_text(steps, 3);
    compound |= step && (strstr(step, "COMPOUND") || strstr(step, "MERGE (") || strstr(step, "UNION"));
  }
  engine_finalize(engine, steps);
  return compound;
}

/* How many of the tables and views that the SELECT names have a column of that name. */
static size_t count_having(struct engine *engine, const struct deriving *d, const char *name) {
  size_t n, n_having = 0;
  char **objects = direct_objects(engine, d, &n);
  for (size_t i = 0; i < n; i++) n_having += has_column(engine, d, objects[i], name);
  return n_having;
}

/* Marks the result columns that one item of GROUP BY names: a position, a column, or a result column's own name. An
   expression over a column groups by something coarser. */
static void mark_grouped(struct engine *engine, struct deriving *d, const struct token *first,
                         const struct token *last) {
  struct summary *s = d->summary;
  bool qualified = last == first + 2 && token_is(first + 1, ".");
  if (first != last && !qualified) return;
  char *name = token_value(last);
  int64_t position = name && last->type == TOKEN_NUMBER ? strtol(name, 0, 10) : 0;
  /* A column's name comes before a result column's; of which table `o.k` is can't be told where several have a k. */
  size_t n_having = name && !position ? count_having(engine, d, name) : 0;
  if (qualified && n_having != 1) position = -1;
  bool is_column = n_having > 0;
  for (size_t i = 0; name && i < s->n_columns; i++) {
    const struct source_column *column = s->columns[i].source;
    bool named = is_column ? column && sqlite3_stricmp(name, column->name) == 0
                           : sqlite3_stricmp(name, s->columns[i].name) == 0;
    s->columns[i].grouped |= position == (int64_t)i + 1 || (!position && named);
  }
  sqlite3_free(name);
}

/* Reads the last GROUP BY; false where there is none. */
static bool read_grouping(struct engine *engine, struct deriving *d) {
  const struct token_list *list = &d->shadow.tokens;
  static const char *const ends[] = {"having", "window",    "order",  "limit",
                                     "union",  "intersect", "except", ")"};
  size_t at = list->n;
  for (size_t i = 0; i + 1 < list->n; i++)
    if (token_is(&list->tokens[i], "group") && token_is(&list->tokens[i + 1], "by")) at = i + 2;
  if (at >= list->n) return false;
  int depth = 0;
  for (size_t first = at; at <= list->n; at++) {
    const struct token *token = at < list->n ? &list->tokens[at] : 0;
    bool end = !token;
    for (size_t k = 0; depth == 0 && !end && k < sizeof ends / sizeof ends[0]; k++)
      end = token_is(token, ends[k]);
    if (!end && token_is(token, "(")) depth++;
    if (!end && token_is(token, ")")) depth--;
    if (!end && !(depth == 0 && token_is(token, ","))) continue;
    if (at > first) mark_grouped(engine, d, &list->tokens[first], &list->tokens[at - 1]);
    first = at + 1;
    if (end) break;
  }
  return engine_ok(engine);
}

/* Which result columns are looked for: those that are grouped by, else the plain ones that are no
 * measurements. */
static void read_indexed(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  bool has_groups = read_grouping(engine, d);
  for (size_t i = 0; i < s->n_columns; i++) {
    const struct source_column *column = s->columns[i].source;
    s->columns[i].indexed =
        column && (has_groups ? s->columns[i].grouped : strcmp(type_affinity(column->type), "REAL") != 0);
  }
}

/* Which result columns are plain columns of a table, by their origin, and which of them are the partition. */
static void read_origins(struct engine *engine, struct deriving *d, sqlite3_stmt *statement,
                         const char *list) {
  struct summary *s = d->summary;
  s->partition_shown = s->kind != KIND_WHOLE;
  s->never_additive = additive_never(&d->shadow.tokens);
  if (is_compound(engine, sqlite3_sql(statement))) {
    s->partition_shown = false;
    return;
  }
  bool shown[KEYS_MAX] = {false};
  for (size_t i = 0; i < s->n_columns && engine_ok(engine); i++) {
    const char *table = sqlite3_column_table_name(statement, (int)i),
               *column = sqlite3_column_origin_name(statement, (int)i);
    const char *schema = sqlite3_column_database_name(statement, (int)i);
    int partition = table && strcmp(table, list) == 0 ? 0 : -1;
    if (table && column && schema && strcmp(schema, "main") == 0) {
      const struct source *source =
          s->source && sqlite3_stricmp(table, s->source->name) == 0 ? s->source : source_read(engine, table);
      if (source) s->columns[i].source = source_find(source, column);
      for (size_t k = 0; s->kind == KIND_KEY && source == s->source && k < s->n_partition; k++)
        if (s->key_columns[k] && sqlite3_stricmp(s->key_columns[k], column) == 0) partition = (int)k;
    }
    /* One result column is enough for each partition column; a second one is a plain column. */
    if (partition >= 0 && !shown[partition]) {
      s->columns[i].partition = partition;
      shown[partition] = true;
    }
  }
  for (size_t k = 0; k < s->n_partition; k++) s->partition_shown &= shown[k];
  read_indexed(engine, d);
  s->additive = additive_by_form(s, &d->shadow.tokens);
}

/* Is it the table that stands for the part of a chain while that is checked? */
static bool is_part(const struct summary *s, const char *table) {
  size_t n = s->parent ? strlen(s->parent->name) : 0;
  return s->parent && sqlite3_strnicmp(table, s->parent->name, (int)n) == 0 &&
         sqlite3_stricmp(table + n, "_stored") == 0;
}

/* Which summaries are read. */
static bool read_parents(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  for (size_t i = 0; i < d->reads.n && engine_ok(engine); i++) {
    struct summary *parent = chain_read(d->catalog, d->reads.reads[i].table, d->reads.reads[i].inner);
    bool known = !parent;
    for (size_t k = 0; k < s->n_parents; k++) known |= s->parents[k] == parent;
    if (known) continue;
    s->parents = engine_grow(engine, s->parents, &s->n_parents, sizeof *s->parents);
    if (s->parents) s->parents[s->n_parents++] = parent;
    if (parent->broken)
      engine_fail(engine, CODE_FAILED, "it reads %s, which fails: %s", parent->name, parent->broken);
  }
  return engine_ok(engine);
}

/* A summary that reads its source through another one as well depends on more of it than its own partition. */
static bool check_parents(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  for (size_t i = 0; i < s->n_parents && s->kind != KIND_WHOLE; i++) {
    bool through = s->parents[i] != s->parent ? chain_depends(s->parents[i], s->source->name) : false;
    for (size_t k = 0; s->parents[i] == s->parent && k < s->parent->n_tables; k++)
      through |= sqlite3_stricmp(s->parent->tables[k], s->source->name) == 0;
    if (through && !whole_unless_asked(engine, d,
                                       engine_printf(engine, "it reads all of %s through %s", s->source->name,
                                                     s->parents[i]->name)))
      return false;
  }
  return engine_ok(engine);
}

/* A summary that is read changes with the tables that it reads; one that shows the rows of its last refresh changes with
   those. */
static bool add_parent_tables(struct engine *engine, struct summary *s, char *const *fixed, size_t n_fixed) {
  for (size_t i = 0; i < s->n_parents; i++) {
    const struct summary *parent = s->parents[i];
    if (!parent->live) {
      s->tables = add_name(engine, s->tables, &s->n_tables, engine_printf(engine, "%s_stored", parent->name));
      continue;
    }
    if (parent->source && parent != s->parent && !is_named(fixed, n_fixed, parent->name))
      s->tables = add_name(engine, s->tables, &s->n_tables, parent->source->name);
    for (size_t k = 0; k < parent->n_tables && !is_named(fixed, n_fixed, parent->name); k++)
      s->tables = add_name(engine, s->tables, &s->n_tables, parent->tables[k]);
  }
  return engine_ok(engine);
}

/* Is it read by a summary that is read, or for one? Those have their own tables, which are added for them. */
static bool is_of_summary(const struct deriving *d, const struct shadow_read *read) {
  return sqlite3_strnicmp(read->inner, "almanac_", 8) == 0 ||
         chain_read(d->catalog, read->table, read->inner) || is_part(d->summary, read->table);
}

/* Another table that is read: a change there dirties everything. */
static bool read_table(struct engine *engine, struct summary *s, const char *table, char *const *fixed,
                       size_t n_fixed) {
  char *spelled = 0;
  if (s->source && sqlite3_stricmp(table, s->source->name) == 0) return true;
  if (sqlite3_strnicmp(table, "almanac_", 8) == 0 || is_named(fixed, n_fixed, table)) return true;
  enum object_type type = source_object(engine, table, &spelled);
  if (type == OBJECT_VIRTUAL)
    return engine_fail(
        engine, CODE_FAILED,
        "%s is a virtual table, whose changes no trigger can see; WITH (static = %s) if it never changes",
        table, table);
  if (sqlite3_stricmp(table, "sqlite_master") == 0 || sqlite3_stricmp(table, "sqlite_schema") == 0)
    return engine_fail(engine, CODE_FAILED, "a summary can't read the schema table");
  if (type == OBJECT_TABLE) s->tables = add_name(engine, s->tables, &s->n_tables, spelled);
  return engine_ok(engine);
}

/* The views of a user's through which the SELECT reads. */
static void read_views(struct engine *engine, struct deriving *d, const struct shadow_reads *reads) {
  struct summary *s = d->summary;
  for (size_t i = 0; i < reads->n; i++) {
    const char *names[] = {reads->reads[i].inner, reads->reads[i].table};
    for (size_t k = 0; k < 2; k++) {
      char *spelled = 0;
      if (*names[k] && sqlite3_strnicmp(names[k], "almanac_", 8) != 0 &&
          source_object(engine, names[k], &spelled) == OBJECT_VIEW && !catalog_find(d->catalog, spelled))
        s->views = add_name(engine, s->views, &s->n_views, spelled);
    }
  }
}

/* Every other table that is read: a change there dirties everything. */
static bool read_tables(struct engine *engine, struct deriving *d, const struct shadow_reads *reads) {
  read_views(engine, d, reads);
  size_t n_fixed = 0;
  char **fixed = d->fixed ? shadow_split(engine, d->fixed->value, &n_fixed) : 0;
  for (size_t i = 0; i < reads->n && engine_ok(engine); i++)
    if (!is_of_summary(d, &reads->reads[i]))
      read_table(engine, d->summary, reads->reads[i].table, fixed, n_fixed);
  for (size_t i = 0; i < reads->n_opened && engine_ok(engine); i++)
    if (!chain_is_stored(d->catalog, reads->opened[i]))
      read_table(engine, d->summary, reads->opened[i], fixed, n_fixed);
  for (size_t i = 0; i < d->summary->n_tables; i++)
    d->summary->own_tables =
        add_name(engine, d->summary->own_tables, &d->summary->n_own_tables, d->summary->tables[i]);
  return add_parent_tables(engine, d->summary, fixed, n_fixed);
}

/* Nothing may read the source but the part: a view over it or a qualified name would get the whole table. Of
   the scope's own name SQLite says, too, that no column of it is read; behind a view that is the table. */
static bool check_scope(struct engine *engine, const struct summary *s, const struct shadow_reads *reads,
                        const char *part) {
  for (size_t i = 0; i < reads->n; i++) {
    const struct shadow_read *read = &reads->reads[i];
    if (sqlite3_stricmp(read->table, s->source->name) != 0 && !is_part(s, read->table)) continue;
    if (strcmp(read->inner, part) == 0) continue;
    if (!*read->column && (!*read->inner || source_object(engine, read->inner, 0) != OBJECT_VIEW)) continue;
    return engine_fail(engine, CODE_FAILED,
                       "%s is also read through %s, which always sees the whole table; read the table itself",
                       s->parent ? s->parent->name : s->source->name,
                       *read->inner ? read->inner : "another name");
  }
  return engine_ok(engine);
}

static bool same_names(const struct summary *s, sqlite3_stmt *statement) {
  return (size_t)sqlite3_column_count(statement) == s->n_columns;
}

/* Prepares the SELECT over a stand-in of the part, to see that it works there and what its columns are. */
static bool check_part(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  uint64_t random;
  sqlite3_randomness(sizeof random, &random);
  char *part = engine_printf(engine, "almanac_part_%llx", (unsigned long long)random);
  char *list = engine_printf(engine, "almanac_list_%llx", (unsigned long long)random);
  const struct sql_variable *v = summary_variables(engine, s);
  v = sql_literal(engine, v, "part", part);
  v = sql_literal(engine, v, "list", list);
  if (!sql_run(engine, "check_list", v)) return false;
  struct shadow_reads reads;
  int offset;
  sqlite3_stmt *statement = shadow_prepare(
      engine, sql_text(engine, s->kind == KIND_TIME ? "check_select_time" : "check_select_key", v), &reads,
      &offset);
  bool good = statement && check_scope(engine, s, &reads, part) && read_tables(engine, d, &reads);
  if (good && !same_names(s, statement))
    good = engine_fail(engine, CODE_FAILED, "write the columns out instead of *");
  if (good) read_origins(engine, d, statement, list);
  s->live = !reads.calls_extension && !reads.calls_bucket;
  sqlite3_finalize(statement);
  struct failure failure = engine_suspend(engine);
  if (failure.error && strstr(failure.error, " values for ")) {
    /* The part has a column more than the table. */
    sqlite3_free(failure.error);
    failure.error = sqlite3_mprintf("write the columns out instead of *");
  }
  sql_run(engine, "check_drop", v);
  if (failure.code) engine_resume(engine, failure);
  return engine_ok(engine);
}

static bool check_whole(struct engine *engine, struct deriving *d) {
  struct shadow_reads reads;
  int offset;
  sqlite3_stmt *statement = shadow_prepare(engine, d->summary->select_live, &reads, &offset);
  d->summary->live = statement && !reads.calls_extension && !reads.calls_bucket;
  bool good = statement && read_tables(engine, d, &reads);
  if (good) read_origins(engine, d, statement, "");
  sqlite3_finalize(statement);
  return good && engine_ok(engine);
}

/* --------------------------------------------------------------------------------------------------- derive
 */

static bool derive(struct engine *engine, struct deriving *d, int *offset) {
  struct summary *s = d->summary;
  int place;
  sqlite3_stmt *statement = shadow_prepare(engine, s->select, &d->reads, &place);
  if (place > 0) *offset = place;
  bool named = statement && read_names(engine, d, statement);
  sqlite3_finalize(statement);
  bool partitioned = named && (d->as_query ? whole(engine, s, "it is read as its query")
                                           : read_parents(engine, d) && derive_partition(engine, d) &&
                                                 check_parents(engine, d) && retention_check(engine, s));
  if (!partitioned) return false;
  if (s->kind != KIND_WHOLE && !find_source_columns(engine, d)) return false;
  if (!rewrite(engine, d)) return false;
  if (s->kind == KIND_WHOLE) return check_whole(engine, d);
  if (!check_part(engine, d)) return false;
  if (s->kind == KIND_TIME && s->shape.is_guess) s->live = is_plain(engine, s);
  return engine_ok(engine);
}

static bool derive_definition(struct engine *engine, struct deriving d) {
  struct summary *s = d.summary;
  memset(s, 0, sizeof *s);
  s->name = engine_printf(engine, "%s", d.statement->name);
  s->definition = engine_printf(engine, "%s", d.statement->text);
  s->select = engine_printf(engine, "%s", d.statement->select);
  int offset = 0;
  bool good = engine_ok(engine) && read_options(engine, &d) && shadow_read(engine, s->select, &d.shadow) &&
              chain_stand_in(engine, d.catalog, &d.shadow.tokens, &d.stand_ins) &&
              derive(engine, &d, &offset);
  chain_stand_down(engine, &d.stand_ins);
  if (!good) fail_at(engine, &d, (size_t)offset);
  shadow_free(&d.shadow, d.kept_grain);
  return engine_ok(engine);
}

bool summary_derive(struct engine *engine, const struct catalog *catalog,
                    const struct definitions *definitions, const struct statement *statement,
                    const char *known_shape, struct summary *summary) {
  return derive_definition(engine, (struct deriving){.definitions = definitions,
                                                     .statement = statement,
                                                     .catalog = catalog,
                                                     .known_shape = known_shape,
                                                     .summary = summary});
}

bool summary_derive_query(struct engine *engine, const struct catalog *catalog,
                          const struct definitions *definitions, const struct statement *statement,
                          struct summary *summary) {
  return derive_definition(engine, (struct deriving){.definitions = definitions,
                                                     .statement = statement,
                                                     .catalog = catalog,
                                                     .as_query = true,
                                                     .summary = summary});
}
