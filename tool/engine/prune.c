#include "tool/engine/prune.h"
#include "tool/engine/boundary.h"
#include "tool/engine/claim.h"
#include "tool/engine/declare.h"
#include "tool/engine/keep.h"
#include "tool/engine/retention.h"
#include <string.h>

enum {
  ROWS_FIRST = 500, /* deleted by the first transaction; from there on the time that it takes decides */
  ROWS_MIN = 50,    /* below it a transaction takes its time for other things */
  SETTLE = 1000,    /* changed partitions handed out at once */
};

static const int64_t all_rows = INT64_MAX;

/* One track, while it is pruned. */
struct pruning {
  int64_t track;
  struct boundaries boundaries;
  const struct summary *any;    /* the first of its summaries that read the raw rows */
  const struct sql_variable *v; /* of that one */
  struct moment cutoff; /* the boundary before which raw rows may go; none where there is nothing to do */
  struct moment frozen; /* the boundary before which they are frozen */
  bool walks;           /* the source has an index on the time */
  bool unsettled;       /* changes are left to be handed out first */
};

int64_t *prune_tracks(struct engine *engine, const struct catalog *catalog, size_t *n) {
  int64_t *tracks = engine_alloc(engine, (catalog->n + 1) * sizeof *tracks);
  *n = 0;
  for (size_t i = 0; tracks && i < catalog->n; i++) {
    const struct summary *s = catalog->summaries[i];
    bool known = !s->track || s->kind != KIND_TIME || !(s->frozen || s->keep_raw.text);
    for (size_t k = 0; k < *n; k++) known |= tracks[k] == s->track;
    if (!known) tracks[(*n)++] = s->track;
  }
  return tracks;
}

/* ------------------------------------------------------------------------------------------- who needs them */

static bool refuse_others(struct engine *engine, const struct catalog *catalog, const struct pruning *p) {
  const char *source = p->any->source->name;
  for (size_t i = 0; i < catalog->n; i++) {
    const struct summary *s = catalog->summaries[i];
    if ((s->track == p->track && s->kind == KIND_TIME) || s->shape.is_guess || !summary_reads(s, source))
      continue;
    bool joins = !s->source || sqlite3_stricmp(s->source->name, source) != 0;
    return engine_fail(
        engine, CODE_FAILED,
        "%s is computed from all rows of %s (%s), so that none may go; summarize them by the same time, or "
        "drop it",
        s->name, source,
        s->kind == KIND_WHOLE ? "it is whole"
        : joins               ? "in a join"
        : s->kind == KIND_KEY ? "its partition is a key"
                              : "by another time");
  }
  return engine_ok(engine);
}

static bool refuse_own(struct engine *engine, const struct pruning *p, const struct summary *s,
                       const struct sql_variable *v) {
  const char *source = p->any->source->name;
  if (s->n_tables > 0)
    return engine_fail(
        engine, CODE_FAILED,
        "%s reads %s beside %s: a change there would need all rows of %s again; say WITH (static = %s) if "
        "it doesn't matter",
        s->name, s->tables[0], source, source, s->tables[0]);
  if (!s->proven)
    return engine_fail(
        engine, CODE_FAILED,
        "%s is not proven to be the sum of its partitions yet; refresh it once there are rows in three",
        s->name);
  if (s->grain.scale != p->any->grain.scale)
    return engine_fail(engine, CODE_FAILED, "%s and %s read %s.%s in different units", p->any->name, s->name,
                       source, s->time);
  if (engine_int(engine, sql_text(engine, "prune_ok", v)) == 0 && engine_ok(engine))
    return engine_fail(
        engine, CODE_FAILED,
        "the stored rows of %s can't be relied on now; run almanac refresh, which says why or repairs it",
        s->name);
  return engine_ok(engine);
}

/* Of a summary that can't be derived nobody knows what it needs. */
static bool refuse_broken(struct engine *engine, const struct catalog *catalog, int64_t track) {
  char *source = engine_string(
      engine, engine_printf(engine, "SELECT source FROM almanac_track WHERE id=%lld", (long long)track));
  for (size_t i = 0; i < catalog->n && source; i++) {
    const struct summary *s = catalog->summaries[i];
    const struct sql_variable *v =
        sql_literal(engine, 0, "id", engine_printf(engine, "%lld", (long long)s->id));
    v = sql_literal(engine, v, "source_text", engine_printf(engine, "%Q", source));
    if (s->broken && (s->track == track || engine_int(engine, sql_text(engine, "prune_needs", v)) != 0))
      return engine_fail(engine, CODE_FAILED, "%s reads its rows and fails: %s", s->name, s->broken);
  }
  return engine_ok(engine);
}

/* Fails where a summary needs the raw rows. */
static bool refuse(struct engine *engine, const struct catalog *catalog, const struct pruning *p) {
  if (!refuse_others(engine, catalog, p)) return false;
  for (size_t i = 0; i < p->boundaries.n; i++)
    if (!refuse_own(engine, p, p->boundaries.summaries[i], p->boundaries.variables[i])) return false;
  return true;
}

/* --------------------------------------------------------------------------------------------- how far it goes */

/* The wall clock less the longest keep_raw, back to a boundary. */
static struct moment find_cutoff(struct engine *engine, const struct catalog *catalog,
                                 const struct pruning *p) {
  struct moment none = {.type = SQLITE_NULL};
  int64_t oldest_s = INT64_MAX;
  for (size_t i = 0; i < catalog->n; i++) {
    const struct summary *s = catalog->summaries[i];
    if (s->track != p->track || s->kind != KIND_TIME || !s->keep_raw.text) continue;
    int64_t at_s = retention_cutoff_s(engine, &s->keep_raw);
    if (at_s < oldest_s) oldest_s = at_s;
  }
  if (oldest_s == INT64_MAX || !engine_ok(engine)) return none;
  return boundary_floor(engine, &p->boundaries, boundary_of_seconds(engine, &p->boundaries, oldest_s));
}

/* The boundary below which all is closed and stored, at most the cutoff. */
static struct moment find_limit(struct engine *engine, const struct pruning *p) {
  struct moment limit = p->cutoff;
  struct moment tail = moment_ask(engine, "prune_tail", p->v, 0, 0);
  if (moment_less(&tail, &limit)) limit = tail;
  struct moment changed = moment_ask(engine, "prune_first_changed", p->v, 0, 0);
  if (changed.type != SQLITE_NULL && moment_less(&changed, &limit)) limit = changed;
  for (size_t i = 0; i < p->boundaries.n; i++) {
    struct moment dirty = moment_ask(engine, "prune_first_dirty", p->boundaries.variables[i], 0, 0);
    if (dirty.type != SQLITE_NULL && moment_less(&dirty, &limit)) limit = dirty;
  }
  if (limit.type == SQLITE_NULL || !moment_less(&limit, &p->cutoff)) return limit;
  return boundary_floor(engine, &p->boundaries, limit);
}

/* The next boundary to freeze: about `n` raw rows are before it. None where nothing is left to do. */
static struct moment find_next(struct engine *engine, const struct pruning *p, int64_t n) {
  const struct moment none = {.type = SQLITE_NULL};
  if (p->cutoff.type == SQLITE_NULL) return none;
  struct moment limit = find_limit(engine, p);
  if (limit.type == SQLITE_NULL || !engine_ok(engine)) return none;
  if (p->frozen.type != SQLITE_NULL && !moment_less(&p->frozen, &limit)) return none;
  struct moment oldest = moment_ask(engine, "prune_oldest", p->v, &limit, 0);
  if (oldest.type == SQLITE_NULL) return none;
  if (!p->walks || n == all_rows) return limit;
  struct moment nth = moment_ask(engine, "prune_nth", p->v, &limit, n);
  if (nth.type == SQLITE_NULL) return limit;
  struct moment next = boundary_floor(engine, &p->boundaries, nth);
  if (next.type != SQLITE_NULL && moment_less(&oldest, &next)) return next;
  return boundary_next(engine, &p->boundaries, oldest, limit);
}

/* -------------------------------------------------------------------------------------------------- pruning */

static bool delete_rows(struct engine *engine, const struct pruning *p, int64_t n, int64_t *deleted) {
  const struct sql_variable *v = sql_literal(engine, p->v, "row_id", source_row_id(engine, p->any->source));
  v = sql_template(engine, v, "in_order", p->walks ? " ORDER BY {time}" : "");
  if (!sql_run(engine, "prune_cover", v)) return false;
  moment_ask(engine, "prune_delete", v, 0, n);
  *deleted = engine_ok(engine) ? sqlite3_changes(engine->db) : 0;
  return sql_run(engine, "prune_uncover", v);
}

static void close_pruning(struct engine *engine, struct pruning *p) {
  struct failure failure = engine_suspend(engine);
  boundaries_close(engine, &p->boundaries);
  engine_resume(engine, failure);
}

static bool open_pruning(struct engine *engine, const struct catalog *catalog, struct pruning *p) {
  boundaries_close(engine, &p->boundaries);
  p->any = 0;
  if (!refuse_broken(engine, catalog, p->track)) return false;
  if (!boundaries_open(engine, catalog, p->track, &p->boundaries)) return false;
  if (p->boundaries.n == 0) return true;
  p->any = p->boundaries.summaries[0];
  p->v = p->boundaries.variables[0];
  char *time = p->any->time;
  p->walks = source_has_index(engine, p->any->source, &time, 1);
  return engine_ok(engine);
}

static bool freeze(struct engine *engine, struct catalog *catalog, struct pruning *p, struct moment before) {
  moment_ask(engine, "prune_freeze", p->v, &before, 0);
  for (size_t i = 0; i < p->boundaries.n; i++) sql_run(engine, "prune_unlist", p->boundaries.variables[i]);
  p->frozen = before;
  if (p->any->frozen || !engine_ok(engine)) return engine_ok(engine);
  /* From now on its views say which time is frozen. */
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i]->track == p->track && !catalog->summaries[i]->parent)
      catalog->summaries[i]->frozen = true;
  return declare_arm(engine, catalog) && open_pruning(engine, catalog, p);
}

/* Nobody needs the raw rows; how far do they go? */
static bool look(struct engine *engine, const struct catalog *catalog, struct pruning *p) {
  if (!refuse(engine, catalog, p)) return false;
  p->cutoff = find_cutoff(engine, catalog, p);
  p->frozen = moment_ask(engine, "prune_frozen", p->v, 0, 0);
  return engine_ok(engine);
}

/* Within a write transaction: all is settled, and nobody needs the raw rows. */
static bool settle(struct engine *engine, struct catalog *catalog, struct pruning *p) {
  bool current = catalog_is_current(engine, catalog);
  if (!current && !(catalog_require_running(engine) && catalog_load(engine, catalog))) return false;
  if (!claim_settle_some(engine, catalog, SETTLE, &p->unsettled)) return false;
  if ((!current || !p->any) && !open_pruning(engine, catalog, p)) return false;
  return !p->any || look(engine, catalog, p); /* none where all were dropped meanwhile */
}

/* One transaction; *deleted gets the number of raw rows. */
static bool prune_some(struct engine *engine, struct catalog *catalog, struct pruning *p, int64_t n,
                       int64_t *deleted) {
  *deleted = 0;
  if (!settle(engine, catalog, p) || !p->any || p->unsettled) return engine_ok(engine);
  bool left =
      p->frozen.type != SQLITE_NULL && moment_ask(engine, "prune_left", p->v, &p->frozen, 0).integer != 0;
  if (left) return delete_rows(engine, p, n, deleted);
  struct moment next = find_next(engine, p, n);
  if (next.type == SQLITE_NULL || !engine_ok(engine)) return engine_ok(engine);
  return freeze(engine, catalog, p, next) && delete_rows(engine, p, n, deleted);
}

static bool describe(struct engine *engine, const struct pruning *p, const struct moment *before,
                     struct prune_report *report) {
  if (!p->any) return engine_ok(engine);
  report->source = engine_printf(engine, "%s", p->any->source->name);
  if (before->type == SQLITE_NULL) return engine_ok(engine);
  report->before = boundary_shown(engine, &p->boundaries, before);
  report->before_value = before->type == SQLITE_TEXT ? engine_printf(engine, "%Q", before->text)
                         : before->type == SQLITE_INTEGER
                             ? engine_printf(engine, "%lld", (long long)before->integer)
                             : engine_printf(engine, "%.17g", before->real);
  return engine_ok(engine);
}

/* Stored rows of frozen time. */
static bool delete_unkept(struct engine *engine, const struct catalog *catalog, int64_t track,
                          struct prune_report *report) {
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    int64_t deleted = 0;
    if (catalog->summaries[i]->track == track)
      keep_delete_frozen(engine, catalog, catalog->summaries[i], &deleted);
    report->stored_rows += deleted;
  }
  return engine_ok(engine);
}

bool prune_track(struct engine *engine, struct catalog *catalog, int64_t track, struct prune_report *report) {
  struct pruning p = {.track = track};
  int64_t n = ROWS_FIRST, deleted = 1;
  memset(report, 0, sizeof *report);
  while ((deleted > 0 || p.unsettled) && engine_ok(engine) && !engine_stopping(engine)) {
    if (!engine_begin(engine)) break;
    if (!prune_some(engine, catalog, &p, n, &deleted) || !engine_commit(engine)) break;
    report->rows += deleted;
    n = pace_next(engine, n, engine->pace.held_s);
    if (n < ROWS_MIN) n = ROWS_MIN;
  }
  describe(engine, &p, &p.frozen, report);
  close_pruning(engine, &p);
  return delete_unkept(engine, catalog, track, report);
}

bool prune_preview(struct engine *engine, const struct catalog *catalog, int64_t track,
                   struct prune_report *report) {
  struct pruning p = {.track = track};
  memset(report, 0, sizeof *report);
  if (!open_pruning(engine, catalog, &p) || !p.any) return false;
  report->source = engine_printf(engine, "%s", p.any->source->name);
  struct moment before = {.type = SQLITE_NULL};
  if (engine_exec(engine, "BEGIN") && look(engine, catalog, &p)) before = find_next(engine, &p, all_rows);
  if (before.type == SQLITE_NULL) before = p.frozen;
  describe(engine, &p, &before, report);
  if (before.type != SQLITE_NULL) report->rows = moment_ask(engine, "prune_count", p.v, &before, 0).integer;
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i]->track == track)
      report->stored_rows += keep_count_frozen(engine, catalog, catalog->summaries[i]);
  engine_rollback(engine);
  close_pruning(engine, &p);
  return engine_ok(engine);
}
