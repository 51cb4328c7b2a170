/*
** local_time(ts, zone [, unit]): an instant as the text that a clock in the zone shows, for labels.
**
** R-1 ts: INTEGER or REAL Unix time, in seconds or in the unit 's', 'ms', 'us' or 'ns', or text in UTC
**     (with an offset: as that says) as time_bucket reads it. NULL for a NULL argument, a blob, and text
**     that is no date.
** R-2 zone: an IANA name. It may differ from row to row.
** R-3 The result is 'YYYY-MM-DD HH:MM:SS', with T instead of the blank if ts is text with a T. Parts of a
**     second are cut off, never rounded. NULL where it would lie outside of years -4713 to 9999.
** R-4 An unknown zone or unit is an error that starts with "local_time: ".
*/
#include "ext/function/function.h"
#include "ext/kernel/time_grain.h"
#include <math.h>

/* Says "local_time: <what> 'value' <remedy>". */
static void argument_error(sqlite3_context *context, const char *what, sqlite3_value *value,
                           const char *remedy) {
  char *shown = value_for_message(value);
  function_error(context, "local_time: %s %s %s", what, shown, remedy);
  sqlite3_free(shown);
}

/* The zone, with a reference. NULL: NULL or an error is the result. */
static struct time_zone *take_zone(sqlite3_context *context, sqlite3_value *value) {
  struct time_zone *zone = 0;
  enum time_zone_result result = TIME_ZONE_UNKNOWN;
  if (sqlite3_value_type(value) == SQLITE_NULL) return 0;
  if (sqlite3_value_type(value) == SQLITE_TEXT) {
    const char *name = (const char *)sqlite3_value_text(value);
    result = name
                 ? time_zones_get(sqlite3_user_data(context), name, (size_t)sqlite3_value_bytes(value), &zone)
                 : TIME_ZONE_NO_MEMORY;
  }
  if (result == TIME_ZONE_NO_MEMORY)
    sqlite3_result_error_nomem(context);
  else if (result != TIME_ZONE_FOUND)
    argument_error(context, "time zone", value, time_zone_problem(result));
  return zone;
}

/* The unit of numbers. 0: NULL or an error is the result. */
static int64_t take_unit(sqlite3_context *context, sqlite3_value *value) {
  int64_t ticks_per_s = 0;
  if (sqlite3_value_type(value) == SQLITE_NULL) return 0;
  if (sqlite3_value_type(value) == SQLITE_TEXT) {
    const char *text = (const char *)sqlite3_value_text(value);
    if (!text) {
      sqlite3_result_error_nomem(context);
      return 0;
    }
    ticks_per_s = time_unit_parse(text, (size_t)sqlite3_value_bytes(value));
  }
  if (!ticks_per_s) argument_error(context, "unit", value, "is unknown; write 's', 'ms', 'us' or 'ns'");
  return ticks_per_s;
}

/* The instant in `time`, in UTC. False: NULL. */
static bool take_instant(sqlite3_value *value, int64_t ticks_per_s, struct time_text *time) {
  *time = (struct time_text){.spelling = {.separator = ' '}};
  switch (sqlite3_value_type(value)) {
  case SQLITE_INTEGER:
    time->unix_s = time_floor_div(sqlite3_value_int64(value), ticks_per_s);
    return true;
  case SQLITE_FLOAT: {
    double seconds = floor(sqlite3_value_double(value) / (double)ticks_per_s);
    if (!(fabs(seconds) <= (double)TIME_LIMIT_S)) return false;
    time->unix_s = (int64_t)seconds;
    return true;
  }
  case SQLITE_TEXT: {
    const char *text = (const char *)sqlite3_value_text(value);
    return text && time_text_read(text, (size_t)sqlite3_value_bytes(value), time);
  }
  }
  return false;
}

void local_time_call(sqlite3_context *context, int n_arg, sqlite3_value **args) {
  struct time_text time;
  char out[TIME_TEXT_MAX];
  int64_t ticks_per_s = n_arg > 2 ? take_unit(context, args[2]) : 1;
  struct time_zone *zone = ticks_per_s ? take_zone(context, args[1]) : 0;
  if (!zone) return;
  if (take_instant(args[0], ticks_per_s, &time) && time.unix_s >= -TIME_LIMIT_S &&
      time.unix_s <= TIME_LIMIT_S) {
    time.unix_s += time_zone_span(zone, time.unix_s).offset_s;
    time.spelling.has_time = true;
    time.spelling.has_zone = false;
    size_t length = time_text_write(&time, out);
    if (length > 0) sqlite3_result_text(context, out, (int)length, SQLITE_TRANSIENT);
  }
  time_zone_release(zone);
}
