#include "tool/engine/zoom_ladder.h"
#include "tool/engine/grain.h"
#include "tool/engine/shadow.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Numbers from which on times are milliseconds, microseconds, nanoseconds: seconds of the year 5138, and so on. */
#define FIRST_MS 1e11
#define FIRST_US 1e14
#define FIRST_NS 1e17

/* ---------------------------------------------------------------------------------------------------- axis */

static const char *const units[] = {"s", "ms", "us", "ns"};

/* Of any one row: they are all alike. */
static const char *guess_unit(struct engine *engine, const struct zoom_select *select) {
  char *sql = engine_printf(engine,
                            "SELECT CASE WHEN t>=%g THEN 3 WHEN t>=%g THEN 2 WHEN t>=%g THEN 1 ELSE 0 END "
                            "FROM (SELECT abs(\"%w\"+0.0) AS t FROM \"%w\" WHERE \"%w\"<'' LIMIT 1)",
                            FIRST_NS, FIRST_US, FIRST_MS, select->columns[0], select->source->name,
                            select->columns[0]);
  return units[engine_int(engine, sql) & 3];
}

bool zoom_axis_read(struct engine *engine, const struct zoom_select *select, const char *unit,
                    struct zoom_axis *axis) {
  struct time_shape shape;
  if (!time_shape_detect(engine, select->source, select->columns[0], &shape)) return false;
  *axis = (struct zoom_axis){
      .is_text = shape.is_text, .is_empty = shape.is_guess, .ticks_per_s = 1, .unit = "text"};
  if (unit && shape.is_text)
    return engine_fail(engine, CODE_FAILED, "WITH (unit = '%s'): %s.%s holds text, which needs no unit", unit,
                       select->source->name, select->columns[0]);
  if (shape.is_text) return engine_ok(engine);
  axis->unit = 0;
  for (size_t i = 0; unit && i < sizeof units / sizeof units[0]; i++)
    if (sqlite3_stricmp(unit, units[i]) == 0) axis->unit = units[i];
  if (unit && !axis->unit)
    return engine_fail(engine, CODE_FAILED,
                       "WITH (unit = '%s'): the unit of numeric times is s, ms, us or ns", unit);
  if (!unit) axis->unit = guess_unit(engine, select);
  if (strcmp(axis->unit, "s") != 0) axis->ticks_per_s = time_unit_parse(axis->unit, strlen(axis->unit));
  return engine_ok(engine);
}

/* ------------------------------------------------------------------------------------------------- widths */

char *zoom_ladder_spell(struct engine *engine, int64_t width_ns) {
  static const struct {
    const char *name;
    int64_t ns;
  } names[] = {{"w", ZOOM_WEEK_NS},   {"d", ZOOM_DAY_NS}, {"h", ZOOM_HOUR_NS}, {"m", ZOOM_MINUTE_NS},
               {"s", ZOOM_SECOND_NS}, {"ms", 1000000},    {"us", 1000},        {"ns", 1}};
  size_t i = 0;
  while (width_ns % names[i].ns != 0) i++;
  return engine_printf(engine, "%lld%s", (long long)(width_ns / names[i].ns), names[i].name);
}

static bool fail_width(struct engine *engine, const char *text, const char *reason) {
  return engine_fail(engine, CODE_FAILED, "WITH (zoom = ...): the width '%s': %s", text, reason);
}

static bool parse(struct engine *engine, const struct zoom_axis *axis, const char *text,
                  struct time_grain *grain) {
  struct time_modifier unit = {axis->unit, strlen(axis->unit)};
  struct time_width width = {.text = text, .length = strlen(text)};
  if (strspn(text, "0123456789") == width.length && width.length < 19) {
    width.text = 0;
    sscanf(text, "%" SCNd64, &width.integer);
  }
  bool has_unit = axis->ticks_per_s > 1;
  if (time_grain_parse(grain, width, &unit, has_unit, 0)) return true;
  return fail_width(engine, text, grain->error);
}

bool zoom_ladder_width(struct engine *engine, const struct zoom_axis *axis, const char *text,
                       struct zoom_level *level) {
  struct time_grain grain;
  if (!parse(engine, axis, text, &grain)) return false;
  struct time_grain parsed = grain;
  time_grain_free(&grain);
  if (parsed.kind == TIME_MONTHS) return fail_width(engine, text, "a zoom has fixed widths, up to weeks");
  level->is_number = parsed.is_number;
  if (parsed.is_number && axis->is_text)
    return fail_width(engine, text, "a number is for numeric times; write a unit, such as '10s'");
  level->width_text = parsed.is_number ? engine_printf(engine, "%lld", (long long)parsed.number)
                                       : zoom_ladder_spell(engine, parsed.width_ns);
  bool whole = parsed.is_number || parsed.width_ns % (ZOOM_SECOND_NS / axis->ticks_per_s) == 0;
  level->width = axis->is_text ? parsed.width_s : whole ? parsed.width_ticks : 0;
  level->phase = axis->is_text && level->width > 0 ? parsed.origin_s % level->width : parsed.phase_ticks;
  if (level->width > 0) return engine_ok(engine);
  return fail_width(engine, text,
                    axis->is_text ? "times that are text need whole seconds"
                                  : "it must be a whole number of the time's unit");
}

/* In ascending order, each a multiple of the one before, from a common origin. */
static bool check_ladder(struct engine *engine, struct zoom *zoom) {
  for (size_t i = 1; i < zoom->n_levels; i++)
    for (size_t k = i; k > 0 && zoom->levels[k].width < zoom->levels[k - 1].width; k--) {
      struct zoom_level swapped = zoom->levels[k];
      zoom->levels[k] = zoom->levels[k - 1];
      zoom->levels[k - 1] = swapped;
    }
  for (size_t i = 1; i < zoom->n_levels; i++) {
    const struct zoom_level *a = &zoom->levels[i - 1], *b = &zoom->levels[i];
    if (a->width == b->width)
      return engine_fail(engine, CODE_FAILED, "WITH (zoom = ...): the width %s is there twice",
                         b->width_text);
    if (b->width % a->width != 0 || (b->phase - a->phase) % a->width != 0)
      return engine_fail(engine, CODE_FAILED,
                         "WITH (zoom = ...): buckets of %s don't nest in those of %s: each width must be a "
                         "multiple of the one before",
                         a->width_text, b->width_text);
  }
  return true;
}

bool zoom_ladder_read(struct engine *engine, const struct zoom_axis *axis, const char *widths,
                      struct zoom *zoom) {
  size_t n;
  char **parts = shadow_split(engine, widths, &n);
  zoom->n_levels = 0;
  if (n > ZOOM_LEVELS_MAX)
    return engine_fail(engine, CODE_FAILED, "WITH (zoom = ...): %d widths at most", ZOOM_LEVELS_MAX);
  for (size_t i = 0; parts && i < n; i++) {
    char *text = parts[i];
    size_t length = strlen(text);
    if (length > 1 && text[0] == '\'' && text[length - 1] == '\'')
      text = engine_printf(engine, "%.*s", (int)length - 2, text + 1);
    if (!zoom_ladder_width(engine, axis, text, &zoom->levels[zoom->n_levels++])) return false;
  }
  if (n == 0)
    return engine_fail(engine, CODE_FAILED,
                       "WITH (zoom = ...): write auto, or widths such as '10s, 1m, 10m, 1h, 6h, 1d'");
  return engine_ok(engine) && check_ladder(engine, zoom);
}
