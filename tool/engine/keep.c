#include "tool/engine/keep.h"
#include "tool/engine/boundary.h"
#include "tool/engine/owner.h"
#include "tool/engine/retention.h"

enum {
  PARK_FIRST = 16
}; /* partitions in the first transaction; from there on the time that it takes decides */

/* One summary, while it is looked through. */
struct keeping {
  const struct summary *summary;
  const struct sql_variable *v;
  struct moment from; /* KIND_TIME: the first partition that is kept; none where it isn't known */
};

/* The first partition that is kept, by the wall clock. */
static struct moment kept_from(struct engine *engine, const struct summary *s) {
  const struct sql_variable *v = summary_variables(engine, s);
  v = sql_literal(engine, v, "seconds",
                  engine_printf(engine, "%lld", (long long)retention_cutoff_s(engine, &s->keep)));
  v = sql_template(engine, v, "at",
                   s->shape.is_text ? "strftime('{format}', {seconds}, 'unixepoch')" : "{seconds}*{scale}");
  return moment_ask(engine, s->grain.kind == GRAIN_BOUNDS ? "keep_from_bounds" : "keep_from", v, 0, 0);
}

static bool open_keeping(struct engine *engine, const struct summary *s, struct keeping *k) {
  uint64_t random;
  sqlite3_randomness(sizeof random, &random);
  const struct sql_variable *v = summary_variables(engine, s);
  v = sql_literal(engine, v, "kept", engine_printf(engine, "almanac_kept_%llx", (unsigned long long)random));
  v = sql_literal(engine, v, "list",
                  engine_printf(engine, "almanac_parked_%llx", (unsigned long long)random));
  *k = (struct keeping){.summary = s, .from = {.type = SQLITE_NULL}};
  if (s->kind == KIND_TIME) {
    k->v = v;
    k->from = kept_from(engine, s);
  } else {
    v = sql_literal(engine, v, "row", "q");
    v = sql_literal(engine, v, "q_keys", sql_text(engine, "q_keys_text", v));
    v = sql_literal(engine, v, "newest", engine_printf(engine, "%lld", (long long)s->keep_newest));
    v = sql_template(engine, v, "newest_first",
                     s->source->without_rowid ? "{q_keys_down}" : "q.{row_id} DESC");
    k->v = sql_literal(engine, v, "row_id", source_row_id(engine, s->source));
  }
  return sql_run(engine, s->kind == KIND_TIME ? "keep_open_time" : "keep_open_key", k->v);
}

static bool close_keeping(struct engine *engine, const struct keeping *k) {
  struct failure failure = engine_suspend(engine);
  engine_rollback(engine);
  sql_run(engine, k->summary->kind == KIND_TIME ? "keep_close_time" : "keep_close_key", k->v);
  engine_resume(engine, failure); /* what could not be dropped goes with the connection */
  return engine_ok(engine);
}

/* Runs a section with ?1 the first partition that is kept and ?2 a number; how many rows it changed. */
static int64_t run(struct engine *engine, const struct keeping *k, const char *section, int64_t n) {
  moment_ask(engine, section, k->v, &k->from, n);
  return engine_ok(engine) ? sqlite3_changes(engine->db) : 0;
}

static bool is_any(struct engine *engine, const struct keeping *k) {
  if (k->summary->kind == KIND_TIME && k->from.type == SQLITE_NULL) return false;
  return moment_ask(engine, k->summary->kind == KIND_TIME ? "keep_any_time" : "keep_any_key", k->v, &k->from,
                    0)
             .integer != 0;
}

static bool count(struct engine *engine, const struct keeping *k, int64_t rows, int64_t partitions) {
  const struct sql_variable *v =
      sql_literal(engine, k->v, "rows", engine_printf(engine, "%lld", (long long)rows));
  v = sql_literal(engine, v, "partitions_gone", engine_printf(engine, "%lld", (long long)partitions));
  return rows == 0 || sql_run(engine, "keep_count", v);
}

/* Within a write transaction: parks about `n` partitions. Whoever computes one of them does so in vain. */
static bool park(struct engine *engine, const struct keeping *k, int64_t n) {
  bool time = k->summary->kind == KIND_TIME;
  if (!time) sql_run(engine, "keep_unpark_key", k->v);
  sql_run(engine, "keep_list_clear", k->v);
  int64_t partitions = run(engine, k, time ? "keep_list_time" : "keep_list_key", n);
  sql_run(engine, time ? "keep_park_time" : "keep_park_key", k->v);
  int64_t rows =
      run(engine, k, summary_is_clustered(k->summary) ? "keep_delete_clustered" : "keep_delete", 0);
  if (partitions == 0) run(engine, k, time ? "keep_dirty_time" : "keep_dirty_key", n * 16);
  return count(engine, k, rows, partitions);
}

/* A bucket of buckets would be computed from raw rows with what is parked below it: while it is there, all is stored. */
static bool has_children(const struct catalog *catalog, const struct summary *s) {
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i]->parent == s) return true;
  return false;
}

static bool unpark(struct engine *engine, const struct catalog *catalog, const struct summary *s) {
  const struct sql_variable *v = summary_variables(engine, s);
  if (engine_int(engine, sql_text(engine, "keep_parked", v)) == 0 || !engine_begin(engine))
    return engine_ok(engine);
  if (catalog_is_current(engine, catalog)) sql_run(engine, "keep_unpark", v);
  return engine_commit(engine);
}

bool keep_park(struct engine *engine, const struct catalog *catalog, const struct summary *s) {
  struct keeping k;
  if (!s->keep.text || !s->proven || s->kind == KIND_WHOLE) return engine_ok(engine);
  if (has_children(catalog, s)) return unpark(engine, catalog, s);
  if (!open_keeping(engine, s, &k)) return false;
  for (int64_t n = PARK_FIRST; is_any(engine, &k) && !engine_stopping(engine);) {
    if (!engine_begin(engine)) break;
    /* Another process may have frozen or dropped it. */
    bool current = catalog_is_current(engine, catalog);
    if (current) park(engine, &k, n);
    if (!engine_commit(engine) || !current) break;
    n = pace_next(engine, n, engine->pace.held_s);
  }
  return close_keeping(engine, &k);
}

/* ---------------------------------------------------------------------------------------------- frozen time */

static bool may_delete_frozen(const struct catalog *catalog, const struct summary *s) {
  if (!s->frozen || !s->keep.text) return false;
  for (size_t i = 0; i < catalog->n; i++)
    for (size_t k = 0; k < catalog->summaries[i]->n_parents; k++)
      if (catalog->summaries[i]->parents[k] == s) return false;
  return true;
}

int64_t keep_count_frozen(struct engine *engine, const struct catalog *catalog, const struct summary *s) {
  if (!may_delete_frozen(catalog, s)) return 0;
  struct moment from = kept_from(engine, s);
  return from.type == SQLITE_NULL
             ? 0
             : moment_ask(engine, "keep_count_frozen", summary_variables(engine, s), &from, 0).integer;
}

bool keep_delete_frozen(struct engine *engine, const struct catalog *catalog, const struct summary *s,
                        int64_t *deleted) {
  struct keeping k;
  *deleted = 0;
  if (!may_delete_frozen(catalog, s)) return engine_ok(engine);
  if (!open_keeping(engine, s, &k)) return false;
  int64_t partitions = k.from.type != SQLITE_NULL;
  for (int64_t n = PARK_FIRST; partitions > 0 && !engine_stopping(engine);) {
    if (!engine_begin(engine)) break;
    sql_run(engine, "keep_list_clear", k.v);
    partitions = catalog_is_current(engine, catalog) ? run(engine, &k, "keep_list_frozen", n) : 0;
    int64_t rows = run(engine, &k, summary_is_clustered(s) ? "keep_delete_clustered" : "keep_delete", 0);
    if (!count(engine, &k, rows, partitions) || !engine_commit(engine)) break;
    *deleted += rows;
    n = pace_next(engine, n, engine->pace.held_s);
  }
  return close_keeping(engine, &k);
}
