#include "tool/engine/refresher.h"
#include "tool/engine/bounds.h"
#include "tool/engine/claim.h"
#include "tool/engine/compute.h"
#include "tool/engine/declare.h"
#include "tool/engine/keep.h"
#include "tool/engine/live_view.h"
#include "tool/engine/owner.h"
#include "tool/engine/repair.h"
#include "tool/engine/zoom_order.h"
#include <stdlib.h>
#include <string.h>

enum {
  BUDGET_TIMES = 2, /* as many partitions as were dirty at first, and what was changed anew meanwhile */
  BUDGET_LEAST = 64,
  BATCH_FIRST = 16, /* partitions in the first batch; from there on the time that publishing takes decides */
  SCAN_SHARE = 40,  /* so many times what is dirty: where all is more, an index finds the rows faster */
  SETTLE_FIRST = 1000 /* changed partitions handed out in the first transaction: some milliseconds */
};

/* The rest of many changes, in transactions that keep nobody waiting for long. */
static bool settle_rest(struct engine *engine, struct catalog *catalog, bool more) {
  for (int64_t n = SETTLE_FIRST; more && engine_ok(engine) && !engine_stopping(engine);) {
    n = pace_next(engine, n, engine->pace.worked_s);
    if (!engine_begin(engine)) return false;
    if (!catalog_is_current(engine, catalog)) {
      engine_rollback(engine);
      return refresher_settle(engine, catalog);
    }
    claim_settle_some(engine, catalog, n, &more);
    if (!engine_commit(engine)) return false;
  }
  return engine_ok(engine);
}

bool refresher_settle(struct engine *engine, struct catalog *catalog) {
  bool more = false;
  if (!engine_begin(engine)) return false;
  if (!catalog_is_current(engine, catalog) &&
      !(catalog_require_running(engine) && catalog_load(engine, catalog)))
    return false;
  if (!repair_definitions(engine, catalog)) return false;
  for (size_t i = 0; i < catalog->n; i++) bounds_cover(engine, catalog->summaries[i]);
  if (repair_shapes(engine, catalog) && zoom_order_again(engine, catalog) && repair_capture(engine, catalog))
    claim_settle_some(engine, catalog, SETTLE_FIRST, &more);
  return engine_commit(engine) && settle_rest(engine, catalog, more);
}

static bool is_dirty(struct engine *engine, const struct summary *s) {
  return engine_int(engine, sql_text(engine, "dirty_any", summary_variables(engine, s))) != 0;
}

static int64_t read_state(struct engine *engine, const struct summary *s) {
  return engine_int(
      engine, engine_printf(engine, "SELECT state FROM almanac_summary WHERE id=%lld", (long long)s->id));
}

/* A definition turned out not to be the sum of its partitions: declared anew, it becomes whole, or an error
   where the partition was asked for. */
static bool disprove(struct engine *engine, struct catalog *catalog, struct summary *s) {
  if (!engine_begin(engine)) return false;
  if (!catalog_is_current(engine, catalog)) return engine_commit(engine); /* the next run sees to it */
  return declare_again(engine, catalog, &s, 1) && engine_commit(engine);
}

/* Its view asked of each read whether anything has changed. */
static bool keep_proof(struct engine *engine, struct catalog *catalog, struct summary *s) {
  engine_exec(engine,
              engine_printf(engine, "UPDATE almanac_summary SET proven=1 WHERE id=%lld", (long long)s->id));
  return live_view_drop(engine, s) && live_view_create(engine, s) && catalog_keep_version(engine, catalog);
}

/* Until a definition is proven, any change makes all of it dirty, and it is computed in one piece. */
static bool prove(struct engine *engine, struct catalog *catalog, struct summary *s, bool *disproved) {
  int partitions = 0;
  char *disproof = 0;
  /* The sum of what isn't the sum of its partitions would prove nothing. */
  if (!(s->parent && !s->parent->proven) && !compute_prove(engine, s, &partitions, &disproof)) return false;
  *disproved = disproof != 0;
  if (disproof) return disprove(engine, catalog, s);
  if (partitions < PROOF_PARTITIONS && !is_dirty(engine, s)) return engine_ok(engine);
  if (!engine_begin(engine)) return false;
  /* Its id may be another definition's by now. */
  if (!catalog_is_current(engine, catalog)) return engine_commit(engine);
  s->proven = partitions >= PROOF_PARTITIONS;
  if (s->proven)
    keep_proof(engine, catalog, s);
  else
    claim_unfill(engine, s);
  return engine_commit(engine);
}

/* Is all that is left of the summary in the hands of others who live? */
static bool others_have_it(struct engine *engine, const struct summary *s, int64_t token) {
  int64_t others = 0;
  char *filling = engine_string(engine, sql_text(engine, "filling", summary_variables(engine, s)));
  if (filling && owner_lives(engine, strtoll(filling, 0, 10), 0)) return true;
  if (s->kind == KIND_WHOLE || !s->track) return false;
  enum claim_left left = claim_look(engine, s, token, &others);
  /* What isn't proven is computed in one piece. */
  return left == LEFT_TAKEN || (!s->proven && others > 0);
}

/* The next partitions to compute, where the batch before has taken none along. */
static int64_t take(struct engine *engine, const struct summary *s, int64_t token, int64_t n) {
  while (engine_ok(engine) && claim_look(engine, s, token, 0) == LEFT_FREE) {
    int64_t taken = claim_take(engine, s, token, claim_share(engine, s, token, n));
    if (taken > 0) return taken;
  }
  return 0;
}

/* Why looking for the rows of what is dirty by an index is better than a scan of the table; NULL where it isn't. */
static const char *why_not_scan(struct engine *engine, const struct computation *c, int64_t total) {
  if (!c->summary->scan) return c->summary->not_scan;
  if (!c->searches) return 0;
  if (engine_int(engine, sql_text(engine, "partitions_known", c->variables)) > SCAN_SHARE * total)
    return "little has changed";
  /* Through SQL a scan would not gain much, and keep others from committing for long where there is no WAL. */
  return scanning_reads_pages(engine) ? 0 : "the file's pages can't be read";
}

/* Of what a scan can do at a time: with --jobs a share for each. */
static int64_t scan_batch(const struct engine *engine, const struct computation *c, int64_t total) {
  int64_t n = scanning_next(c->scanning), share = total / engine->settings->jobs + 1;
  return n < share ? n : share;
}

/* How many partitions the first batch has. */
static int64_t first_batch(const struct engine *engine, const struct computation *c, int64_t total) {
  if (c->scanning) return scan_batch(engine, c, total);
  /* Without an index every batch would read the whole source: do it all in one. */
  return c->searches && c->summary->proven ? BATCH_FIRST : INT64_MAX;
}

static void say_way(const struct computation *c, const char *why, struct refresh_report *report) {
  if (c->scanning) why = c->scanning->way;
  sqlite3_snprintf(sizeof report->way, report->way, "%s: %s", c->scanned ? "scan" : "sql", why);
}

/* Batch after batch until nothing is left that is ours to take. */
static bool run_batches(struct engine *engine, struct computation *c, struct refresh_report *report) {
  const struct summary *s = c->summary;
  int64_t total = engine_int(engine, sql_text(engine, "dirty_count", summary_variables(engine, s)));
  const char *why = why_not_scan(engine, c, total);
  compute_by_scan(engine, c, !why);
  int64_t n = first_batch(engine, c, total), taken = 0;
  if (report->budget == 0) report->budget = BUDGET_LEAST + BUDGET_TIMES * total;
  while (engine_ok(engine) && !engine_stopping(engine) &&
         (taken > 0 || (report->budget > 0 && (taken = take(engine, s, c->token, n)) > 0))) {
    struct arena_block *mark = engine_mark(engine);
    int64_t rows = 0, published = 0, done = taken;
    if (!compute_claimed(engine, c, &done, &rows)) break;
    if (c->scanning || !*report->way) say_way(c, why ? why : "no memory", report);
    if (c->scanning && !c->scanned) {
      compute_by_scan(engine, c, false);
      n = first_batch(engine, c, total);
      taken = 0;
      continue;
    }
    report->budget = report->budget > done ? report->budget - done : -1;
    if (c->scanning) n = scan_batch(engine, c, total);
    bool ends = engine_stopping(engine) || report->budget < 0;
    int64_t next = ends ? 0 : claim_share(engine, s, c->token, n);
    if (!compute_publish(engine, c, next, &published, &taken)) break;
    if (!c->scanning && n != INT64_MAX) n = pace_next(engine, done, c->worked_s);
    report->progress(report->context, published, total, rows);
    engine_release(engine, mark);
  }
  engine_rollback(engine);
  return taken > 0;
}

static bool run_partitions(struct engine *engine, struct catalog *catalog, struct summary *s, int64_t token,
                           struct refresh_report *report) {
  bool disproved = false;
  if (!s->track) return engine_ok(engine); /* its table is empty */
  if (!s->proven && !prove(engine, catalog, s, &disproved)) return false;
  if (disproved) {
    struct summary *anew = catalog_find(catalog, s->name);
    return anew && anew != s ? refresher_run(engine, catalog, anew, report) : engine_ok(engine);
  }
  if (read_state(engine, s) == 0) {
    if (!claim_list(engine, s, token)) return false;
    report->waits = s->state == 0;
    if (report->waits) return engine_ok(engine);
  }
  if (!keep_park(engine, catalog, s)) return false;
  if (!is_dirty(engine, s)) return engine_ok(engine);
  struct computation c;
  if (!compute_open(engine, s, token, &c)) return false;
  bool unpublished = run_batches(engine, &c, report);
  /* At once for others, who would find out by our end, else. A locked database would keep us waiting. */
  struct failure failure = engine_suspend(engine);
  if (unpublished && failure.code != CODE_LOCKED) claim_give_back(engine, s, token);
  engine_rollback(engine);
  engine_resume(engine, failure);
  report->waits = engine_ok(engine) && report->budget >= 0 && claim_look(engine, s, token, 0) != LEFT_NOTHING;
  return compute_close(engine, &c);
}

static bool run_whole(struct engine *engine, struct summary *s, int64_t token,
                      struct refresh_report *report) {
  bool taken;
  if (read_state(engine, s) != 0 || !engine_ok(engine)) return engine_ok(engine);
  if (!claim_filling(engine, s, token, &taken)) return false;
  report->waits = !taken;
  if (!taken) return true;
  struct computation c;
  int64_t rows = 0;
  if (!compute_open(engine, s, token, &c)) return false;
  if (compute_whole(engine, &c, &rows)) report->progress(report->context, 1, 1, rows);
  say_way(&c, s->not_scan, report);
  engine_rollback(engine);
  /* Not so where what it reads was found to have changed meanwhile. */
  report->waits = engine_ok(engine) && catalog_has(engine, s) && read_state(engine, s) == 0;
  return compute_close(engine, &c);
}

bool refresher_run(struct engine *engine, struct catalog *catalog, struct summary *s,
                   struct refresh_report *report) {
  report->waits = false;
  if (report->budget < 0) return engine_ok(engine);
  if (s->broken) return engine_fail(engine, CODE_FAILED, "%s", s->broken);
  int64_t token = owner_token();
  report->waits = others_have_it(engine, s, token);
  if (report->waits || !engine_ok(engine)) return engine_ok(engine);
  owner_take(engine, token);
  bool good = s->kind == KIND_WHOLE ? run_whole(engine, s, token, report)
                                    : run_partitions(engine, catalog, s, token, report);
  owner_release(engine, token);
  return good;
}
