/* See cells.h. */
#include "ext/pyramid/cells.h"
#include "ext/kernel/density_grid.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  FOUND_NAME,
  FOUND_X,
  FOUND_KEYS,
  FOUND_Y,
  FOUND_ID,
  FOUND_SUMMARY,
  FOUND_WHOLE,
  FOUND_TRACK,
  FOUND_GENERATION,
  FOUND_PAUSED
};

static const char find_sql[] =
    "SELECT z.name, z.time, z.keys, z.value, s.id, s.name, s.kind='whole', s.track, s.generation,"
    " (SELECT value FROM main.almanac_setting WHERE name='paused') FROM main.almanac_zoom z"
    " JOIN main.almanac_zoom_level l ON l.zoom=z.name JOIN main.almanac_summary s ON s.name=l.name"
    " WHERE z.name=?1 AND z.unit='cells' ORDER BY l.level";

#define FINITE "BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"

/* ---- Statements ---- */

/* Prepares the text and binds the keys; NULL with the call's error. */
static sqlite3_stmt *prepare(struct cells_call *cells, sqlite3_str *sql) {
  struct pyramid_call *call = &cells->call;
  sqlite3_stmt *statement = NULL;
  char *text = sqlite3_str_finish(sql);
  if (call->rc == SQLITE_OK)
    pyramid_check(call,
                  text ? sqlite3_prepare_v2(cells->zooms.db, text, -1, &statement, NULL) : SQLITE_NOMEM);
  sqlite3_free(text);
  if (statement && pyramid_bind_keys(call, statement)) return statement;
  sqlite3_finalize(statement);
  return NULL;
}

/* Is there a row? False at the end, and with the call's error. */
static bool step(struct cells_call *cells, sqlite3_stmt *statement) {
  if (!statement || cells->call.rc != SQLITE_OK) return false;
  int rc = sqlite3_step(statement);
  return pyramid_check(&cells->call, rc) && rc == SQLITE_ROW;
}

static void put_keys(const struct cells_call *cells, sqlite3_str *sql) {
  const struct pyramid *zoom = cells->call.zoom;
  for (int key = 0; key < zoom->n_keys; key++)
    sqlite3_str_appendf(sql, " AND s.\"%w\"=?%d", zoom->keys[key], key + 1);
}

/* The data set's stored rows; of a whole summary those of the generation that counts. */
static void put_stored(const struct cells_call *cells, sqlite3_str *sql,
                       const struct cells_summary *summary) {
  sqlite3_str_appendf(sql, " FROM main.\"%w_stored\" s WHERE 1", summary->name);
  put_keys(cells, sql);
  if (summary->is_whole) sqlite3_str_appendf(sql, " AND s.almanac_generation=%lld", summary->generation);
}

/* Its raw rows. */
static void put_raw(const struct cells_call *cells, sqlite3_str *sql) {
  sqlite3_str_appendf(sql, " FROM main.\"%w\" s WHERE 1", cells->call.zoom->name);
  put_keys(cells, sql);
}

/* ---- The catalog ---- */

static char *copy_column(struct cells_call *cells, sqlite3_stmt *row, int column) {
  const char *text = (const char *)sqlite3_column_text(row, column);
  char *copy = text ? sqlite3_mprintf("%s", text) : NULL;
  if (!copy) pyramid_check(&cells->call, SQLITE_NOMEM);
  return copy;
}

static bool read_zoom(struct cells_call *cells, sqlite3_stmt *row) {
  struct pyramid_call *call = &cells->call;
  struct pyramid *zoom = sqlite3_malloc(sizeof *zoom);
  if (!zoom) return pyramid_check(call, SQLITE_NOMEM);
  *zoom = (struct pyramid){0};
  call->zoom = zoom;
  zoom->name = copy_column(cells, row, FOUND_NAME);
  zoom->time = copy_column(cells, row, FOUND_X);
  zoom->value = copy_column(cells, row, FOUND_Y);
  if (call->rc != SQLITE_OK) return false;
  if (sqlite3_column_int(row, FOUND_PAUSED))
    return pyramid_fail(call, "%s is paused, and so is every summary: almanac resume ends that", zoom->name);
  const char *keys = (const char *)sqlite3_column_text(row, FOUND_KEYS);
  return keys ? pyramid_read_keys(call, zoom, keys) : pyramid_check(call, SQLITE_NOMEM);
}

static void read_summary(struct cells_call *cells, sqlite3_stmt *row, struct cells_summary *summary) {
  *summary = (struct cells_summary){.id = sqlite3_column_int64(row, FOUND_ID),
                                    .track = sqlite3_column_int64(row, FOUND_TRACK),
                                    .generation = sqlite3_column_int64(row, FOUND_GENERATION),
                                    .is_whole = sqlite3_column_int(row, FOUND_WHOLE) != 0,
                                    .name = copy_column(cells, row, FOUND_SUMMARY)};
}

static bool find(struct cells_call *cells, sqlite3_value *given) {
  struct pyramid_call *call = &cells->call;
  const char *name = pyramid_name(call, given, true);
  sqlite3_stmt *found = NULL;
  if (!name) return false;
  pyramid_check(call, sqlite3_prepare_v2(cells->zooms.db, find_sql, -1, &found, NULL));
  if (found) pyramid_check(call, sqlite3_bind_text(found, 1, name, -1, SQLITE_STATIC));
  if (step(cells, found) && read_zoom(cells, found)) {
    read_summary(cells, found, &cells->grids);
    if (step(cells, found)) read_summary(cells, found, &cells->ranges);
  }
  sqlite3_finalize(found);
  if (call->rc == SQLITE_OK && !call->zoom) return pyramid_unknown(call, name, true);
  return call->rc == SQLITE_OK && (cells->ranges.name || pyramid_unknown(call, name, true));
}

/* ---- The data set ---- */

/* Is the summary in order, and the data set in none of the lists of changes? */
static void put_trust(const struct cells_call *cells, sqlite3_str *sql, const struct cells_summary *summary) {
  sqlite3_str_appendf(sql, " AND (SELECT ok FROM main.almanac_ok_%lld)", summary->id);
  if (summary->is_whole) return;
  sqlite3_str_appendf(sql, " AND NOT EXISTS(SELECT 1 FROM main.almanac_region_%lld WHERE 1", summary->track);
  for (int key = 1; key <= cells->call.zoom->n_keys; key++)
    sqlite3_str_appendf(sql, " AND k%d=?%d", key, key);
  sqlite3_str_appendf(sql, ") AND NOT EXISTS(SELECT 1 FROM main.almanac_dirty_%lld WHERE 1", summary->id);
  for (int key = 1; key <= cells->call.zoom->n_keys; key++)
    sqlite3_str_appendf(sql, " AND p%d=?%d", key, key);
  sqlite3_str_appendf(sql, ")");
}

static bool look(struct cells_call *cells) {
  sqlite3_str *sql = sqlite3_str_new(cells->zooms.db);
  sqlite3_str_appendf(sql, "SELECT 1");
  put_trust(cells, sql, &cells->grids);
  put_trust(cells, sql, &cells->ranges);
  sqlite3_stmt *trust = prepare(cells, sql);
  cells->stored = step(cells, trust) && sqlite3_column_int(trust, 0);
  sqlite3_finalize(trust);
  return cells->call.rc == SQLITE_OK;
}

/* From the stored rows, or from the raw ones. */
bool cells_measure(struct cells_call *cells) {
  if (cells->measured) return true;
  const struct pyramid *zoom = cells->call.zoom;
  sqlite3_str *sql = sqlite3_str_new(cells->zooms.db);
  if (cells->stored) {
    sqlite3_str_appendf(sql, "SELECT x0, x1, y0, y1, n, nx, ny");
    put_stored(cells, sql, &cells->ranges);
  } else {
    const char *x = zoom->time, *y = zoom->value;
    sqlite3_str_appendf(
        sql, "SELECT min(\"%w\")+0.0, max(\"%w\")+0.0, min(\"%w\")+0.0, max(\"%w\")+0.0, count(*), 0, 0", x,
        x, y, y);
    put_raw(cells, sql);
    sqlite3_str_appendf(sql, " AND s.\"%w\" " FINITE " AND +s.\"%w\" " FINITE, x, y);
  }
  sqlite3_stmt *row = prepare(cells, sql);
  double *range = cells->range;
  if (step(cells, row) && sqlite3_column_int64(row, 4) > 0) {
    for (int i = 0; i < 4; i++) range[i] = sqlite3_column_double(row, i);
    cells->n = sqlite3_column_int64(row, 4);
    cells->nx = sqlite3_column_int64(row, 5);
    cells->ny = sqlite3_column_int64(row, 6);
  } else {
    memcpy(range, (double[]){0, 1, 0, 1}, sizeof cells->range);
  }
  sqlite3_finalize(row);
  density_grid_widen(&range[0], &range[1]);
  density_grid_widen(&range[2], &range[3]);
  return cells->measured = cells->call.rc == SQLITE_OK;
}

/* ---- The call ---- */

bool cells_begin(struct cells_call *cells, sqlite3 *db, const char *function, sqlite3_value *name,
                 sqlite3_value *key) {
  *cells = (struct cells_call){.zooms = {.db = db, .function = function}};
  cells->call.zooms = &cells->zooms;
  return pyramid_hold(&cells->call) && find(cells, name) && pyramid_take_key(&cells->call, key) &&
         look(cells) && (!cells->stored || cells_measure(cells));
}

void cells_end(struct cells_call *cells) {
  if (cells->call.zoom) pyramid_free(cells->call.zoom);
  sqlite3_free(cells->grids.name);
  sqlite3_free(cells->ranges.name);
  pyramid_end(&cells->call);
  pyramids_free(&cells->zooms);
}

/* ---- Reading ---- */

/* A row of cells after the other: each is a stretch of the stored table. */
bool cells_read(struct cells_call *cells, int64_t side, const int64_t x[2], const int64_t y[2],
                cells_take take, void *state) {
  struct pyramid_call *call = &cells->call;
  int n_keys = call->zoom->n_keys;
  sqlite3_str *sql = sqlite3_str_new(cells->zooms.db);
  sqlite3_str_appendf(sql, "SELECT ix, n");
  put_stored(cells, sql, &cells->grids);
  sqlite3_str_appendf(sql, " AND s.level=%lld AND s.ix>=%lld AND s.ix<%lld AND s.iy=?%d", (long long)side,
                      (long long)x[0], (long long)x[1], n_keys + 1);
  sqlite3_stmt *row = prepare(cells, sql);
  for (int64_t iy = y[0]; row && iy < y[1] && call->rc == SQLITE_OK; iy++) {
    if (!pyramid_check(call, sqlite3_bind_int64(row, n_keys + 1, iy))) break;
    while (step(cells, row)) take(state, sqlite3_column_int64(row, 0), iy, sqlite3_column_int64(row, 1));
    sqlite3_reset(row);
  }
  sqlite3_finalize(row);
  return call->rc == SQLITE_OK;
}

/* An integer of more than 53 bits that is beside an end may be on it as a double. */
bool cells_read_points(struct cells_call *cells, const double range[4], cells_point take, void *state) {
  struct pyramid_call *call = &cells->call;
  const char *x = call->zoom->time, *y = call->zoom->value;
  int n_keys = call->zoom->n_keys;
  sqlite3_str *sql = sqlite3_str_new(cells->zooms.db);
  sqlite3_str_appendf(sql, "SELECT s.\"%w\", s.\"%w\"", x, y);
  put_raw(cells, sql);
  sqlite3_str_appendf(sql, " AND s.\"%w\" BETWEEN ?%d AND ?%d AND s.\"%w\" BETWEEN ?%d AND ?%d", x,
                      n_keys + 1, n_keys + 2, y, n_keys + 3, n_keys + 4);
  sqlite3_stmt *row = prepare(cells, sql);
  for (int i = 0; row && i < 4; i++) {
    double end = nextafter(range[i], i % 2 ? INFINITY : -INFINITY);
    pyramid_check(call, sqlite3_bind_double(row, n_keys + 1 + i, isfinite(end) ? end : range[i]));
  }
  while (step(cells, row)) take(state, sqlite3_column_double(row, 0), sqlite3_column_double(row, 1));
  sqlite3_finalize(row);
  return call->rc == SQLITE_OK;
}
