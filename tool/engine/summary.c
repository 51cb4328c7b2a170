#include "tool/engine/summary.h"
#include "tool/engine/deriving.h"
#include "tool/engine/retention.h"
#include "tool/engine/scan_form.h"
#include <stdlib.h>
#include <string.h>

const char *summary_kind_name(enum summary_kind kind) {
  return kind == KIND_TIME ? "time" : kind == KIND_KEY ? "key" : "whole";
}

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
    else if (strcmp(option->name, "zoom_level") == 0)
      d->summary->zoom = engine_printf(engine, "%s", option->value);
    else if (strcmp(option->name, "zoom_key") == 0)
      d->summary->n_clustered = atoi(option->value);
    else if (!retention_read(engine, d->summary, option)) {
      if (!engine_ok(engine)) return false;
      return engine_fail(
          engine, CODE_FAILED,
          "WITH (%s = ...): there is no such option; there are partition, source, static, index, "
          "keep_raw and keep, and for a zoom zoom or zoom_cells, unit and keep_raw",
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

static bool whole(struct engine *engine, struct summary *summary, const char *reason) {
  summary->kind = KIND_WHOLE;
  summary->whole_reason = (char *)reason;
  summary->source = 0;
  summary->parent = 0;
  summary->n_partition = 0;
  summary->scan = 0;
  summary->not_scan = "all of it is one partition";
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
  s->tables = deriving_add_name(engine, s->tables, &s->n_tables, s->source->name);
  if (!s->parent) s->own_tables = deriving_add_name(engine, s->own_tables, &s->n_own_tables, s->source->name);
  s->track = 0;
  for (size_t i = 0; i < s->n_columns; i++) s->columns[i].partition = -1;
  s->live = is_plain(engine, s);
  return whole(engine, s, engine_printf(engine, "%s", reason));
}

/* A reason that makes an inferred partition fall back to whole, but is an error for one that was asked for.
 */
bool deriving_whole_unless_asked(struct engine *engine, struct deriving *d, const char *reason) {
  if (d->partition)
    return engine_fail(engine, CODE_FAILED, "WITH (partition = %s): %s", d->partition->value, reason);
  return whole(engine, d->summary, reason);
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
    return deriving_whole_unless_asked(
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
  if (!deriving_find_source(engine, d, call->column, &s->source)) return false;
  if (!s->source) return true;
  if (!(s->parent ? derive_parent_time : derive_table_time)(engine, d, call)) return false;
  if (!s->time) return true;
  if (!grain_from(engine, call->grain, &s->shape, &s->grain)) {
    char *reason = engine_recover(engine, 0);
    char *kept = engine_printf(engine, "%s", reason ? reason : "out of memory");
    sqlite3_free(reason);
    return deriving_whole_unless_asked(engine, d, kept);
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
  if (!deriving_find_source(engine, d, n == 1 ? deriving_single_name(engine, parts[0]) : 0, &s->source))
    return false;
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
  if (shadow->n_calls == 0)
    return whole(engine, d->summary,
                 d->summary->zoom ? "a zoom with key columns is computed by data set"
                                  : "use time_bucket or WITH (partition = ...)");
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
  const struct sql_variable *v =
      has_text ? grain_variables(engine, 0, &iso, &text) : limit_variables(engine, 0);
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
  bool good =
      statement && deriving_check_scope(engine, s, &reads, part) && deriving_read_tables(engine, d, &reads);
  if (good && !same_names(s, statement))
    good = engine_fail(engine, CODE_FAILED, "write the columns out instead of *");
  if (good) deriving_read_origins(engine, d, statement, list);
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
  bool good = statement && deriving_read_tables(engine, d, &reads);
  if (good) deriving_read_origins(engine, d, statement, "");
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
  bool named = statement && deriving_read_names(engine, d, statement);
  sqlite3_finalize(statement);
  bool partitioned =
      named && (d->as_query ? whole(engine, s, "it is read as its query")
                            : deriving_read_parents(engine, d) && derive_partition(engine, d) &&
                                  deriving_check_parents(engine, d) && retention_check(engine, s));
  if (!partitioned) return false;
  if (s->kind != KIND_WHOLE && !find_source_columns(engine, d)) return false;
  if (!rewrite(engine, d)) return false;
  if (s->kind == KIND_WHOLE) return check_whole(engine, d);
  if (!check_part(engine, d)) return false;
  if (s->kind == KIND_TIME && s->shape.is_guess) s->live = is_plain(engine, s);
  return scan_form_read(engine, s, &d->shadow);
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
