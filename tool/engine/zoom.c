#include "tool/engine/zoom.h"
#include "tool/engine/declare.h"
#include <string.h>

/* ------------------------------------------------------------------------------------------------- loading */

static void read_levels(struct engine *engine, struct zoom *zoom) {
  sqlite3_stmt *rows = engine_prepare(
      engine,
      engine_printf(
          engine,
          "SELECT name, width_text, width, phase FROM almanac_zoom_level WHERE zoom=%Q ORDER BY level",
          zoom->name));
  while (zoom->n_levels < ZOOM_LEVELS_MAX && engine_step(engine, rows)) {
    struct zoom_level *level = &zoom->levels[zoom->n_levels++];
    *level = (struct zoom_level){.name = engine_column(engine, rows, 0),
                                 .width_text = engine_column(engine, rows, 1),
                                 .width = sqlite3_column_int64(rows, 2),
                                 .phase = sqlite3_column_int64(rows, 3)};
    level->is_number = strspn(level->width_text, "0123456789") == strlen(level->width_text);
  }
  engine_finalize(engine, rows);
}

static bool append(struct engine *engine, struct catalog *catalog, struct zoom *zoom) {
  catalog->zooms = engine_grow(engine, catalog->zooms, &catalog->n_zooms, sizeof *catalog->zooms);
  if (catalog->zooms) catalog->zooms[catalog->n_zooms++] = zoom;
  return engine_ok(engine);
}

bool zoom_load(struct engine *engine, struct catalog *catalog) {
  if (source_object(engine, "almanac_zoom", 0) != OBJECT_TABLE) return engine_ok(engine);
  sqlite3_stmt *rows = engine_prepare(
      engine, "SELECT name, definition, view_sql, unit, guessed FROM almanac_zoom ORDER BY name");
  while (engine_step(engine, rows)) {
    struct zoom *zoom = engine_alloc(engine, sizeof *zoom);
    if (!zoom) break;
    zoom->name = engine_column(engine, rows, 0);
    zoom->definition = engine_column(engine, rows, 1);
    zoom->view_sql = engine_column(engine, rows, 2);
    zoom->unit = engine_column(engine, rows, 3);
    zoom->guessed = sqlite3_column_int(rows, 4) != 0;
    append(engine, catalog, zoom);
  }
  engine_finalize(engine, rows);
  for (size_t i = 0; i < catalog->n_zooms && engine_ok(engine); i++) read_levels(engine, catalog->zooms[i]);
  return engine_ok(engine);
}

struct zoom *zoom_find(const struct catalog *catalog, const char *name) {
  for (size_t i = 0; i < catalog->n_zooms; i++)
    if (sqlite3_stricmp(catalog->zooms[i]->name, name) == 0) return catalog->zooms[i];
  return 0;
}

struct zoom *zoom_of_level(const struct catalog *catalog, const char *name) {
  for (size_t i = 0; i < catalog->n_zooms; i++)
    for (size_t k = 0; k < catalog->zooms[i]->n_levels; k++)
      if (sqlite3_stricmp(catalog->zooms[i]->levels[k].name, name) == 0) return catalog->zooms[i];
  return 0;
}

bool zoom_covers(const struct catalog *catalog, const char *asked, const char *name) {
  const struct zoom *zoom = zoom_of_level(catalog, name);
  return sqlite3_stricmp(asked, name) == 0 || (zoom && sqlite3_stricmp(asked, zoom->name) == 0);
}

bool zoom_check_alone(struct engine *engine, const struct catalog *catalog, const char *name) {
  const struct zoom *zoom = zoom_of_level(catalog, name);
  if (!zoom) return true;
  return engine_fail(engine, CODE_FAILED,
                     "%s is a level of the zoom %s: drop that one, or declare it with another ladder", name,
                     zoom->name);
}

/* ------------------------------------------------------------------------------------------------- changing */

static char *text(struct engine *engine, const char *value) {
  return engine_printf(engine, "%Q", value);
}

static char *number(struct engine *engine, int64_t value) {
  return engine_printf(engine, "%lld", (long long)value);
}

static bool insert_levels(struct engine *engine, const struct zoom *zoom) {
  for (size_t i = 0; i < zoom->n_levels; i++) {
    const struct zoom_level *level = &zoom->levels[i];
    const struct sql_variable *v = sql_literal(engine, 0, "zoom", text(engine, zoom->name));
    v = sql_literal(engine, v, "level", number(engine, (int64_t)i + 1));
    v = sql_literal(engine, v, "name", text(engine, level->name));
    v = sql_literal(engine, v, "width_text", text(engine, level->width_text));
    v = sql_literal(engine, v, "width", number(engine, level->width));
    v = sql_literal(engine, v, "phase", number(engine, level->phase));
    sql_run(engine, "zoom_insert_level", v);
  }
  return engine_ok(engine);
}

bool zoom_insert(struct engine *engine, struct catalog *catalog, struct zoom *zoom, char *const *columns,
                 size_t n_columns) {
  const struct sql_variable *v = sql_literal(engine, 0, "format", number(engine, CATALOG_FORMAT_WITH_ZOOMS));
  if (source_object(engine, "almanac_zoom", 0) == OBJECT_NONE) sql_run(engine, "zoom_create", v);
  sqlite3_str *keys = sqlite3_str_new(engine->db);
  for (size_t i = 1; i + 1 < n_columns; i++) sqlite3_str_appendf(keys, "%s%Q", i > 1 ? ", " : "", columns[i]);
  v = sql_literal(engine, v, "zoom", text(engine, zoom->name));
  v = sql_literal(engine, v, "definition", text(engine, zoom->definition));
  v = sql_literal(engine, v, "view_sql", text(engine, zoom->view_sql));
  v = sql_literal(engine, v, "time", text(engine, columns[0]));
  v = sql_literal(engine, v, "keys", engine_finish(engine, keys));
  v = sql_literal(engine, v, "value", text(engine, columns[n_columns - 1]));
  v = sql_literal(engine, v, "unit", text(engine, zoom->unit));
  v = sql_literal(engine, v, "guessed", number(engine, zoom->guessed));
  return sql_run(engine, "zoom_insert", v) && insert_levels(engine, zoom) && append(engine, catalog, zoom) &&
         engine_exec(engine, zoom->view_sql);
}

bool zoom_forget(struct engine *engine, struct catalog *catalog, struct zoom *zoom) {
  size_t kept = 0;
  for (size_t i = 0; i < catalog->n_zooms; i++)
    if (catalog->zooms[i] != zoom) catalog->zooms[kept++] = catalog->zooms[i];
  catalog->n_zooms = kept;
  engine_exec(engine, engine_printf(engine, "DROP VIEW IF EXISTS \"%w\"", zoom->name));
  sql_run(engine, "zoom_forget", sql_literal(engine, 0, "zoom", text(engine, zoom->name)));
  if (kept > 0) return engine_ok(engine);
  return sql_run(engine, "zoom_drop_last", sql_literal(engine, 0, "format", number(engine, CATALOG_FORMAT)));
}

bool zoom_drop(struct engine *engine, struct catalog *catalog, struct zoom *zoom) {
  for (size_t i = zoom->n_levels; i > 0 && engine_ok(engine); i--) {
    struct summary *level = catalog_find(catalog, zoom->levels[i - 1].name);
    if (level && declare_check_unread(engine, catalog, level)) declare_drop(engine, catalog, level);
  }
  return engine_ok(engine) && zoom_forget(engine, catalog, zoom);
}

/* ------------------------------------------------------------------------------------------- pause, resume */

/* SQLite writes new names of tables and columns into the view: that is how it is to be made again. */
bool zoom_park(struct engine *engine, const struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n_zooms && engine_ok(engine); i++) {
    const char *name = catalog->zooms[i]->name;
    engine_exec(engine, engine_printf(engine,
                                      "UPDATE almanac_zoom SET view_sql=coalesce((SELECT sql FROM "
                                      "sqlite_master WHERE type='view' AND name=%Q), view_sql) WHERE name=%Q",
                                      name, name));
    engine_exec(engine, engine_printf(engine, "DROP VIEW IF EXISTS \"%w\"", name));
  }
  return engine_ok(engine);
}

bool zoom_arm(struct engine *engine, const struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n_zooms && engine_ok(engine); i++)
    if (source_object(engine, catalog->zooms[i]->name, 0) == OBJECT_NONE)
      engine_exec(engine, catalog->zooms[i]->view_sql);
  return engine_ok(engine);
}
