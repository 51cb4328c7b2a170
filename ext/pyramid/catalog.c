/* Which zooms there are: the tables that the tool keeps (almanac_zoom, almanac_zoom_level), and what is made of them. */
#include "ext/function/function.h"
#include "ext/kernel/json_read.h"
#include "ext/kernel/time_text.h"
#include "ext/pyramid/pyramid.h"
#include <string.h>

enum {
  FOUND_NAME,
  FOUND_TIME,
  FOUND_KEYS,
  FOUND_VALUE,
  FOUND_UNIT,
  FOUND_TRACK,
  FOUND_SHAPE,
  FOUND_ID,
  FOUND_LEVEL,
  FOUND_WIDTH_TEXT,
  FOUND_WIDTH,
  FOUND_PHASE,
  FOUND_PAUSED,
  FOUND_COLUMNS
};

static const char find_sql[] =
    "SELECT z.name, z.time, z.keys, z.value, z.unit, t.id, t.shape, s.id, s.name, l.width_text, l.width,"
    " l.phase, (SELECT value FROM main.almanac_setting WHERE name='paused') FROM main.almanac_zoom z JOIN "
    "main.almanac_zoom_level l ON l.zoom=z.name"
    " JOIN main.almanac_summary s ON s.name=l.name AND s.kind='time'"
    " JOIN main.almanac_track t ON t.id=s.track WHERE z.name=?1 ORDER BY l.level";

/* ---- Freeing ---- */

void pyramid_free(struct pyramid *zoom) {
  for (int level = 0; level <= PYRAMID_LEVELS_MAX; level++) {
    struct pyramid_level *l = &zoom->levels[level];
    for (int question = 0; question < PYRAMID_QUESTIONS; question++) sqlite3_finalize(l->questions[question]);
    sqlite3_finalize(l->dirty);
    sqlite3_free(l->name);
    sqlite3_free(l->width_text);
  }
  for (int key = 0; key < zoom->n_keys; key++) sqlite3_free(zoom->keys[key]);
  sqlite3_finalize(zoom->trust);
  sqlite3_finalize(zoom->region);
  sqlite3_free(zoom->identity);
  sqlite3_free(zoom->name);
  sqlite3_free(zoom->time);
  sqlite3_free(zoom->value);
  sqlite3_free(zoom);
}

void pyramids_free(struct pyramids *zooms) {
  while (zooms->list) {
    struct pyramid *zoom = zooms->list;
    zooms->list = zoom->next;
    pyramid_free(zoom);
  }
  sqlite3_finalize(zooms->find);
  sqlite3_finalize(zooms->hold);
  zooms->find = zooms->hold = NULL;
}

/* ---- Making ---- */

static char *copy_column(struct pyramid_call *call, sqlite3_stmt *row, int column) {
  const char *text = (const char *)sqlite3_column_text(row, column);
  char *copy = sqlite3_mprintf("%s", text ? text : "");
  if (!copy) pyramid_check(call, SQLITE_NOMEM);
  return copy;
}

bool pyramid_read_keys(struct pyramid_call *call, struct pyramid *zoom, const char *json) {
  struct json_reader reader = {.text = json, .length = strlen(json)};
  size_t count = 0;
  if (json_peek(&reader) == JSON_ARRAY) json_enter(&reader);
  while (json_more(&reader, ']', &count) && zoom->n_keys < PYRAMID_KEYS_MAX) {
    struct json_text name = {0};
    json_read_string(&reader, &name);
    char *copy = name.failed ? NULL : sqlite3_mprintf("%.*s", (int)name.length, name.length ? name.text : "");
    json_free(&name);
    if (!copy) return pyramid_check(call, SQLITE_NOMEM);
    zoom->keys[zoom->n_keys++] = copy;
  }
  return !reader.problem ||
         pyramid_fail(call, "almanac_zoom has no list of keys for %s: almanac apply makes it anew",
                      zoom->name);
}

static bool fail_paused(struct pyramid_call *call, const char *name) {
  return pyramid_fail(call, "%s is paused, and so is every summary: almanac resume ends that", name);
}

static bool read_zoom(struct pyramid_call *call, struct pyramid *zoom, sqlite3_stmt *row) {
  zoom->name = copy_column(call, row, FOUND_NAME);
  zoom->time = copy_column(call, row, FOUND_TIME);
  zoom->value = copy_column(call, row, FOUND_VALUE);
  zoom->track = sqlite3_column_int64(row, FOUND_TRACK);
  if (call->rc != SQLITE_OK) return false;
  if (sqlite3_column_int(row, FOUND_PAUSED)) return fail_paused(call, zoom->name);
  const char *shape = (const char *)sqlite3_column_text(row, FOUND_SHAPE);
  const char *unit = (const char *)sqlite3_column_text(row, FOUND_UNIT);
  if (!pyramid_axis_read(&zoom->axis, shape, unit))
    return pyramid_fail(call, "the times of %s are of an unknown shape: the extension is older than the tool",
                        zoom->name);
  const char *keys = (const char *)sqlite3_column_text(row, FOUND_KEYS);
  return keys ? pyramid_read_keys(call, zoom, keys) : pyramid_check(call, SQLITE_NOMEM);
}

static bool read_level(struct pyramid_call *call, struct pyramid *zoom, sqlite3_stmt *row) {
  if (zoom->n_levels == PYRAMID_LEVELS_MAX) return true; /* the coarsest are not needed to be right */
  struct pyramid_level *level = &zoom->levels[++zoom->n_levels];
  level->id = sqlite3_column_int64(row, FOUND_ID);
  level->name = copy_column(call, row, FOUND_LEVEL);
  level->width_text = copy_column(call, row, FOUND_WIDTH_TEXT);
  level->grid = (struct pyramid_grid){.width = sqlite3_column_int64(row, FOUND_WIDTH),
                                      .phase = sqlite3_column_int64(row, FOUND_PHASE)};
  if (level->grid.width < 1)
    return pyramid_fail(call, "level %s of %s has no width: almanac apply makes it anew", level->name,
                        zoom->name);
  level->grid.phase = time_floor_mod(level->grid.phase, level->grid.width);
  return call->rc == SQLITE_OK;
}

/* ---- Finding ---- */

/* What tells of every row that was found. */
static bool add_identity(sqlite3_str *identity, sqlite3_stmt *row) {
  for (int column = 0; column < FOUND_COLUMNS; column++)
    sqlite3_str_appendf(identity, "%Q,", sqlite3_column_text(row, column));
  return sqlite3_str_errcode(identity) == SQLITE_OK;
}

static struct pyramid *cached(struct pyramids *zooms, const char *identity) {
  for (struct pyramid *zoom = zooms->list; zoom; zoom = zoom->next)
    if (strcmp(zoom->identity, identity) == 0) return zoom;
  return NULL;
}

static void drop_stale(struct pyramids *zooms, const char *name) {
  for (struct pyramid **at = &zooms->list; *at;) {
    struct pyramid *zoom = *at;
    if (sqlite3_stricmp(zoom->name, name) != 0) {
      at = &zoom->next;
      continue;
    }
    *at = zoom->next;
    pyramid_free(zoom);
  }
}

/* Makes the zoom of the rows of `find`, which is at its start. */
static struct pyramid *make_zoom(struct pyramid_call *call, sqlite3_stmt *find, char *identity) {
  struct pyramid *zoom = sqlite3_malloc(sizeof *zoom);
  if (!zoom) {
    pyramid_check(call, SQLITE_NOMEM);
    return NULL;
  }
  *zoom = (struct pyramid){.identity = identity};
  while (call->rc == SQLITE_OK) {
    int rc = sqlite3_step(find);
    if (!pyramid_check(call, rc) || rc == SQLITE_DONE) break;
    if (zoom->name || read_zoom(call, zoom, find)) read_level(call, zoom, find);
  }
  if (call->rc == SQLITE_OK) {
    drop_stale(call->zooms, zoom->name);
    zoom->next = call->zooms->list;
    return call->zooms->list = zoom;
  }
  zoom->identity = NULL; /* the caller's */
  pyramid_free(zoom);
  return NULL;
}

/* The names of the zooms over time or space, where there are some, to be freed by sqlite3_free; and whether `name` is one
   of the other kind. */
static char *list_zooms(struct pyramid_call *call, const char *name, bool is_space, bool *is_other) {
  sqlite3_stmt *names = NULL;
  char *all = NULL;
  if (sqlite3_prepare_v2(call->zooms->db,
                         "SELECT group_concat(name, ', ') FILTER (WHERE (unit='cells')=?1),"
                         " max(name=?2 AND (unit='cells')<>?1) FROM main.almanac_zoom",
                         -1, &names, NULL) == SQLITE_OK &&
      sqlite3_bind_int(names, 1, is_space) == SQLITE_OK &&
      sqlite3_bind_text(names, 2, name, -1, SQLITE_STATIC) == SQLITE_OK &&
      sqlite3_step(names) == SQLITE_ROW) {
    const char *text = (const char *)sqlite3_column_text(names, 0);
    if (text) all = sqlite3_mprintf("%s", text);
    *is_other = sqlite3_column_int(names, 1);
  }
  sqlite3_finalize(names);
  return all;
}

bool pyramid_unknown(struct pyramid_call *call, const char *name, bool is_space) {
  bool is_other = false;
  char *all = list_zooms(call, name, is_space, &is_other);
  if (is_other)
    pyramid_fail(call, "%s is a zoom over %s: read it with %s", name, is_space ? "time" : "space",
                 is_space ? "zoom_points or zoom_buckets" : "zoom_grid");
  else if (all)
    pyramid_fail(call, "there is no zoom '%s' in the main database, but: %s", name, all);
  else
    pyramid_fail(call,
                 "there is no zoom '%s' in the main database, nor any other: declare one with almanac apply "
                 "(CREATE MATERIALIZED "
                 "VIEW ... WITH (zoom%s) AS SELECT %s FROM ...)",
                 name, is_space ? "_cells = '1024x1024'" : " = auto",
                 is_space ? "key, x, y" : "time, key, value");
  sqlite3_free(all);
  return false;
}

/* Is there a catalog of zooms at all? Asked by a new statement, which sees what the file says now. */
static bool has_catalog(struct pyramid_call *call) {
  sqlite3_stmt *table = NULL;
  int rc = sqlite3_prepare_v2(call->zooms->db, "SELECT 1 FROM main.sqlite_master WHERE name='almanac_zoom'",
                              -1, &table, NULL);
  if (rc == SQLITE_OK) rc = sqlite3_step(table);
  pyramid_check(call, rc);
  sqlite3_finalize(table);
  return rc == SQLITE_ROW;
}

const char *pyramid_name(struct pyramid_call *call, sqlite3_value *name, bool is_space) {
  const char *text =
      name && sqlite3_value_type(name) == SQLITE_TEXT ? (const char *)sqlite3_value_text(name) : NULL;
  if (!text) {
    char *shown = name ? value_for_message(name) : NULL;
    pyramid_fail(call, "the name of a zoom must be text, not %s", shown ? shown : "NULL");
    sqlite3_free(shown);
    return NULL;
  }
  if (has_catalog(call)) return text;
  pyramid_unknown(call, text, is_space);
  return NULL;
}

static bool prepare_find(struct pyramid_call *call, const char *name) {
  struct pyramids *zooms = call->zooms;
  if (!zooms->find)
    pyramid_check(call,
                  sqlite3_prepare_v3(zooms->db, find_sql, -1, SQLITE_PREPARE_PERSISTENT, &zooms->find, NULL));
  return pyramid_check(call, sqlite3_bind_text(zooms->find, 1, name, -1, SQLITE_STATIC));
}

/* What the catalog says of the zoom; NULL with the call's error. */
static char *read_identity(struct pyramid_call *call, sqlite3_stmt *find) {
  sqlite3_str *identity = sqlite3_str_new(call->zooms->db);
  int rc;
  while ((rc = sqlite3_step(find)) == SQLITE_ROW && add_identity(identity, find))
    ;
  bool empty = sqlite3_str_length(identity) == 0;
  if (sqlite3_str_errcode(identity) != SQLITE_OK) rc = SQLITE_NOMEM;
  char *text = sqlite3_str_finish(identity);
  bool fine = pyramid_check(call, rc);
  sqlite3_reset(find);
  if (fine && !empty) return text;
  sqlite3_free(text);
  return NULL;
}

/*
** A zoom over a table in which no refresh has seen a time has no track yet: what its times look like is unknown. Without
** a time in the table there is nothing to read, with one a refresh comes first. False: there is no such zoom.
*/
static bool find_waiting(struct pyramid_call *call, const char *name) {
  sqlite3_stmt *found = NULL, *timed = NULL;
  sqlite3 *db = call->zooms->db;
  pyramid_check(call,
                sqlite3_prepare_v2(db,
                                   "SELECT name, time, (SELECT value FROM main.almanac_setting WHERE"
                                   " name='paused') FROM main.almanac_zoom WHERE name=?1 AND unit<>'cells'",
                                   -1, &found, NULL));
  if (found) pyramid_check(call, sqlite3_bind_text(found, 1, name, -1, SQLITE_STATIC));
  int rc = call->rc == SQLITE_OK ? sqlite3_step(found) : call->rc;
  bool waits = pyramid_check(call, rc) && rc == SQLITE_ROW;
  if (waits && sqlite3_column_int(found, 2)) {
    fail_paused(call, name);
  } else if (waits) {
    const char *view = (const char *)sqlite3_column_text(found, 0);
    const char *time = (const char *)sqlite3_column_text(found, 1);
    char *sql = view && time
                    ? sqlite3_mprintf("SELECT 1 FROM main.\"%w\" WHERE \"%w\" IS NOT NULL", view, time)
                    : NULL;
    pyramid_check(call, sql ? sqlite3_prepare_v2(db, sql, -1, &timed, NULL) : SQLITE_NOMEM);
    sqlite3_free(sql);
    rc = call->rc == SQLITE_OK ? sqlite3_step(timed) : call->rc;
    if (pyramid_check(call, rc) && rc == SQLITE_ROW)
      pyramid_fail(call, "no refresh has seen rows of %s yet, for its table was empty: run almanac refresh",
                   view);
  }
  sqlite3_finalize(timed);
  sqlite3_finalize(found);
  return waits;
}

struct pyramid *pyramid_find(struct pyramid_call *call, sqlite3_value *name) {
  const char *text = pyramid_name(call, name, false);
  if (!text || !prepare_find(call, text)) return NULL;
  sqlite3_stmt *find = call->zooms->find;
  char *identity = read_identity(call, find);
  struct pyramid *zoom = identity ? cached(call->zooms, identity) : NULL;
  if (identity && !zoom) {
    zoom = make_zoom(call, find, identity);
    if (zoom) identity = NULL;
  }
  sqlite3_reset(find);
  sqlite3_clear_bindings(find);
  sqlite3_free(identity);
  if (!zoom && call->rc == SQLITE_OK && !find_waiting(call, text) && call->rc == SQLITE_OK)
    pyramid_unknown(call, text, false);
  return zoom;
}
