#include "tool/engine/zoom_cells.h"
#include "tool/engine/sql_text.h"
#include <string.h>

enum { SIDE_MIN = 8, SIDE_MAX = 4096 };
enum { CELLS, EXTENT }; /* levels in the catalog */

/* ---------------------------------------------------------------------------------------------------- size */

static bool is_side(int64_t side) {
  return side >= SIDE_MIN && side <= SIDE_MAX && (side & (side - 1)) == 0;
}

/* A number up to `SIDE_MAX` at the text's start; 0 if there is none. */
static int64_t read_side(const char **text) {
  int64_t side = 0;
  while (**text == ' ') ++*text;
  while (**text >= '0' && **text <= '9' && side <= SIDE_MAX) side = side * 10 + *(*text)++ - '0';
  while (**text == ' ') ++*text;
  return side;
}

bool zoom_cells_levels(struct engine *engine, const char *size, struct zoom *zoom) {
  const char *at = size;
  int64_t nx = read_side(&at), ny = 0;
  if (*at == 'x' || *at == 'X') {
    at++;
    ny = read_side(&at);
  }
  if (*at || !is_side(nx) || !is_side(ny))
    return engine_fail(
        engine, CODE_FAILED,
        "WITH (zoom_cells = '%s'): write the finest grid's columns and rows, powers of two from "
        "%d to %d, as in '1024x1024'",
        size, SIDE_MIN, SIDE_MAX);
  zoom->unit = engine_printf(engine, "cells");
  zoom->levels[CELLS] = (struct zoom_level){.name = engine_printf(engine, "%s_cells", zoom->name),
                                            .width_text = engine_printf(engine, "%dx%d", (int)nx, (int)ny),
                                            .width = nx,
                                            .phase = ny};
  zoom->levels[EXTENT] = (struct zoom_level){.name = engine_printf(engine, "%s_extent", zoom->name),
                                             .width_text = engine_printf(engine, "extent")};
  zoom->n_levels = 2;
  return engine_ok(engine);
}

/* --------------------------------------------------------------------------------------------------- texts */

/* The format for each key, with its number for %d, its name for %w, its item for %s: one after the other. */
static char *for_keys(struct engine *engine, const struct zoom_select *select, const char *format) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i + 2 < select->n; i++) {
    for (const char *at = format; *at; at++) {
      if (*at != '%')
        sqlite3_str_appendchar(out, 1, *at);
      else if (*++at == 'd')
        sqlite3_str_appendf(out, "%d", (int)i + 1);
      else if (*at == 'w')
        sqlite3_str_appendf(out, "\"%w\"", select->names[i]);
      else if (*at == 'c')
        sqlite3_str_appendf(out, "\"%w\"", select->columns[i]);
      else
        sqlite3_str_appendall(out, select->items[i]);
    }
  }
  return engine_finish(engine, out);
}

/* Without the ", " at its start. */
static char *listed(struct engine *engine, const struct zoom_select *select, const char *format) {
  char *list = for_keys(engine, select, format);
  return list && *list ? list + 2 : list;
}

/* How the summary is kept: by its keys, its rows in the order of its first columns; or whole, with an index. */
static char *options(struct engine *engine, const struct zoom_select *select, bool is_cells) {
  size_t n_keys = select->n - 2;
  const char *source = select->source->name;
  if (n_keys > 0)
    return engine_printf(engine, "WITH (zoom_key = %d, source = %Q, partition = %Q)",
                         (int)n_keys + (is_cells ? 3 : 0), source, listed(engine, select, ", %c"));
  return engine_printf(engine, is_cells ? "WITH (index = 'level, iy, ix')" : "");
}

/* The grids that are made of the one below, and one arm for each grid. */
static const struct sql_variable *grids(struct engine *engine, const struct sql_variable *v,
                                        const struct zoom_level *finest) {
  sqlite3_str *levels = sqlite3_str_new(engine->db), *arms = sqlite3_str_new(engine->db);
  int64_t nx = finest->width, ny = finest->phase;
  for (int i = 1;; i++, nx /= 2, ny /= 2) {
    const struct sql_variable *here = sql_literal(engine, v, "i", engine_printf(engine, "%d", i));
    here = sql_literal(engine, here, "below", engine_printf(engine, "%d", i - 1));
    here = sql_literal(engine, here, "level", engine_printf(engine, "%d", (int)nx));
    if (i > 1) sqlite3_str_appendf(levels, ",\n%s", sql_text(engine, "zoom_cells_level", here));
    sqlite3_str_appendf(arms, "%s%s", i > 1 ? "\n UNION ALL " : "", sql_text(engine, "zoom_cells_arm", here));
    if (nx / 2 < SIDE_MIN || ny / 2 < SIDE_MIN) break;
  }
  v = sql_literal(engine, v, "levels", engine_finish(engine, levels));
  return sql_literal(engine, v, "arms", engine_finish(engine, arms));
}

char *zoom_cells_level(struct engine *engine, const struct zoom_select *select, const struct zoom *zoom,
                       size_t i) {
  const struct zoom_level *finest = &zoom->levels[CELLS];
  int n_keys = (int)select->n - 2;
  const struct sql_variable *v = sql_literal(engine, 0, "level_name", quoted(engine, zoom->levels[i].name));
  v = sql_literal(engine, v, "options", options(engine, select, i == CELLS));
  v = sql_literal(engine, v, "from", select->from);
  v = sql_literal(engine, v, "where", select->where);
  v = sql_literal(engine, v, "x", select->items[n_keys]);
  v = sql_literal(engine, v, "y", select->items[n_keys + 1]);
  v = sql_literal(engine, v, "nx", engine_printf(engine, "%d", (int)finest->width));
  v = sql_literal(engine, v, "ny", engine_printf(engine, "%d", (int)finest->phase));
  v = sql_literal(engine, v, "k", for_keys(engine, select, "almanac_k%d, "));
  v = sql_literal(engine, v, "key_items", for_keys(engine, select, "%s, "));
  v = sql_literal(engine, v, "key_names", for_keys(engine, select, "almanac_k%d AS %w, "));
  v = sql_literal(engine, v, "key_conditions", for_keys(engine, select, " AND %s IS NOT NULL"));
  v = sql_literal(engine, v, "partition_by",
                  n_keys ? engine_printf(engine, "PARTITION BY %s", listed(engine, select, ", %s")) : "");
  v = sql_literal(engine, v, "grouped", for_keys(engine, select, "%d, "));
  v = sql_literal(engine, v, "iy", engine_printf(engine, "%d", n_keys + 1));
  v = sql_literal(engine, v, "ix", engine_printf(engine, "%d", n_keys + 2));
  v = sql_literal(engine, v, "group",
                  n_keys ? engine_printf(engine, " GROUP BY %s", listed(engine, select, ", %s")) : "");
  if (i == EXTENT) return sql_text(engine, "zoom_extent", v);
  return sql_text(engine, "zoom_cells", grids(engine, v, finest));
}
