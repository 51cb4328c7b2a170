#include "tool/engine/verify.h"
#include "tool/engine/chain.h"
#include "tool/engine/claim.h"
#include "tool/engine/compare.h"
#include "tool/engine/compute.h"
#include "tool/engine/owner.h"
#include "tool/engine/partition_list.h"
#include <string.h>

#define WAL_READ_S 0.5 /* what one read transaction should take where it is in nobody's way */

enum {
  BATCH_FIRST = 16, /* partitions in the first batch */
  MARK_BATCH = 5000 /* partitions marked in one write transaction: some milliseconds */
};

struct verifying {
  struct engine *engine;
  const struct catalog *catalog;
  const struct summary *summary;
  const struct verify_choice *choice;
  struct verify_report *report;
  struct computation computation;
  const struct sql_variable *variables;
  double read_s;             /* what a read transaction should take at most */
  const char *found_section; /* where the comparison under way puts what it finds */
};

/* ------------------------------------------------------------------------------------------------ variables */

/* `format` for each result column, joined: %n its number from 1, %c its quoted name. */
static char *for_columns(struct engine *engine, const struct summary *s, const char *format) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_columns; i++) {
    if (i > 0) sqlite3_str_appendall(out, ", ");
    for (const char *at = format; *at; at++) {
      if (*at != '%')
        sqlite3_str_appendchar(out, 1, *at);
      else if (*++at == 'n')
        sqlite3_str_appendf(out, "%d", (int)i + 1);
      else
        sqlite3_str_appendf(out, "\"%w\"", s->columns[i].name);
    }
  }
  return engine_finish(engine, out);
}

static const struct sql_variable *temporary(struct engine *engine, const struct computation *c) {
  const struct summary *s = c->summary;
  const struct sql_variable *v = c->variables;
  static const char *const tables[] = {"list", "todo", "seen", "differing", "lower"};
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
    v = sql_literal(engine, v, tables[i],
                    engine_printf(engine, "almanac_%s_%llx", tables[i], (long long)c->token));
  static const struct {
    const char *name, *format;
  } lists[] = {
      {"cells", "c%n"},
      {"row_cells", "r.%c"},
      {"cells_binary", "c%n COLLATE BINARY"},
      {"cells_kinds", "CASE typeof(c%n) WHEN 'real' THEN NULL ELSE c%n END COLLATE BINARY"},
      {"cells_scales", "max(CASE typeof(r.%c) WHEN 'real' THEN abs(r.%c) END)"},
  };
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
    v = sql_literal(engine, v, lists[i].name, for_columns(engine, s, lists[i].format));
  v = sql_literal(engine, v, "select_live", s->select_live);
  v = sql_template(engine, v, "is_partition", s->kind == KIND_TIME ? "{is_start p=m.p1}" : "1");
  v = sql_template(engine, v, "is_clean", s->kind == KIND_TIME ? "{clean_bucket}" : "{clean_key}");
  return sql_template(engine, v, "is_frozen", s->kind == KIND_TIME ? "{frozen_bucket}" : "0");
}

/* ----------------------------------------------------------------------------------------------- comparing */

static void on_difference(void *context, int64_t group, int64_t first_only, int64_t second_only) {
  struct verifying *v = context;
  sqlite3_stmt *insert = engine_prepare(v->engine, sql_text(v->engine, v->found_section, v->variables));
  if (insert) {
    sqlite3_bind_int64(insert, 1, group);
    sqlite3_bind_int64(insert, 2, first_only);
    sqlite3_bind_int64(insert, 3, second_only);
  }
  engine_step(v->engine, insert);
  engine_finalize(v->engine, insert);
}

/* Compares two FROM clauses, `group` telling which row belongs to which partition. */
static bool compare(struct verifying *v, const char *group, const char *one, const char *other,
                    const char *found_section) {
  struct engine *engine = v->engine;
  const struct sql_variable *sides = sql_literal(engine, v->variables, "group", group);
  sides = sql_literal(engine, sides, "one", sql_text(engine, one, v->variables));
  sides = sql_literal(engine, sides, "other", sql_text(engine, other, v->variables));
  v->found_section = found_section;
  struct comparison comparison = {.differences = sql_text(engine, "verify_differences", sides),
                                  .scales = sql_text(engine, "verify_scales", sides),
                                  .n_columns = v->summary->n_columns,
                                  .found = on_difference,
                                  .context = v};
  return compare_rows(engine, &comparison);
}

/* The name is read as its readers do, who trust the schema: with JSON's functions, say. */
static bool trust_schema(struct engine *engine, bool trust) {
  return sqlite3_db_config(engine->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, trust, 0) == SQLITE_OK;
}

/* Runs `section` for each row of `values`, whose columns are its parameters. */
static bool run_for_rows(struct verifying *v, const char *values, const char *section) {
  struct engine *engine = v->engine;
  sqlite3_stmt *rows = engine_prepare(engine, sql_text(engine, values, v->variables));
  sqlite3_stmt *statement = engine_prepare(engine, sql_text(engine, section, v->variables));
  while (engine_step(engine, rows) && statement) {
    for (int i = 0; i < sqlite3_column_count(rows); i++)
      engine_bind_value(engine, statement, i + 1, sqlite3_column_value(rows, i));
    engine_step(engine, statement);
    sqlite3_reset(statement);
  }
  engine_finalize(engine, statement);
  engine_finalize(engine, rows);
  return engine_ok(engine);
}

/* The rows that the name shows for the batch. */
static bool compare_name(struct verifying *v) {
  const struct summary *s = v->summary;
  if (!s->live || !s->partition_shown) return engine_ok(v->engine);
  trust_schema(v->engine, true);
  if (s->kind == KIND_TIME)
    run_for_rows(v, "verify_range", "verify_see_range");
  else if (sql_run(v->engine, "verify_see_keys", v->variables))
    run_for_rows(v, "verify_null_keys", "verify_see_null_keys");
  trust_schema(v->engine, false);
  return compare(v, "m.i", "verify_computed", "verify_seen", "verify_differs_shown");
}

/* ------------------------------------------------------------------------------------------------- marking */

static void report_findings(struct verifying *v, const char *section) {
  struct engine *engine = v->engine;
  bool several = v->summary->n_partition > 1;
  sqlite3_stmt *rows = engine_prepare(engine, sql_text(engine, section, v->variables));
  while (engine_step(engine, rows)) {
    char *json = engine_column(engine, rows, 4);
    struct verify_finding finding = {.summary = v->summary,
                                     .missing = sqlite3_column_int64(rows, 0),
                                     .extra = sqlite3_column_int64(rows, 1),
                                     .shown = sqlite3_column_int64(rows, 2),
                                     .partition = engine_column(engine, rows, 3),
                                     .partition_json = several && json ? engine_printf(engine, "[%s]", json)
                                                       : json          ? json
                                                                       : "null",
                                     .is_none = sqlite3_column_int(rows, 5) != 0};
    if (!engine_ok(engine)) break;
    v->report->differing++;
    v->report->found(v->report->context, &finding);
  }
  engine_finalize(engine, rows);
}

/* What was made of wrong rows: a chain's bucket that holds them, or all of a summary. */
static bool mark_readers(struct verifying *v, int64_t first, int64_t last) {
  struct engine *engine = v->engine;
  const char *claimed = sql_text(engine, "claimed_name", v->variables),
             *differing = sql_text(engine, "differing_name", v->variables);
  for (size_t i = 0; i < v->catalog->n && engine_ok(engine); i++) {
    struct summary *reader = v->catalog->summaries[i];
    if (!chain_reads(reader, v->summary) || !catalog_has(engine, reader)) continue;
    if (reader->kind != KIND_TIME || v->summary->kind != KIND_TIME) {
      claim_unfill(engine, reader);
      continue;
    }
    const struct sql_variable *theirs = summary_variables(engine, reader);
    theirs = sql_literal(engine, theirs, "claimed", claimed);
    theirs = sql_literal(engine, theirs, "differing", differing);
    sql_run_bound(engine, "verify_mark_chain", theirs, first, last);
  }
  return engine_ok(engine);
}

/* One write transaction: marks those among the batch's partitions number `first` to `last` that differ. */
static bool mark_some(struct verifying *v, int64_t first, int64_t last) {
  struct engine *engine = v->engine;
  if (!engine_begin(engine)) return false;
  if (!catalog_has(engine, v->summary)) return engine_commit(engine); /* dropped: nothing to repair */
  if (v->summary->kind == KIND_KEY) {
    sql_run_bound(engine, "verify_mark_keys", v->variables, first, last);
    sql_run_bound(engine, "verify_mark_new_keys", v->variables, first, last);
  } else {
    sql_run_bound(engine, "verify_mark_buckets", v->variables, first, last);
    sql_run_bound(engine, summary_is_clustered(v->summary) ? "verify_sweep_clustered" : "verify_sweep",
                  v->variables, first, last);
    if (engine_ok(engine) && sqlite3_changes(engine->db) > 0) sql_run(engine, "verify_swept", v->variables);
  }
  mark_readers(v, first, last);
  return engine_commit(engine);
}

/* Says what differs, then marks it: killed between the two, the next run says it again. */
static bool settle_findings(struct verifying *v, int64_t n) {
  struct engine *engine = v->engine;
  if (engine_int(engine, sql_text(engine, "verify_any", v->variables)) == 0) return engine_ok(engine);
  report_findings(v, "verify_findings");
  for (int64_t first = 1; first <= n && engine_ok(engine); first += MARK_BATCH)
    mark_some(v, first, first + MARK_BATCH - 1);
  return engine_ok(engine);
}

/* Counts the stored rows again, of which nobody knows what was done to them; not where some were published meanwhile,
   for that went by the old number. */
static bool count_again(struct verifying *v) {
  struct engine *engine = v->engine;
  enum { COUNTS = 3 };
  int64_t counts[COUNTS] = {0};
  sqlite3_stmt *count = engine_prepare(engine, sql_text(engine, "verify_count", v->variables));
  if (engine_step(engine, count))
    for (int i = 0; i < COUNTS; i++) counts[i] = sqlite3_column_int64(count, i);
  engine_finalize(engine, count); /* before anything is written: the snapshot would be an old one */
  sqlite3_stmt *update = engine_prepare(engine, sql_text(engine, "verify_counted", v->variables));
  for (int i = 0; update && i < COUNTS; i++) sqlite3_bind_int64(update, i + 1, counts[i]);
  engine_step(engine, update);
  engine_finalize(engine, update);
  return engine_ok(engine);
}

/* Likewise where all of the summary is in question. */
static bool settle_all(struct verifying *v) {
  struct engine *engine = v->engine;
  if (engine_int(engine, sql_text(engine, "verify_any", v->variables)) == 0) return engine_ok(engine);
  report_findings(v, "verify_findings_all");
  if (!engine_begin(engine)) return false;
  sql_run(engine, "unfill", v->variables);
  mark_readers(v, 1, 0);
  return engine_commit(engine);
}

/* -------------------------------------------------------------------------------------------------- batches */

static bool rows_count(struct engine *engine, const struct sql_variable *v) {
  return engine_int(engine, sql_text(engine, "verify_counts", v)) != 0;
}

static int64_t count_between(struct verifying *v, const char *section, int64_t first, int64_t last) {
  sqlite3_stmt *count = engine_prepare(v->engine, sql_text(v->engine, section, v->variables));
  if (count) {
    sqlite3_bind_int64(count, 1, first);
    sqlite3_bind_int64(count, 2, last);
  }
  int64_t n = engine_step(v->engine, count) ? sqlite3_column_int64(count, 0) : 0;
  engine_finalize(v->engine, count);
  return n;
}

/* Within a read transaction: takes those of the partitions number `first` to `last` that can be verified. */
static int64_t take(struct verifying *v, int64_t first, int64_t last) {
  struct engine *engine = v->engine;
  int64_t frozen = 0, parked = 0, taken = 0;
  if (rows_count(engine, v->variables)) {
    frozen = count_between(v, "verify_count_frozen", first, last);
    parked = count_between(v, "verify_count_parked", first, last);
    sql_run_bound(engine, "verify_take", v->variables, first, last);
    taken = engine_int(engine, sql_text(engine, "claimed_count", v->variables));
  }
  v->report->partitions += taken;
  v->report->frozen += frozen;
  v->report->parked += parked;
  v->report->dirty += last - first + 1 - taken - frozen - parked;
  return taken;
}

static bool compare_batch(struct verifying *v) {
  struct engine *engine = v->engine;
  if (!compute_listed(engine, &v->computation)) return false;
  v->report->rows += engine_int(engine, sql_text(engine, "rows_count", v->variables));
  if (engine_int(engine, sql_text(engine, "verify_foreign", v->variables)) != 0)
    return engine_fail(engine, CODE_FAILED,
                       "rows of the result belong to none of the partitions that they were computed from");
  return compare(v, "m.i", "verify_computed", "verify_stored", "verify_differs_stored") && compare_name(v);
}

static bool verify_batch(struct verifying *v, int64_t first, int64_t last) {
  struct engine *engine = v->engine;
  const struct arena_block *mark = engine_mark(engine);
  sql_run(engine, "claimed_clear", v->variables);
  sql_run(engine, "verify_clear", v->variables);
  if (!engine_exec(engine, "BEGIN")) return false;
  int64_t taken = take(v, first, last);
  if (taken > 0 && !compare_batch(v)) return false;
  if (!engine_commit(engine)) return false;
  bool good = taken == 0 || settle_findings(v, taken);
  engine_release(engine, mark);
  return good;
}

/* Batches of a size that keeps each read transaction short; without an index each would read the whole source,
   and what is not proven is computed together: then all in one. */
static bool verify_batches(struct verifying *v, int64_t total) {
  bool one_piece = !v->computation.searches || !v->summary->proven;
  int64_t n = one_piece ? total : BATCH_FIRST, first = 1;
  while (first <= total && engine_ok(v->engine) && !engine_stopping(v->engine)) {
    int64_t last = first + n - 1 < total ? first + n - 1 : total;
    double started_s = engine_clock_s();
    verify_batch(v, first, last);
    double spent_s = engine_clock_s() - started_s;
    if (v->report->progress) v->report->progress(v->report->context, last, total, v->report->rows);
    first = last + 1;
    if (!one_piece && spent_s < v->read_s / 3) n *= 2;
    if (!one_piece && spent_s > v->read_s && n > 1) n /= 2;
  }
  if (engine_ok(v->engine)) v->report->left = total - first + 1;
  return engine_ok(v->engine);
}

/* ------------------------------------------------------------------------------------------------ summaries */

/* Where a row doesn't tell its partition, the name as a whole is compared with the query. What was found so far is
   dirty by now, so that both are equal but for a mistake of ours. */
static bool verify_name(struct verifying *v) {
  struct engine *engine = v->engine;
  if (!v->summary->live || v->summary->partition_shown || v->report->left > 0 || v->choice->share < 1 ||
      v->choice->since)
    return engine_ok(engine);
  if (!sql_run(engine, "verify_clear", v->variables) || !engine_exec(engine, "BEGIN")) return false;
  trust_schema(engine, true);
  compare(v, "1", "verify_query", "verify_name", "verify_differs_shown");
  trust_schema(engine, false);
  return engine_commit(engine) && settle_all(v);
}

static bool verify_partitions(struct verifying *v) {
  struct engine *engine = v->engine;
  const struct summary *s = v->summary;
  if (!s->track) return engine_ok(engine); /* its table was empty so far: its name is its query */
  if (!sql_run(engine, "verify_create", v->variables)) return false;
  struct partition_choice choice = {
      .since = s->kind == KIND_TIME && s->proven ? v->choice->since : 0,
      .share = s->proven ? v->choice->share : 1,
      .seed = v->choice->seed,
      .read_s = v->read_s,
  };
  int64_t total = 0;
  return partition_list(engine, s, v->variables, &choice, &total) && verify_batches(v, total) &&
         (v->report->differing == 0 || count_again(v)) && verify_name(v);
}

static bool verify_whole(struct verifying *v) {
  struct engine *engine = v->engine;
  if (!engine_exec(engine, "BEGIN")) return false;
  bool counts = rows_count(engine, v->variables);
  if (counts && compute_listed(engine, &v->computation)) {
    v->report->rows = engine_int(engine, sql_text(engine, "rows_count", v->variables));
    compare(v, "1", "verify_computed_whole", "verify_stored_whole", "verify_differs_stored");
    trust_schema(engine, true);
    if (v->summary->live) compare(v, "1", "verify_computed_whole", "verify_name", "verify_differs_shown");
    trust_schema(engine, false);
  }
  v->report->partitions = counts;
  v->report->dirty = !counts;
  return engine_commit(engine) && settle_all(v);
}

/* Where writers have to wait for readers, these are as short as --lock-ms says. */
static double read_max_s(struct engine *engine) {
  char *mode = engine_string(engine, "PRAGMA journal_mode");
  return mode && strcmp(mode, "wal") == 0 ? WAL_READ_S : engine->settings->lock_ms / 1000.0;
}

bool verify_run(struct engine *engine, const struct catalog *catalog, const struct summary *s,
                const struct verify_choice *choice, struct verify_report *report) {
  struct verifying v = {
      .engine = engine, .catalog = catalog, .summary = s, .choice = choice, .report = report};
  if (s->broken) return engine_fail(engine, CODE_FAILED, "%s", s->broken);
  v.read_s = read_max_s(engine);
  if (compute_open(engine, s, owner_token(), &v.computation)) {
    v.variables = temporary(engine, &v.computation);
    sql_run(engine, "verify_create_differing", v.variables);
    if (s->kind == KIND_WHOLE)
      verify_whole(&v);
    else
      verify_partitions(&v);
    engine_rollback(engine);
    struct failure failure = engine_suspend(engine);
    sql_run(engine, "verify_drop", v.variables);
    engine_resume(engine, failure);
  }
  return compute_close(engine, &v.computation);
}
