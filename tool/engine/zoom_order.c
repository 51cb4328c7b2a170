#include "tool/engine/zoom_order.h"
#include "tool/engine/declare.h"
#include "tool/engine/zoom_cells.h"
#include "tool/engine/zoom_choose.h"
#include <string.h>

/* A zoom while it is declared. */
struct declaring {
  struct order *order;
  const struct definitions *file;
  const struct statement *statement;
  struct zoom *existing; /* of that name, or NULL */
  struct zoom *zoom;     /* as it is to be */
  const char *widths, *unit, *keep_raw;
  const char *cells; /* of a zoom over space: its finest grid, else NULL */
  struct zoom_select select;
};

static const char *option(const struct statement *statement, const char *name) {
  for (size_t i = 0; i < statement->n_options; i++)
    if (strcmp(statement->options[i].name, name) == 0) return statement->options[i].value;
  return 0;
}

bool zoom_order_is(const struct statement *statement) {
  return option(statement, "zoom") || option(statement, "zoom_cells");
}

/* Puts the statement's place before what has failed. */
static bool fail_at(struct engine *engine, const struct definitions *file,
                    const struct statement *statement) {
  if (engine_ok(engine) || engine->of_moment) return false;
  int code;
  char *reason = engine_recover(engine, &code);
  engine_fail(engine, code, "%s:%d:%d: %s: %s", file->file, statement->line, statement->column,
              statement->name, reason ? reason : "out of memory");
  sqlite3_free(reason);
  return false;
}

/* -------------------------------------------------------------------------------------------------- options */

static bool read_options(struct engine *engine, struct declaring *d) {
  for (size_t i = 0; i < d->statement->n_options; i++) {
    const char *name = d->statement->options[i].name;
    if (d->cells && strcmp(name, "zoom_cells") != 0)
      return engine_fail(engine, CODE_FAILED,
                         "WITH (%s = ...): a zoom over space has the option zoom_cells alone", name);
    if (!d->cells && strcmp(name, "zoom") != 0 && strcmp(name, "unit") != 0 && strcmp(name, "keep_raw") != 0)
      return engine_fail(engine, CODE_FAILED,
                         "WITH (%s = ...): a zoom has the options zoom, unit and keep_raw", name);
  }
  d->widths = option(d->statement, "zoom");
  d->unit = option(d->statement, "unit");
  d->keep_raw = option(d->statement, "keep_raw");
  return true;
}

static bool same_text(const char *a, const char *b) {
  return a && b ? sqlite3_stricmp(a, b) == 0 : a == b;
}

/* Does the definition ask for the ladder that there is? Then it stays as it was chosen, however the table has grown. */
static bool has_ladder(struct engine *engine, const struct declaring *d) {
  struct definitions old = {0};
  bool same = d->existing && !d->existing->guessed &&
              definitions_read(engine, d->existing->name, d->existing->definition, &old) && old.n == 1 &&
              same_text(option(&old.statements[0], "zoom"), d->widths) &&
              same_text(option(&old.statements[0], "unit"), d->unit);
  definitions_free(&old);
  return same;
}

static char *list_widths(struct engine *engine, const struct zoom *zoom) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < zoom->n_levels; i++)
    sqlite3_str_appendf(out, "%s%s", i ? ", " : "", zoom->levels[i].width_text);
  return engine_finish(engine, out);
}

static bool find_ladder(struct engine *engine, struct declaring *d) {
  struct zoom *zoom = d->zoom;
  if (d->cells) return zoom_cells_levels(engine, d->cells, zoom);
  if (has_ladder(engine, d)) {
    memcpy(zoom->levels, d->existing->levels, sizeof zoom->levels);
    zoom->n_levels = d->existing->n_levels;
    zoom->unit = d->existing->unit;
    return engine_ok(engine);
  }
  struct zoom_axis axis;
  if (!zoom_axis_read(engine, &d->select, d->unit, &axis)) return false;
  zoom->unit = engine_printf(engine, "%s", axis.unit);
  if (sqlite3_stricmp(d->widths, "auto") != 0) {
    zoom->guessed = axis.is_empty && !d->unit; /* the unit is */
    return zoom_ladder_read(engine, &axis, d->widths, zoom);
  }
  if (!zoom_choose(engine, &d->select, &axis, zoom, &zoom->guessed)) return false;
  const char *how = zoom->guessed
                        ? "there are too few rows yet to choose by: a refresh will, once there are more"
                        : "chosen from the data";
  order_note(engine, d->order,
             engine_printf(engine, "%s: levels of %s (%s)", zoom->name, list_widths(engine, zoom), how));
  return engine_ok(engine);
}

/* --------------------------------------------------------------------------------------------------- levels */

static bool has_level(const struct zoom *zoom, const char *name) {
  for (size_t i = 0; i < zoom->n_levels; i++)
    if (sqlite3_stricmp(zoom->levels[i].name, name) == 0) return true;
  return false;
}

/* Levels that the ladder has no more, the coarsest first: what reads them is declared again. */
static bool drop_others(struct engine *engine, const struct declaring *d) {
  for (size_t i = d->existing ? d->existing->n_levels : 0; i > 0 && engine_ok(engine); i--) {
    const char *name = d->existing->levels[i - 1].name;
    struct summary *level = catalog_find(d->order->catalog, name);
    if (level && !has_level(d->zoom, name))
      order_replace(engine, d->order, d->file, level,
                    engine_printf(engine, "%s: the ladder has no such level any more: it is dropped", name));
  }
  return engine_ok(engine);
}

static void free_definitions(void *definitions) {
  definitions_free(definitions);
}

static bool declare_level(struct engine *engine, struct declaring *d, size_t i) {
  const struct zoom_level *level = &d->zoom->levels[i];
  const char *options = d->keep_raw && i == 0 ? engine_printf(engine, ", keep_raw = %Q", d->keep_raw) : "";
  char *text = d->cells ? zoom_cells_level(engine, &d->select, d->zoom, i)
                        : zoom_select_level(engine, &d->select, d->zoom, i, options);
  struct definitions *definitions = engine_alloc(engine, sizeof *definitions);
  if (!definitions || !definitions_read(engine, level->name, text, definitions)) return false;
  engine_defer(engine, free_definitions, definitions);
  if (!order_declare(engine, d->order, definitions, &definitions->statements[0])) return false;
  const struct summary *s = catalog_find(d->order->catalog, level->name);
  if (s && (s->kind == KIND_TIME || (d->cells && (s->kind == KIND_KEY || d->select.n == 2)))) return true;
  return engine_fail(engine, CODE_FAILED, "its level %s can't be kept up to date by its %s: %s", level->name,
                     d->cells ? "keys" : "buckets",
                     s && s->whole_reason ? s->whole_reason : "it could not be declared");
}

/* The name is free, or that of a summary that is replaced. */
static bool make_room(struct engine *engine, struct declaring *d) {
  struct summary *other = catalog_find(d->order->catalog, d->statement->name);
  if (other && !order_replace(engine, d->order, d->file, other,
                              engine_printf(engine, "%s: it is a zoom now: it is rebuilt", other->name)))
    return false;
  return d->existing || declare_check_free(engine, d->statement->name);
}

static bool keep(struct engine *engine, struct declaring *d) {
  struct catalog *catalog = d->order->catalog;
  bool same = d->existing && declare_same(engine, d->existing->definition, d->zoom->definition) &&
              d->existing->n_levels == d->zoom->n_levels && d->existing->guessed == d->zoom->guessed;
  for (size_t i = 0; same && i < d->zoom->n_levels; i++)
    same = has_level(d->existing, d->zoom->levels[i].name);
  if (same) return engine_ok(engine);
  if (d->existing && !zoom_forget(engine, catalog, d->existing)) return false;
  char *columns[ZOOM_COLUMNS_MAX];
  size_t n = d->select.n;
  columns[0] = d->select.names[d->cells ? n - 2 : 0];
  memcpy(columns + 1, d->select.names + d->select.first_key, (n - 2) * sizeof *columns);
  columns[n - 1] = d->select.names[n - 1];
  return zoom_insert(engine, catalog, d->zoom, columns, n);
}

static bool declare_zoom(struct engine *engine, struct declaring *d) {
  struct zoom *zoom = d->zoom;
  zoom->name = engine_printf(engine, "%s", d->statement->name);
  zoom->definition = engine_printf(engine, "%s", d->statement->text);
  zoom->view_sql = zoom_select_view(engine, &d->select, zoom->name, d->statement->select);
  if (!find_ladder(engine, d)) return false;
  for (size_t i = 0; i < zoom->n_levels && !d->cells; i++)
    zoom->levels[i].name = engine_printf(engine, "%s_%s", zoom->name, zoom->levels[i].width_text);
  if (!make_room(engine, d) || !drop_others(engine, d)) return false;
  for (size_t i = 0; i < zoom->n_levels; i++)
    if (!declare_level(engine, d, i)) return false;
  return keep(engine, d);
}

bool zoom_order_create(struct engine *engine, struct order *order, const struct definitions *file,
                       const struct statement *statement) {
  struct declaring d = {.order = order,
                        .file = file,
                        .statement = statement,
                        .cells = option(statement, "zoom_cells"),
                        .existing = zoom_find(order->catalog, statement->name),
                        .zoom = engine_alloc(engine, sizeof *d.zoom)};
  if (!d.zoom) return false;
  order->at = statement;
  if (zoom_of_level(order->catalog, statement->name))
    return zoom_order_make_way(engine, order, file, statement);
  if (!zoom_select_read(engine, file, statement, d.cells != 0, &d.select)) return false;
  if (read_options(engine, &d) && declare_zoom(engine, &d)) return true;
  return fail_at(engine, file, statement);
}

static bool check_frozen(struct engine *engine, const struct order *order, const struct definitions *file,
                         const struct zoom *zoom) {
  const struct summary *finest = catalog_find(order->catalog, zoom->levels[0].name);
  return !finest || order_check_frozen(engine, order, file, finest);
}

bool zoom_order_make_way(struct engine *engine, struct order *order, const struct definitions *file,
                         const struct statement *statement) {
  const struct zoom *of = zoom_of_level(order->catalog, statement->name);
  struct zoom *existing = zoom_find(order->catalog, statement->name);
  if (of)
    engine_fail(engine, CODE_FAILED, "it is a level of the zoom %s: choose another name", of->name);
  else if (option(statement, "zoom_level") || option(statement, "zoom_key"))
    engine_fail(engine, CODE_FAILED,
                "WITH (%s = ...): that is for the tool itself; declare a zoom WITH (zoom = auto) or "
                "(zoom_cells = ...)",
                option(statement, "zoom_level") ? "zoom_level" : "zoom_key");
  else if (existing && check_frozen(engine, order, file, existing) &&
           zoom_drop(engine, order->catalog, existing))
    order_note(engine, order,
               engine_printf(engine, "%s: it is no zoom any more: it is rebuilt", statement->name));
  return engine_ok(engine) || fail_at(engine, file, statement);
}

/* ---------------------------------------------------------------------------------------------- once more */

enum { ROWS_TELLING = 256 };

/* Its definition is applied again. Where that fails, for somebody reads a level that would go, the widths stay. */
static bool choose_again(struct engine *engine, struct catalog *catalog, struct zoom *zoom) {
  struct definitions definitions = {0};
  if (!engine_exec(engine, "SAVEPOINT almanac_zoom_again")) return false;
  struct order order = {.catalog = catalog, .files = &definitions, .n_files = 1};
  bool good = definitions_read(engine, zoom->name, zoom->definition, &definitions) && definitions.n == 1 &&
              zoom_order_create(engine, &order, &definitions, &definitions.statements[0]) &&
              order_finish(engine, &order) && declare_arm(engine, catalog);
  definitions_free(&definitions);
  if (!good && !engine->of_moment) {
    sqlite3_free(engine_recover(engine, 0));
    engine_exec(engine, "ROLLBACK TO almanac_zoom_again");
    engine_exec(engine, engine_printf(engine, "UPDATE almanac_zoom SET guessed=0 WHERE name=%Q", zoom->name));
    catalog_load(engine, catalog);
  }
  return engine_exec(engine, "RELEASE almanac_zoom_again");
}

bool zoom_order_again(struct engine *engine, struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n_zooms && engine_ok(engine); i++) {
    struct zoom *zoom = catalog->zooms[i];
    if (!zoom->guessed || source_object(engine, zoom->name, 0) != OBJECT_VIEW) continue;
    char *many = engine_printf(engine, "SELECT EXISTS(SELECT 1 FROM \"%w\" LIMIT 1 OFFSET %d)", zoom->name,
                               ROWS_TELLING);
    if (engine_int(engine, many) != 0)
      return choose_again(engine, catalog, zoom); /* the others with the next refresh */
  }
  return engine_ok(engine);
}
