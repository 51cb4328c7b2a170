/*
** Which stored rows count. The engine keeps it in tables (tool/README.md, "The tables"): almanac_ok_S tells whether any
** of a summary's do, and of those that it is made of; of the track's region the last row is the tail, the others are changes since the last claim;
** almanac_dirty_S has a summary's changed buckets. What is due in a level is due in every coarser one. Before the time at
** which `prune` has frozen the track there are no raw rows, and the finest level counts whatever the rest says.
*/
#include "ext/pyramid/pyramid.h"

enum { TRUST_FROZEN, TRUST_TAIL, TRUST_TAIL_END, TRUST_LEVELS };

static sqlite3_stmt *prepare(struct pyramid_call *call, sqlite3_str *sql) {
  sqlite3_stmt *statement = NULL;
  char *text = sqlite3_str_finish(sql);
  int rc = text ? sqlite3_prepare_v3(call->zooms->db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL)
                : SQLITE_NOMEM;
  pyramid_check(call, rc);
  sqlite3_free(text);
  return statement;
}

static bool prepare_trust(struct pyramid_call *call) {
  struct pyramid *zoom = call->zoom;
  if (zoom->trust) return true;
  sqlite3_str *sql = sqlite3_str_new(call->zooms->db);
  sqlite3_str_appendf(sql,
                      "SELECT (SELECT frozen_before FROM main.almanac_track WHERE id=%lld), r.lo, r.hi, CASE",
                      zoom->track);
  for (int level = zoom->n_levels; level > 0; level--)
    sqlite3_str_appendf(sql, " WHEN (SELECT ok FROM main.almanac_ok_%lld) THEN %d", zoom->levels[level].id,
                        level);
  sqlite3_str_appendf(sql,
                      " END FROM (SELECT 1) LEFT JOIN"
                      " (SELECT lo, hi FROM main.almanac_region_%lld ORDER BY lo DESC LIMIT 1) r",
                      zoom->track);
  zoom->trust = prepare(call, sql);
  return zoom->trust != NULL;
}

/* The tails of the levels from the track's; false where there is none. */
static bool take_tail(struct pyramid_call *call, sqlite3_stmt *trust) {
  int64_t tail;
  if (sqlite3_column_type(trust, TRUST_TAIL_END) != SQLITE_BLOB ||
      !pyramid_axis_mark(&call->zoom->axis, trust, TRUST_TAIL, &tail))
    return false;
  for (int level = 1; level <= call->zoom->n_levels; level++)
    call->layers[level].tail = pyramid_floor(call->layers[level].grid, tail);
  return true;
}

static void take_frozen(struct pyramid_call *call, sqlite3_stmt *trust) {
  struct pyramid_layer *finest = &call->layers[1];
  call->raw_from = PYRAMID_LEAST;
  if (!pyramid_axis_mark(&call->zoom->axis, trust, TRUST_FROZEN, &call->raw_from)) return;
  int64_t frozen = pyramid_floor(finest->grid, call->raw_from);
  if (!call->usable) finest->tail = frozen;
  if (finest->tail < frozen) finest->tail = frozen;
  if (!call->usable) call->usable = call->looked = 1; /* and nothing below the tail is due */
}

bool pyramid_look(struct pyramid_call *call) {
  struct pyramid *zoom = call->zoom;
  if (!prepare_trust(call)) return false;
  for (int level = 1; level <= zoom->n_levels; level++) call->layers[level].grid = zoom->levels[level].grid;
  if (call->rc == SQLITE_OK && pyramid_check(call, sqlite3_step(zoom->trust))) {
    if (take_tail(call, zoom->trust)) call->usable = sqlite3_column_int(zoom->trust, TRUST_LEVELS);
    take_frozen(call, zoom->trust);
  }
  return pyramid_check(call, sqlite3_reset(zoom->trust));
}

/* ---- What is due ---- */

static bool prepare_region(struct pyramid_call *call) {
  struct pyramid *zoom = call->zoom;
  if (zoom->region) return true;
  sqlite3_str *sql = sqlite3_str_new(call->zooms->db);
  sqlite3_str_appendf(sql,
                      "SELECT lo, hi FROM main.almanac_region_%lld WHERE lo>=coalesce((SELECT max(lo) FROM"
                      " main.almanac_region_%lld WHERE lo<=?1), ?1) AND lo<=?2 AND typeof(hi)<>'blob'",
                      zoom->track, zoom->track);
  zoom->region = prepare(call, sql);
  return zoom->region != NULL;
}

static bool prepare_dirty(struct pyramid_call *call, struct pyramid_level *level) {
  if (level->dirty) return true;
  sqlite3_str *sql = sqlite3_str_new(call->zooms->db);
  sqlite3_str_appendf(sql, "SELECT p1 FROM main.almanac_dirty_%lld WHERE p1>=?1 AND p1<=?2", level->id);
  level->dirty = prepare(call, sql);
  return level->dirty != NULL;
}

static bool bind_range(struct pyramid_call *call, sqlite3_stmt *statement) {
  const struct pyramid_axis *axis = &call->zoom->axis;
  return pyramid_check(call, pyramid_axis_bind(axis, statement, 1, call->range.first)) &&
         pyramid_check(call, pyramid_axis_bind(axis, statement, 2, call->range.end));
}

/* A mark that can't be read widens the span: what isn't known is due. */
static void add_due(struct pyramid_call *call, struct pyramid_spans *spans, int64_t from, int64_t to) {
  pyramid_spans_add(spans, from > call->raw_from ? from : call->raw_from, to);
}

static bool read_region(struct pyramid_call *call) {
  const struct pyramid_axis *axis = &call->zoom->axis;
  if (!prepare_region(call) || !bind_range(call, call->zoom->region)) return false;
  sqlite3_stmt *region = call->zoom->region;
  int rc;
  while ((rc = sqlite3_step(region)) == SQLITE_ROW) {
    int64_t from, to;
    if (!pyramid_axis_mark(axis, region, 0, &from)) from = PYRAMID_LEAST;
    if (!pyramid_axis_mark(axis, region, 1, &to)) to = PYRAMID_MOST;
    add_due(call, &call->layers[1].due, from, to);
  }
  pyramid_check(call, rc);
  sqlite3_reset(region);
  return call->rc == SQLITE_OK;
}

/* Of frozen time the finest level is not due; coarser ones may be. */
static bool read_dirty(struct pyramid_call *call, int level) {
  struct pyramid_level *l = &call->zoom->levels[level];
  struct pyramid_spans *due = &call->layers[level].due;
  if (!prepare_dirty(call, l) || !bind_range(call, l->dirty)) return false;
  int rc;
  while ((rc = sqlite3_step(l->dirty)) == SQLITE_ROW) {
    int64_t from;
    bool known = pyramid_axis_mark(&call->zoom->axis, l->dirty, 0, &from);
    int64_t to = known ? from + l->grid.width : PYRAMID_MOST;
    if (!known) from = PYRAMID_LEAST;
    if (level == 1)
      add_due(call, due, from, to);
    else
      pyramid_spans_add(due, from, to);
  }
  pyramid_check(call, rc);
  sqlite3_reset(l->dirty);
  return call->rc == SQLITE_OK;
}

bool pyramid_look_at(struct pyramid_call *call, int level) {
  while (call->looked < level && call->rc == SQLITE_OK) {
    int next = call->looked + 1;
    struct pyramid_layer *layer = &call->layers[next];
    const struct pyramid_spans *finer = &call->layers[next - 1].due;
    for (size_t i = 0; i < finer->n; i++)
      pyramid_spans_add(&layer->due, finer->items[i].from, finer->items[i].to);
    if ((next == 1 && !read_region(call)) || !read_dirty(call, next)) return false;
    pyramid_spans_align(&layer->due, layer->grid);
    if (layer->due.failed) return pyramid_check(call, SQLITE_NOMEM);
    call->looked = next;
  }
  return call->rc == SQLITE_OK;
}
