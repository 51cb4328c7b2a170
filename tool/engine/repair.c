#include "tool/engine/repair.h"
#include "tool/engine/capture.h"
#include "tool/engine/claim.h"
#include "tool/engine/declare.h"
#include <string.h>

/* ------------------------------------------------------------------------------------------- definitions */

static bool keep_renamed(struct engine *engine, const struct summary *s) {
  return engine_exec(engine, engine_printf(
                                 engine, "UPDATE almanac_summary SET definition=%Q, source=%Q WHERE id=%lld",
                                 s->definition, s->source ? s->source->name : 0, (long long)s->id)) &&
         capture_rename(engine, s);
}

/* Declared anew it would lose what is stored of rows that are pruned. */
static bool keeps_frozen(struct engine *engine, struct summary *s) {
  if (!s->outdated || !declare_holds_frozen(engine, s)) return false;
  s->outdated = false;
  s->broken =
      engine_printf(engine,
                    "the schema has changed since it was declared: %s. Rebuilt it would lose what is stored "
                    "of rows that are "
                    "pruned: change the schema back or, if that is meant, almanac drop it and apply it again",
                    s->whole_reason ? s->whole_reason : "it gives other columns or partitions than it did");
  return true;
}

/* Declares the summary again, and the other outdated ones of its track, which goes with its old types. Where that fails they
   stay broken, and say why. */
static bool declare_outdated(struct engine *engine, struct catalog *catalog, struct summary *first) {
  struct summary **group = engine_alloc(engine, (catalog->n + 1) * sizeof *group),
                 **before = engine_alloc(engine, (2 * catalog->n + 1) * sizeof *before); /* it may grow */
  size_t n = 0, n_before = catalog->n;
  if (!before || !group || !engine_exec(engine, "SAVEPOINT almanac_outdated")) return false;
  memcpy(before, catalog->summaries, n_before * sizeof *before);
  for (size_t i = 0; i < n_before; i++)
    if (before[i] == first || (before[i]->outdated && first->track && before[i]->track == first->track &&
                               !keeps_frozen(engine, before[i])))
      group[n++] = before[i];
  if (!declare_again(engine, catalog, group, n) && !engine->of_moment) {
    char *error = engine_recover(engine, 0);
    engine_exec(engine, "ROLLBACK TO almanac_outdated");
    catalog->summaries = before;
    catalog->n = n_before;
    catalog_keep_version(engine, catalog);
    for (size_t i = 0; i < n; i++) {
      group[i]->outdated = false;
      group[i]->broken = engine_printf(engine, "%s; edit the definition and almanac apply it",
                                       error ? error : "out of memory");
    }
    sqlite3_free(error);
  }
  return engine_exec(engine, "RELEASE almanac_outdated");
}

/* Not once a table is gone that it looks into. */
static bool has_status(struct engine *engine) {
  engine_finalize(engine, engine_prepare(engine, "SELECT * FROM almanac_status"));
  if (engine_ok(engine) || engine->of_moment) return engine_ok(engine);
  sqlite3_free(engine_recover(engine, 0));
  return false;
}

bool repair_definitions(struct engine *engine, struct catalog *catalog) {
  bool changed = !has_status(engine);
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    struct summary *s = catalog->summaries[i];
    if (s->broken) continue;
    if (s->renamed && !keep_renamed(engine, s)) return false;
    if (s->rebound && !claim_unfill(engine, s)) return false;
    changed |= s->renamed || s->rebound;
    s->renamed = s->rebound = false;
  }
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    if (!catalog->summaries[i]->outdated || keeps_frozen(engine, catalog->summaries[i])) continue;
    declare_outdated(engine, catalog, catalog->summaries[i]);
    changed = true;
    i = (size_t)-1; /* the catalog is another now */
  }
  return changed ? declare_arm(engine, catalog) : engine_ok(engine);
}

/* Are its triggers there, and its name? */
static bool is_armed(struct engine *engine, const struct summary *s) {
  return s->broken || (source_object(engine, s->name, 0) == OBJECT_VIEW && capture_holds(engine, s));
}

bool repair_capture(struct engine *engine, struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n; i++)
    if (!is_armed(engine, catalog->summaries[i])) return declare_arm(engine, catalog);
  return engine_ok(engine);
}

/* ------------------------------------------------------------------------------------------------- shapes */

/* Did a time come that is not of the track's shape? In a track of numbers only text instead of numbers
 * counts. */
static bool is_suspect(struct engine *engine, const struct summary *s) {
  const struct sql_variable *v = summary_variables(engine, s);
  return engine_int(engine,
                    sql_text(engine, s->shape.is_text ? "is_suspect_text" : "is_suspect_number", v)) != 0;
}

static bool has_other_shape(struct engine *engine, const struct summary *s) {
  struct time_shape now;
  if (!time_shape_detect(engine, s->source, s->time, &now)) {
    if (engine->of_moment) return false;
    sqlite3_free(engine_recover(engine, 0)); /* numbers and text: the list of partitions will say so */
    return false;
  }
  now.fraction = s->shape.fraction; /* any number of digits is regular */
  if (strcmp(time_shape_text(engine, &now), time_shape_text(engine, &s->shape)) == 0) return false;
  /* Another shape of some rows only would be no better. */
  const struct sql_variable *v = shape_variables(engine, summary_variables(engine, s), &now);
  return engine_int(engine, sql_text(engine, "irregular_rows_scan", v)) == 0;
}

/* All summaries of the track, which goes with its old shape. */
static bool rebuild_track(struct engine *engine, struct catalog *catalog, int64_t track) {
  struct summary **doomed = engine_alloc(engine, (catalog->n + 1) * sizeof *doomed);
  size_t n = 0;
  for (size_t i = 0; doomed && i < catalog->n; i++)
    if (catalog->summaries[i]->kind == KIND_TIME && catalog->summaries[i]->track == track &&
        !catalog->summaries[i]->shape.is_guess)
      doomed[n++] = catalog->summaries[i];
  return declare_again(engine, catalog, doomed, n);
}

static bool list_again(struct engine *engine, struct catalog *catalog, int64_t track) {
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i]->track == track && !catalog->summaries[i]->broken)
      claim_unfill(engine, catalog->summaries[i]);
  return engine_exec(
      engine, engine_printf(engine, "UPDATE almanac_track SET irregular=0 WHERE id=%lld", (long long)track));
}

bool repair_shapes(struct engine *engine, struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    const struct summary *s = catalog->summaries[i];
    if (s->broken || s->kind != KIND_TIME) continue;
    if (!s->track && !s->shape.is_guess)
      return rebuild_track(engine, catalog, 0) && repair_shapes(engine, catalog);
    if (!s->track || !is_suspect(engine, s)) continue;
    /* Frozen rows can't be computed again: they stay as they are, and numbers have no other spelling. */
    if (s->frozen && !s->shape.is_text) continue;
    /* A rebuilt catalog is looked through from its start. */
    if (s->frozen || !has_other_shape(engine, s))
      list_again(engine, catalog, s->track);
    else
      return rebuild_track(engine, catalog, s->track) && repair_shapes(engine, catalog);
  }
  return engine_ok(engine);
}
