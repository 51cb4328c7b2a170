#include "tool/engine/grain.h"
#include <string.h>
#include <time.h>

/* What SQLite's date functions can tell apart by year and month. */
#define YEAR_1_S        INT64_C(-62135596800)
#define YEAR_9999_END_S INT64_C(253402300800)

enum { FRACTION_MAX = 6 }; /* digits of a second in whose place no offset fits */

/* ---------------------------------------------------------------------------------------------- shapes */

char *time_shape_text(struct engine *engine, const struct time_shape *shape) {
  if (!shape->is_text) return engine_printf(engine, "%s", shape->is_real ? "real" : "integer");
  if (shape->is_date) return engine_printf(engine, "text,date");
  return engine_printf(engine, "text,%s,%d,%s", shape->separator == 'T' ? "T" : "blank", shape->fraction,
                       shape->suffix);
}

const char *time_shape_example(struct engine *engine, const struct time_shape *shape) {
  if (!shape->is_text) return shape->is_real ? "1714550400.0" : "1714550400";
  if (shape->is_date) return "2024-05-01";
  int digits = shape->fraction > 0 ? shape->fraction + 1 : 0;
  return engine_printf(engine, "2024-05-01%c08:00:00%.*s%s", shape->separator, digits, ".000000",
                       shape->suffix);
}

struct time_shape time_shape_from_text(const char *text) {
  struct time_shape shape = {.separator = ' '};
  if (strncmp(text, "text,", 5) != 0) {
    shape.is_real = strcmp(text, "real") == 0;
    return shape;
  }
  shape.is_text = true;
  shape.is_date = strcmp(text, "text,date") == 0;
  if (shape.is_date) return shape;
  shape.separator = text[5] == 'T' ? 'T' : ' ';
  const char *suffix = strrchr(text, ',') + 1;
  shape.fraction = suffix[-2] - '0';
  if (strlen(suffix) < sizeof shape.suffix) strcpy(shape.suffix, suffix);
  return shape;
}

/* Judges one value: false where it is in no spelling that a track can hold. */
static bool shape_of_text(const char *text, struct time_shape *shape) {
  size_t n = strlen(text);
  memset(shape, 0, sizeof *shape);
  shape->is_text = true;
  shape->separator = ' ';
  if (n == 10) return shape->is_date = true;
  if (n < 19 || (text[10] != ' ' && text[10] != 'T')) return false;
  shape->separator = text[10];
  const char *rest = text + 19;
  if (*rest == '.') {
    size_t digits = strspn(rest + 1, "0123456789");
    shape->fraction = digits > FRACTION_MAX ? FRACTION_MAX : (int)digits;
    rest += 1 + digits;
  }
  if (*rest && strcmp(rest, "Z") != 0 && strcmp(rest, "+00:00") != 0) return false;
  strcpy(shape->suffix, rest);
  return true;
}

/* The shape of the first value in a known spelling among the first and the last rows. */
static bool detect_text(struct engine *engine, const struct source *source, const char *column,
                        struct time_shape *shape) {
  char *sql = engine_printf(
      engine,
      "SELECT t FROM (SELECT \"%w\" AS t FROM \"%w\" WHERE \"%w\">='' ORDER BY \"%w\" DESC LIMIT 100) "
      "UNION ALL SELECT t FROM (SELECT \"%w\" AS t FROM \"%w\" WHERE \"%w\">='' LIMIT 100)",
      column, source->name, column, column, column, source->name, column);
  sqlite3_stmt *rows = engine_prepare(engine, sql);
  bool found = false;
  while (!found && engine_step(engine, rows)) {
    const char *text = (const char *)sqlite3_column_text(rows, 0);
    found = text && shape_of_text(text, shape);
  }
  engine_finalize(engine, rows);
  return found;
}

/* An empty table is judged by what its column was declared as: what ORMs call DATETIME holds text in SQLite.
 */
static void shape_of_type(const char *declared, struct time_shape *shape) {
  char type[32];
  sqlite3_snprintf(sizeof type, type, "%s", declared);
  for (char *at = type; *at; at++)
    if (*at >= 'a' && *at <= 'z') *at = (char)(*at - 32);
  shape->separator = ' ';
  shape->is_text = strstr(type, "DATE") || strstr(type, "TIME") || strcmp(type_affinity(type), "TEXT") == 0;
  shape->is_date = strcmp(type, "DATE") == 0;
  shape->is_real = strcmp(type_affinity(type), "REAL") == 0;
}

bool time_shape_detect(struct engine *engine, const struct source *source, const char *column,
                       struct time_shape *shape) {
  memset(shape, 0, sizeof *shape);
  char *numbers = engine_printf(engine, "SELECT typeof(\"%w\") FROM \"%w\" WHERE \"%w\"<'' LIMIT 1", column,
                                source->name, column);
  char *texts = engine_printf(engine, "SELECT 1 FROM \"%w\" WHERE \"%w\">='' AND \"%w\"<x'' LIMIT 1",
                              source->name, column, column);
  char *number = engine_string(engine, numbers);
  bool has_text = engine_int(engine, texts) != 0;
  if (number && has_text)
    return engine_fail(engine, CODE_FAILED,
                       "%s.%s holds numbers and text; a time is one or the other (find the odd ones with: "
                       "SELECT rowid, \"%w\" FROM \"%w\" WHERE typeof(\"%w\")='text')",
                       source->name, column, column, source->name, column);
  const struct source_column *declared = source_find(source, column);
  if (number) {
    /* A REAL column shows whole seconds as 1.0; in any other the values decide. */
    shape->is_real = strcmp(type_affinity(declared->type), "REAL") == 0 || strcmp(number, "real") == 0;
    if (strcmp(type_affinity(declared->type), "INTEGER") == 0) shape->is_real = false;
    return engine_ok(engine);
  }
  if (!has_text || !detect_text(engine, source, column, shape)) {
    shape_of_type(declared->type, shape);
    shape->is_guess = !has_text;
    if (has_text) shape->is_text = true, shape->is_date = false;
  }
  return engine_ok(engine);
}

/* ---------------------------------------------------------------------------------------------- grains */

static int64_t modulo(int64_t a, int64_t b) {
  return (a % b + b) % b;
}

static bool grain_of_months(struct engine *engine, const struct time_grain *parsed, struct grain *grain) {
  time_t origin = (time_t)parsed->origin_s;
  struct tm day;
  gmtime_r(&origin, &day);
  if (day.tm_mday != 1 || day.tm_hour || day.tm_min || day.tm_sec)
    return engine_fail(
        engine, CODE_FAILED,
        "time_bucket: months with an origin inside a month have no plain-SQL form; use the first of a month");
  grain->kind = GRAIN_MONTHS;
  grain->width = parsed->months;
  grain->offset = modulo((int64_t)(day.tm_year + 1900) * 12 + day.tm_mon, parsed->months);
  return true;
}

bool grain_from(struct engine *engine, const struct time_grain *parsed, const struct time_shape *shape,
                struct grain *grain) {
  memset(grain, 0, sizeof *grain);
  grain->scale = shape->is_text ? 1 : parsed->ticks_per_s;
  if (parsed->fraction_digits > 0) {
    grain->fraction[0] = '.';
    memset(grain->fraction + 1, '0', (size_t)parsed->fraction_digits);
  }
  int64_t day = 86400 * grain->scale;
  if (parsed->zone && shape->is_date)
    return engine_fail(engine, CODE_FAILED,
                       "time_bucket: times that are dates only are in no time zone; leave the zone out");
  if (parsed->zone) {
    grain->kind = GRAIN_BOUNDS;
    grain->unit = day / 96;
    return true;
  }
  if (parsed->kind == TIME_MONTHS) {
    grain->unit = day;
    return grain_of_months(engine, parsed, grain);
  }
  grain->kind = GRAIN_FIXED;
  if (shape->is_text) {
    grain->width = parsed->kind == TIME_NUMBER ? 0 : parsed->width_s;
    if (grain->width > 0) grain->offset = modulo(parsed->origin_s, grain->width);
  } else {
    grain->width = parsed->width_ticks;
    grain->offset = parsed->phase_ticks;
  }
  if (grain->width <= 0)
    return engine_fail(engine, CODE_FAILED,
                       "time_bucket: the width must be a whole number of %s to be summarized",
                       shape->is_text ? "seconds, given as text such as '15 minutes'," : "the time's units");
  if (shape->is_date && (grain->width % day || grain->offset % day))
    return engine_fail(engine, CODE_FAILED,
                       "time_bucket: times that are dates only need a width of whole days, such as '1 day'");
  grain->unit = grain->width;
  grain->unit_offset = grain->offset;
  return true;
}

/* ------------------------------------------------------------------------------------------- variables */

static const struct sql_variable *integer(struct engine *engine, const struct sql_variable *outer,
                                          const char *name, int64_t value) {
  return sql_literal(engine, outer, name, engine_printf(engine, "%lld", (long long)value));
}

static const char *kind_name(enum grain_kind kind) {
  return kind == GRAIN_FIXED ? "fixed" : kind == GRAIN_MONTHS ? "months" : "bounds";
}

/* Hours and days of text need no arithmetic: the text is cut. */
static const char *text_start(const struct grain *grain) {
  if (grain->kind == GRAIN_FIXED && grain->offset == 0 && grain->width == 3600)
    return "{text_hour_start x={x}}";
  if (grain->kind == GRAIN_FIXED && grain->offset == 0 && grain->width == 86400)
    return "{text_day_start x={x}}";
  return 0;
}

static const struct sql_variable *text_variables(struct engine *engine, const struct sql_variable *v,
                                                 const struct time_shape *shape) {
  v = sql_literal(engine, v, "format",
                  shape->is_date            ? "%Y-%m-%d"
                  : shape->separator == 'T' ? "%Y-%m-%dT%H:%M:%S"
                                            : "%Y-%m-%d %H:%M:%S");
  v = sql_literal(engine, v, "midnight",
                  shape->is_date            ? ""
                  : shape->separator == 'T' ? "T00:00:00"
                                            : " 00:00:00");
  v = sql_literal(engine, v, "length", shape->is_date ? "10" : "19");
  v = sql_literal(engine, v, "pattern",
                  sql_text(engine, shape->separator == 'T' ? "pattern_t" : "pattern_blank", 0));
  char usual[] = ".??????";
  if (shape->fraction > 0) usual[shape->fraction] = 0;
  sqlite3_str *digits = sqlite3_str_new(engine->db);
  for (int i = 0; i < shape->fraction; i++) sqlite3_str_appendall(digits, i ? "[0-9]" : ".[0-9]");
  v = sql_literal(engine, v, "usual_digits", engine_finish(engine, digits));
  v = sql_literal(engine, v, "separator", shape->separator == 'T' ? "T" : " ");
  v = sql_literal(engine, v, "usual", shape->fraction > 0 ? engine_printf(engine, "%s[0-9]", usual) : "");
  return sql_literal(engine, v, "suffix", shape->suffix);
}

const struct sql_variable *limit_variables(struct engine *engine, const struct sql_variable *outer) {
  return sql_literal(engine, sql_literal(engine, outer, "times_lowest", TIMES_LOWEST), "times_end",
                     TIMES_END);
}

const struct sql_variable *grain_variables(struct engine *engine, const struct sql_variable *outer,
                                           const struct time_shape *shape, const struct grain *grain) {
  const struct sql_variable *v = outer;
  const char *kind = kind_name(grain->kind);
  v = limit_variables(engine, v);
  v = integer(engine, v, "width", grain->width);
  v = integer(engine, v, "offset", grain->offset);
  v = integer(engine, v, "scale", grain->scale);
  v = sql_literal(engine, v, "fraction", grain->fraction);
  v = sql_literal(
      engine, v, "shown",
      shape->is_date ? "" : engine_printf(engine, "%s%s", grain->fraction, shape->suffix[0] ? "Z" : ""));
  v = sql_template(engine, v, "number_start", engine_printf(engine, "{number_%s_start x={x}}", kind));
  v = sql_template(engine, v, "any_bucket", engine_printf(engine, "{any_%s_bucket x={x}}", kind));
  const char *type = shape->is_text ? "text" : "number";
  const char *cut = shape->is_text ? text_start(grain) : 0;
  if (shape->is_text) v = text_variables(engine, v, shape);
  v = sql_template(engine, v, "start", cut ? cut : engine_printf(engine, "{%s_%s_start x={x}}", type, kind));
  v = sql_template(engine, v, "lo", shape->is_text ? "{text_lo p={p}}" : "{p}");
  v = sql_template(engine, v, "hi", engine_printf(engine, "{%s_%s_hi p={p}}", type, kind));
  v = sql_template(engine, v, "is_start",
                   grain->kind == GRAIN_BOUNDS ? engine_printf(engine, "{%s_bounds_is_start p={p}}", type)
                                               : "{plain_is_start p={p}}");
  v = sql_template(engine, v, "any", engine_printf(engine, "{%s_any x={x}}", type));
  v = sql_template(engine, v, "seconds_of_time", engine_printf(engine, "{%s_seconds x={x}}", type));
  if (grain->kind == GRAIN_BOUNDS) {
    v = sql_template(engine, v, "lowest_time", engine_printf(engine, "{%s_bounds_first}", type));
    return sql_template(engine, v, "highest_time", engine_printf(engine, "{%s_bounds_last}", type));
  }
  v = integer(engine, v, "lowest_time", YEAR_1_S * grain->scale);
  return integer(engine, v, "highest_time", YEAR_9999_END_S * grain->scale);
}

const struct sql_variable *unit_variables(struct engine *engine, const struct sql_variable *outer,
                                          const struct time_shape *shape, int64_t unit, int64_t unit_offset) {
  const struct grain grain = {.kind = GRAIN_FIXED, .width = unit, .offset = unit_offset, .scale = 1};
  /* A region's ends are compared with times, not shown: no Z behind them. */
  const struct sql_variable *v = sql_literal(engine, 0, "shown", "");
  v = integer(engine, v, "width", unit);
  v = integer(engine, v, "offset", unit_offset);
  if (shape->is_text) v = text_variables(engine, v, shape);
  const char *cut = text_start(&grain);
  const char *start = !shape->is_text ? "{number_fixed_start x={x}}" : cut ? cut : "{text_fixed_start x={x}}";
  const char *hi = shape->is_text ? "{text_fixed_hi p={p}}" : "{number_fixed_hi p={p}}";
  /* Expanded here with its own width, leaving {x} and {p} to whoever uses it. */
  v = sql_literal(engine, v, "x", "{x}");
  v = sql_literal(engine, v, "p", "{p}");
  v = sql_template(engine, v, "unit_start_", start);
  v = sql_template(engine, v, "unit_hi_", hi);
  const struct sql_variable *out =
      sql_template(engine, outer, "unit_start", sql_text(engine, "unit_start_text", v));
  return sql_template(engine, out, "unit_hi", sql_text(engine, "unit_hi_text", v));
}

const struct sql_variable *shape_variables(struct engine *engine, const struct sql_variable *outer,
                                           const struct time_shape *shape) {
  const struct sql_variable *v = outer;
  if (shape->is_text) {
    v = text_variables(engine, v, shape);
    v = sql_template(engine, v, "regular", shape->is_date ? "{regular_date x={x}}" : "{regular_text x={x}}");
    v = sql_template(engine, v, "usual_row", shape->is_date ? "{usual_date x={x}}" : "{usual_text x={x}}");
    v = sql_template(engine, v, "clocked", shape->is_date ? "{clocked_date x={x}}" : "{clocked_text x={x}}");
    v = sql_template(engine, v, "suspect", "{suspect_text x={x}}");
    v = sql_template(engine, v, "uncovered", "{uncovered_text x={x}}");
    v = sql_literal(engine, v, "above_times", "x''");
    v = sql_template(engine, v, "low_arm", "{low_arm_text}");
    v = sql_literal(engine, v, "lowest", "''");
    return sql_literal(engine, v, "partition_cast", "TEXT");
  }
  v = sql_template(engine, v, "regular", "{x}<''");
  v = sql_template(engine, v, "low_arm", "{low_arm_number}");
  v = sql_template(engine, v, "suspect", "{suspect_number x={x}}");
  v = sql_template(engine, v, "uncovered", "{uncovered_number x={x}}");
  v = sql_literal(engine, v, "above_times", TIMES_END);
  v = sql_literal(engine, v, "lowest", TIMES_LOWEST);
  return sql_literal(engine, v, "partition_cast", shape->is_real ? "REAL" : "INTEGER");
}
