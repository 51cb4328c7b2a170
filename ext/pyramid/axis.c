#include "ext/pyramid/axis.h"
#include "ext/kernel/time_grain.h"
#include "ext/kernel/time_text.h"
#include <math.h>
#include <string.h>

enum { CLOCK_BYTES = 19, DATE_BYTES = 10 }; /* YYYY-MM-DD HH:MM:SS, YYYY-MM-DD */

/* "text,blank,6,Z": kind, separator, digits of a second, what follows them. */
static bool read_text_shape(struct pyramid_axis *axis, const char *shape) {
  const char *separator = shape + strlen("text,");
  axis->is_text = true;
  axis->separator = ' ';
  axis->is_date = strcmp(separator, "date") == 0;
  if (axis->is_date) return true;
  const char *digits = strchr(separator, ',');
  const char *suffix = digits ? strchr(digits + 1, ',') : NULL;
  if (!suffix || strlen(suffix + 1) >= sizeof axis->suffix) return false;
  strcpy(axis->suffix, suffix + 1);
  axis->separator = separator[0] == 'T' ? 'T' : ' ';
  return true;
}

bool pyramid_axis_read(struct pyramid_axis *axis, const char *shape, const char *unit) {
  *axis = (struct pyramid_axis){0};
  if (!shape || !unit) return false;
  if (strncmp(shape, "text,", strlen("text,")) == 0) return read_text_shape(axis, shape);
  axis->is_real = strcmp(shape, "real") == 0;
  axis->ticks_per_s = time_unit_parse(unit, strlen(unit));
  return axis->ticks_per_s > 0;
}

/* ---- From values ---- */

static int64_t tick_of_real(double real) {
  if (real >= (double)PYRAMID_MOST) return PYRAMID_MOST;
  if (real <= (double)PYRAMID_LEAST) return PYRAMID_LEAST;
  return (int64_t)floor(real);
}

/* Is this a time in the column's spelling? */
static bool is_regular(const struct pyramid_axis *axis, const char *text, size_t length) {
  if (axis->is_date) return length == DATE_BYTES;
  size_t suffix = strlen(axis->suffix);
  if (length < CLOCK_BYTES + suffix || text[DATE_BYTES] != axis->separator) return false;
  if (memcmp(text + length - suffix, axis->suffix, suffix) != 0) return false;
  size_t fraction = length - suffix - CLOCK_BYTES;
  if (fraction == 0) return true;
  if (fraction == 1 || text[CLOCK_BYTES] != '.') return false;
  for (size_t i = 1; i < fraction; i++)
    if (text[CLOCK_BYTES + i] < '0' || text[CLOCK_BYTES + i] > '9') return false;
  return true;
}

static bool take_number(sqlite3_stmt *row, int column, int type, int64_t *tick) {
  *tick = type == SQLITE_INTEGER ? sqlite3_column_int64(row, column)
                                 : tick_of_real(sqlite3_column_double(row, column));
  return true;
}

static bool take_text(const char *text, size_t length, int64_t *tick) {
  struct time_text time;
  if (!time_text_read(text, length, &time)) return false;
  *tick = time.unix_s;
  return true;
}

bool pyramid_axis_tick(const struct pyramid_axis *axis, sqlite3_stmt *row, int column, int64_t *tick) {
  int type = sqlite3_column_type(row, column);
  if (!axis->is_text && (type == SQLITE_INTEGER || type == SQLITE_FLOAT))
    return take_number(row, column, type, tick);
  if (!axis->is_text || type != SQLITE_TEXT) return false;
  const char *text = (const char *)sqlite3_column_text(row, column);
  size_t length = (size_t)sqlite3_column_bytes(row, column);
  return text && is_regular(axis, text, length) && take_text(text, length, tick);
}

bool pyramid_axis_mark(const struct pyramid_axis *axis, sqlite3_stmt *row, int column, int64_t *tick) {
  int type = sqlite3_column_type(row, column);
  if (!axis->is_text && (type == SQLITE_INTEGER || type == SQLITE_FLOAT))
    return take_number(row, column, type, tick);
  if (!axis->is_text || type != SQLITE_TEXT) return false;
  const char *text = (const char *)sqlite3_column_text(row, column);
  return text && take_text(text, (size_t)sqlite3_column_bytes(row, column), tick);
}

/* ---- To values ---- */

/* The time without what may follow the seconds, which therefore is not above any time of its second. Beyond the
   calendar: below or above all. */
static void write_bound(const struct pyramid_axis *axis, int64_t tick, char text[TIME_TEXT_MAX]) {
  struct time_text time = {.unix_s = tick,
                           .spelling = {.has_time = !axis->is_date, .separator = axis->separator}};
  if (tick < TIME_TEXT_FIRST_S)
    strcpy(text, "");
  else if (tick > TIME_TEXT_LAST_S || !time_text_write(&time, text))
    strcpy(text, "~");
}

int pyramid_axis_bind(const struct pyramid_axis *axis, sqlite3_stmt *statement, int parameter, int64_t tick) {
  if (!axis->is_text) return sqlite3_bind_int64(statement, parameter, tick);
  char text[TIME_TEXT_MAX];
  write_bound(axis, tick, text);
  return sqlite3_bind_text(statement, parameter, text, -1, SQLITE_TRANSIENT);
}

void pyramid_axis_result(const struct pyramid_axis *axis, sqlite3_context *context, int64_t tick) {
  if (!axis->is_text && axis->is_real) {
    sqlite3_result_double(context, (double)tick);
    return;
  }
  if (!axis->is_text) {
    sqlite3_result_int64(context, tick);
    return;
  }
  char text[TIME_TEXT_MAX];
  struct time_text time = {
      .unix_s = tick,
      .spelling = {.has_time = !axis->is_date, .has_zone = axis->suffix[0], .separator = axis->separator}};
  if (time_text_write(&time, text)) sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

/* ---- Ends ---- */

static void end_of_integer(int64_t integer, struct pyramid_end *end) {
  int64_t tick = integer < PYRAMID_LEAST ? PYRAMID_LEAST : integer > PYRAMID_MOST ? PYRAMID_MOST : integer;
  *end = (struct pyramid_end){tick, tick, true};
}

static void end_of_real(double real, bool is_hi, struct pyramid_end *end) {
  int64_t tick = tick_of_real(real);
  bool exact = (double)tick == real || tick == PYRAMID_LEAST || tick == PYRAMID_MOST;
  *end = (struct pyramid_end){tick, exact || is_hi ? tick : tick + 1, exact};
}

/* Times compare as texts: the second of `text` may lie before it or behind it. */
static void end_of_text(const struct pyramid_axis *axis, const char *text, int64_t unix_s, bool is_hi,
                        struct pyramid_end *end) {
  int64_t step = axis->is_date ? 86400 : 1, tick = unix_s - time_floor_mod(unix_s, step);
  char bound[TIME_TEXT_MAX];
  write_bound(axis, tick, bound);
  int order = strcmp(bound, text);
  *end = (struct pyramid_end){tick, tick, order == 0};
  if (!is_hi && order < 0) end->whole = tick + step;
  if (is_hi && order > 0) end->whole = tick - step;
}

/* Does the text compare with the column's as the times do? It may be shorter, or have more digits. */
static bool is_spelt_alike(const struct pyramid_axis *axis, const char *text, const struct time_text *time) {
  char bound[TIME_TEXT_MAX];
  write_bound(axis, time->unix_s, bound);
  if (strncmp(bound, text, DATE_BYTES) != 0) return false; /* February 31, 24:00, an offset, years before 0 */
  size_t length = strlen(text), suffix = strlen(axis->suffix);
  if (length == DATE_BYTES || axis->is_date) return true;
  if (text[DATE_BYTES] != axis->separator) return false;
  return !time->spelling.has_zone || (suffix && strcmp(text + length - suffix, axis->suffix) == 0);
}

enum pyramid_end_problem pyramid_axis_end(const struct pyramid_axis *axis, sqlite3_value *value, bool is_hi,
                                          struct pyramid_end *end) {
  int type = axis->is_text ? sqlite3_value_type(value) : sqlite3_value_numeric_type(value);
  if (axis->is_text != (type == SQLITE_TEXT)) return PYRAMID_END_NO_TIME;
  if (type == SQLITE_INTEGER) {
    end_of_integer(sqlite3_value_int64(value), end);
    return PYRAMID_END_FINE;
  }
  if (type == SQLITE_FLOAT) {
    end_of_real(sqlite3_value_double(value), is_hi, end);
    return PYRAMID_END_FINE;
  }
  if (type != SQLITE_TEXT) return PYRAMID_END_NO_TIME;
  const char *text = (const char *)sqlite3_value_text(value);
  struct time_text time;
  if (!text || !time_text_read(text, (size_t)sqlite3_value_bytes(value), &time)) return PYRAMID_END_NO_TIME;
  if (!is_spelt_alike(axis, text, &time)) return PYRAMID_END_SPELLING;
  end_of_text(axis, text, time.unix_s, is_hi, end);
  return PYRAMID_END_FINE;
}

const char *pyramid_axis_example(const struct pyramid_axis *axis) {
  if (!axis->is_text) return axis->ticks_per_s == 1 ? "1714550400" : "1714550400000";
  if (axis->is_date) return "'2024-05-01'";
  if (axis->separator == 'T') return axis->suffix[0] ? "'2024-05-01T08:00:00Z'" : "'2024-05-01T08:00:00'";
  return axis->suffix[0] ? "'2024-05-01 08:00:00Z'" : "'2024-05-01 08:00:00'";
}
