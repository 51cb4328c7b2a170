#include "tool/engine/compute.h"
#include "tool/engine/claim.h"
#include "tool/engine/owner.h"
#include <string.h>

/* What one statement of a batch should take: its sort stays in the processor's cache, its overhead small. */
#define SLICE_S    0.02
#define ROW_S      10e-6 /* what publishing a row may take, before the first are published, */
#define SCAN_ROW_S 4e-6  /* and one of those that a scan computes: numbers, mostly */

enum {
  ROWS_TOLD = 100,  /* published rows from which on their time tells something */
  ROWS_FIRST = 1000 /* rows of a generation in the first transaction */
};

/* ------------------------------------------------------------------------------------------- preparation */

static const struct sql_variable *temporary(struct engine *engine, const struct summary *s, int64_t token) {
  const struct sql_variable *v = summary_variables(engine, s);
  static const char *const names[] = {"claimed", "rows", "slice"};
  for (size_t i = 0; i < 3; i++)
    v = sql_literal(engine, v, names[i],
                    engine_printf(engine, "almanac_%s_%llx", names[i], (long long)token));
  if (s->kind == KIND_KEY) {
    v = sql_literal(engine, v, "row", "q");
    v = sql_literal(engine, v, "q_keys", sql_text(engine, "q_keys_text", v));
  }
  return v;
}

/* Would the partition's rows be found by an index? Asked of the planner, on the very join that is run. */
char *compute_plan(struct engine *engine, const struct summary *s, bool *searches) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  const struct sql_variable *v = temporary(engine, s, owner_token());
  *searches = false;
  sql_run(engine, s->kind == KIND_TIME ? "claimed_create_time" : "claimed_create_key", v);
  const char *join = s->kind == KIND_TIME ? "plan_time" : "plan_key";
  sqlite3_stmt *steps = engine_prepare(engine, sql_text(engine, join, v));
  while (engine_step(engine, steps)) {
    const char *step = (const char *)sqlite3_column_text(steps, 3);
    if (step && strncmp(step, "SEARCH q", 8) == 0 && !strstr(step, "AUTOMATIC")) *searches = true;
    sqlite3_str_appendf(out, "%s\n", step ? step : "");
  }
  engine_finalize(engine, steps);
  sql_run(engine, "claimed_drop", v);
  return engine_finish(engine, out);
}

bool compute_open(struct engine *engine, const struct summary *s, int64_t token, struct computation *c) {
  memset(c, 0, sizeof *c);
  c->summary = s;
  c->token = token;
  c->slice = 16;
  c->row_s = ROW_S;
  if (s->kind != KIND_WHOLE) compute_plan(engine, s, &c->searches);
  /* What is dirty of the parent would be computed for each slice. */
  if (s->parent &&
      engine_int(engine, sql_text(engine, "is_dirty", summary_variables(engine, s->parent))) != 0)
    c->searches = false;
  c->variables = temporary(engine, s, token);
  bool time = s->kind == KIND_TIME;
  const char *part = s->parent     ? "{part_chain}"
                     : time        ? (c->searches ? "{part_time_search}" : "{part_time_scan}")
                     : c->searches ? "{part_key_search}"
                                   : "{part_key_scan}";
  c->variables = sql_template(engine, c->variables, "part_body", part);
  if (!sql_run(engine, "rows_create", c->variables)) return false;
  return s->kind == KIND_WHOLE ||
         sql_run(engine, time ? "claimed_create_time" : "claimed_create_key", c->variables);
}

bool compute_close(struct engine *engine, struct computation *c) {
  struct failure failure = engine_suspend(engine);
  compute_by_scan(engine, c, false);
  if (c->summary->kind != KIND_WHOLE) sql_run(engine, "part_drop", c->variables);
  sql_run(engine, "rows_drop", c->variables);
  engine_resume(engine, failure); /* what could not be dropped goes with the connection */
  return engine_ok(engine);
}

/* ----------------------------------------------------------------------------------------------- compute */

/* Computes the claimed partitions number `first` to `last` together. */
static bool compute_slice(struct engine *engine, const struct sql_variable *v, int64_t first, int64_t last) {
  return sql_run_bound(engine, "slice_set", v, first, last) && sql_run(engine, "compute", v);
}

/* Slices of a size that keeps each within SLICE_S; one partition at a time where the result doesn't tell
   which row is whose; all in one where every slice would read the whole source. */
static bool compute_rows(struct engine *engine, struct computation *c, int64_t n) {
  bool shown = c->summary->partition_shown;
  if (shown && (!c->searches || !c->summary->proven)) return compute_slice(engine, c->variables, 1, n);
  if (!shown) c->slice = 1;
  for (int64_t first = 1; first <= n && engine_ok(engine);) {
    double started = engine_clock_s();
    int64_t last = first + c->slice - 1 < n ? first + c->slice - 1 : n;
    compute_slice(engine, c->variables, first, last);
    double spent_s = engine_clock_s() - started;
    bool full = last - first + 1 == c->slice;
    first = last + 1;
    if (shown && full && spent_s < SLICE_S / 2) c->slice *= 2;
    if (shown && spent_s > SLICE_S && c->slice > 1) c->slice /= 2;
  }
  return engine_ok(engine);
}

bool compute_listed(struct engine *engine, struct computation *c) {
  const struct sql_variable *v = c->variables;
  if (c->summary->kind == KIND_WHOLE) return sql_run_bound(engine, "compute_whole", v, c->token, 0);
  if (c->summary->kind == KIND_TIME) sql_run(engine, "claimed_ranges", v);
  return compute_rows(engine, c, engine_int(engine, sql_text(engine, "claimed_count", v)));
}

bool compute_by_scan(struct engine *engine, struct computation *c, bool scans) {
  const struct summary *s = c->summary;
  scanned_table_close(engine, &c->table);
  scanning_close(c->scanning);
  c->scanning = scans ? scanning_open(engine, s) : 0;
  c->row_s = c->scanning ? SCAN_ROW_S : ROW_S;
  if (!c->scanning) return engine_ok(engine);
  const char *name = engine_printf(engine, "almanac_scanned_%llx", (long long)c->token);
  c->variables = sql_literal(engine, c->variables, "scanned", name);
  return scanned_table_open(engine, c->scanning, name, sql_text(engine, "scanned_declare", c->variables),
                            &c->table);
}

/* The newest of the claimed partitions as far as memory allows; the others, or all, are free again. */
static bool scan_claimed(struct engine *engine, struct computation *c, int64_t *partitions) {
  const struct sql_variable *v = c->variables;
  int64_t claimed = *partitions;
  bool is_all = claimed >= engine_int(engine, sql_text(engine, "partitions_known", v));
  enum scanned scanned = scanning_compute(engine, c->scanning, v, is_all, partitions);
  c->scanned = scanned != SCANNED_NOTHING;
  if (!c->scanned) *partitions = 0;
  if (*partitions == claimed) return engine_ok(engine);
  sql_run_bound(engine, "scanned_rest", v, *partitions, 0);
  return engine_begin(engine) && sql_run_bound(engine, "scanned_give_back", v, c->token, 0) &&
         engine_commit(engine);
}

bool compute_claimed(struct engine *engine, struct computation *c, int64_t *partitions, int64_t *rows) {
  const struct sql_variable *v = c->variables;
  c->scanned = false;
  if (!sql_run(engine, "claimed_clear", v)) return false;
  sql_run_bound(engine, "claim_read", v, c->token, 0);
  if (c->scanning) {
    sql_run(engine, "claimed_ranges", v);
    *partitions = engine_int(engine, sql_text(engine, "claimed_count", v));
    scan_claimed(engine, c, partitions);
    *rows = c->scanned ? scanning_rows(c->scanning) : 0;
    return engine_ok(engine);
  }
  compute_listed(engine, c);
  *rows = engine_int(engine, sql_text(engine, "rows_count", v));
  return engine_ok(engine);
}

/* ----------------------------------------------------------------------------------------------- publish */

/* The stored rows have changed; `rows` and `partitions` are how many there are, in SQL. */
static bool count_version(struct engine *engine, const struct sql_variable *v, const char *rows,
                          const char *partitions) {
  v = sql_literal(engine, v, "stored_rows", rows);
  return sql_run(engine, "publish_version", sql_literal(engine, v, "stored_partitions", partitions));
}

/* Some of a batch: the claimed partitions number `first` to `last`, `all` of them or not. */
struct piece {
  int64_t first, last;
  bool all;
  int64_t published; /* partitions of which nobody has changed rows since */
  int64_t inserted;  /* rows */
};

/* Runs a section on a piece; its number where it tells one, else how many rows it has changed. */
static int64_t on_piece(struct engine *engine, const char *section, const struct computation *c,
                        const struct piece *piece) {
  sqlite3_stmt *statement = engine_prepare(engine, sql_text(engine, section, c->variables));
  if (statement) {
    sqlite3_bind_int64(statement, 1, piece->first);
    sqlite3_bind_int64(statement, 2, piece->last);
    if (sqlite3_bind_parameter_count(statement) > 2) sqlite3_bind_int64(statement, 3, c->token);
  }
  int64_t told = engine_step(engine, statement) ? sqlite3_column_int64(statement, 0) : -1;
  engine_finalize(engine, statement);
  return told >= 0 ? told : sqlite3_changes(engine->db);
}

/* Within a write transaction. */
static bool publish_piece(struct engine *engine, const struct computation *c, struct piece *piece) {
  const struct sql_variable *v = c->variables;
  int64_t before = on_piece(engine, "publish_left", c, piece);
  on_piece(engine, "publish_lost", c, piece);
  piece->published = on_piece(engine, "publish_left", c, piece);
  int64_t more_partitions = -on_piece(engine, "publish_partitions", c, piece);
  int64_t deleted = on_piece(
      engine, summary_is_clustered(c->summary) ? "publish_delete_clustered" : "publish_delete", c, piece);
  bool all = piece->all && piece->published == before && !c->scanned;
  /* The index is there already, but where some were lost. */
  if (!all && !c->scanned) sql_run(engine, "publish_index", v);
  if (all && sql_run(engine, "publish_insert_all", v))
    piece->inserted = sqlite3_changes(engine->db);
  else
    piece->inserted = on_piece(engine, c->scanned ? "publish_insert_scanned" : "publish_insert", c, piece);
  more_partitions += on_piece(engine, "publish_partitions", c, piece);
  on_piece(engine, "publish_clean", c, piece);
  return count_version(engine, v,
                       engine_printf(engine, "stored_rows+%lld", (long long)(piece->inserted - deleted)),
                       engine_printf(engine, "stored_partitions+%lld", (long long)more_partitions));
}

/* How many of the claimed partitions go into one transaction: all of them, unless it would hold the lock for
   longer than --lock-ms. */
static int64_t piece_size(const struct engine *engine, const struct computation *c, int64_t claimed,
                          int64_t rows) {
  double whole_s = (double)rows * c->row_s;
  if (whole_s <= engine->settings->lock_ms / 1000.0) return claimed;
  int64_t n = (int64_t)((double)claimed * pace_goal_s(engine) / whole_s);
  return n < 1 ? 1 : n;
}

static bool check_rows(struct engine *engine, int64_t foreign) {
  if (!engine_ok(engine) || foreign == 0) return engine_ok(engine);
  return engine_fail(engine, CODE_FAILED,
                     "rows of the result belong to none of the partitions that they were computed from");
}

bool compute_publish(struct engine *engine, struct computation *c, int64_t next, int64_t *published,
                     int64_t *taken) {
  const struct sql_variable *v = c->variables;
  int64_t claimed = engine_int(engine, sql_text(engine, "claimed_last", v));
  int64_t computed =
      c->scanned ? scanning_rows(c->scanning) : engine_int(engine, sql_text(engine, "rows_count", v));
  int64_t n = piece_size(engine, c, claimed, computed);
  struct piece piece = {.last = 0, .all = n == claimed};
  *published = *taken = 0;
  c->worked_s = 0;
  if (!piece.all && !c->scanned && sql_run(engine, "publish_index", v))
    check_rows(engine, engine_int(engine, sql_text(engine, "rows_foreign", v)));
  while (piece.last < claimed && engine_begin(engine)) {
    piece.first = piece.last + 1;
    piece.last = piece.last + n < claimed ? piece.last + n : claimed;
    publish_piece(engine, c, &piece);
    *published += piece.published;
    if (piece.all && piece.published == claimed) check_rows(engine, computed - piece.inserted);
    if (piece.last == claimed) *taken = claim_mark(engine, c->summary, c->token, next);
    if (!engine_commit(engine)) return false;
    if (piece.inserted >= ROWS_TOLD) c->row_s = engine->pace.held_s / (double)piece.inserted;
    c->worked_s += engine->pace.worked_s;
    n = pace_next(engine, n, engine->pace.worked_s);
  }
  return sql_run(engine, "publish_index_drop", v);
}

/* ------------------------------------------------------------------------------------------------- whole */

/* Copies or deletes rows in transactions that stay within lock_ms; `section` works on rowids ?1 to ?2. The
   stored table may be another definition's by now. */
static bool in_batches(struct engine *engine, const struct summary *s, const char *section,
                       const struct sql_variable *v, int64_t first, int64_t last) {
  int64_t n = ROWS_FIRST;
  for (int64_t from = first; from <= last && engine_ok(engine);) {
    int64_t to = from + n - 1 < last ? from + n - 1 : last;
    if (!engine_begin(engine)) return false;
    if (!catalog_has(engine, s)) return engine_fail(engine, CODE_FAILED, "it was dropped meanwhile");
    if (!sql_run_bound(engine, section, v, from, to) || !engine_commit(engine)) return false;
    from = to + 1;
    n = pace_next(engine, n, engine->pace.worked_s);
  }
  return engine_ok(engine);
}

bool compute_whole(struct engine *engine, struct computation *c, int64_t *rows) {
  const struct sql_variable *v =
      sql_literal(engine, c->variables, "token", engine_printf(engine, "%lld", (long long)c->token));
  if (!engine_exec(engine, "BEGIN")) return false;
  compute_listed(engine, c);
  if (!engine_commit(engine)) return false;
  *rows = engine_int(engine, sql_text(engine, "rows_count", v));
  /* Older generations, dead ones' among them, lie before ours. */
  int64_t older = engine_int(engine, sql_text(engine, "stored_last", v));
  if (!in_batches(engine, c->summary, "whole_insert", v, 1, *rows) || !engine_begin(engine)) return false;
  sql_run(engine, "whole_flip", v);
  if (engine_ok(engine) && sqlite3_changes(engine->db) > 0)
    count_version(engine, v, engine_printf(engine, "%lld", (long long)*rows), "1");
  if (!engine_commit(engine)) return false;
  return in_batches(engine, c->summary, "whole_delete", v,
                    engine_int(engine, sql_text(engine, "stored_first", v)), older);
}

/* ------------------------------------------------------------------------------------------------- proof */

static char *comparable(struct engine *engine, const struct summary *s) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_columns; i++)
    sqlite3_str_appendf(
        out, "%sCASE typeof(\"%w\") WHEN 'real' THEN printf('%%.12g', \"%w\") ELSE quote(\"%w\") END AS c%d",
        i ? ", " : "", s->columns[i].name, s->columns[i].name, s->columns[i].name, (int)i);
  return engine_finish(engine, out);
}

static char *comparable_names(struct engine *engine, const struct summary *s) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_columns; i++) sqlite3_str_appendf(out, "%sc%d", i ? ", " : "", (int)i);
  return engine_finish(engine, out);
}

static bool prove(struct engine *engine, struct computation *c, int *partitions, char **disproof) {
  const struct summary *s = c->summary;
  const struct sql_variable *v = sql_literal(engine, c->variables, "comparable", comparable(engine, s));
  v = sql_literal(engine, v, "comparable_columns", comparable_names(engine, s));
  sql_run(engine, s->kind == KIND_TIME ? "prove_list_time" : "prove_list_key", v);
  if (s->kind == KIND_TIME) sql_run(engine, "claimed_ranges", v);
  *partitions = (int)engine_int(engine, sql_text(engine, "claimed_count", v));
  if (*partitions < PROOF_PARTITIONS || !engine_ok(engine)) return engine_ok(engine);
  /* Together, then each alone. */
  compute_slice(engine, v, 1, *partitions);
  sql_run(engine, "prove_keep", v);
  for (int i = 1; i <= *partitions && engine_ok(engine); i++) {
    compute_slice(engine, v, i, i);
    if (engine_int(engine, sql_text(engine, "prove_foreign",
                                    sql_literal(engine, v, "i", engine_printf(engine, "%d", i)))) != 0)
      *disproof = engine_printf(engine, "rows computed from one partition carry another one's %s",
                                s->kind == KIND_TIME ? "bucket" : "key");
  }
  if (!*disproof && engine_int(engine, sql_text(engine, "prove_differs", v)) != 0)
    *disproof = "it is not the sum of its partitions: computed for three of them together it differs from "
                "each computed alone "
                "(a total, a window or a LIMIT over all rows?)";
  return engine_ok(engine);
}

bool compute_prove(struct engine *engine, const struct summary *s, int *partitions, char **disproof) {
  struct computation c;
  *partitions = 0;
  *disproof = 0;
  /* One snapshot for all of it; apply has its transaction open already. */
  bool alone = sqlite3_get_autocommit(engine->db) != 0;
  if (alone && !engine_exec(engine, "BEGIN")) return false;
  if (compute_open(engine, s, owner_token(), &c)) prove(engine, &c, partitions, disproof);
  compute_close(engine, &c);
  if (alone && !engine_commit(engine)) engine_rollback(engine);
  return engine_ok(engine);
}
