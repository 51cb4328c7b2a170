/*
** time_bucket(width, ts [, modifier ...]): the start of the bucket of time that holds ts.
**
** R-1  The result has the type of ts: INTEGER, REAL or text. NULL for a NULL argument, for a blob as ts,
**      and for text that is no date. The bucket that starts at s holds s itself and all up to the next
**      start; times before 1970, and all REAL ones, go down to their start, never towards zero.
** R-2  width, a number above 0: in the unit of ts; buckets start at its multiples. An error for text ts,
**      which has no unit. With a time zone it is taken as a time.
**      width, text: a number and a unit, or several ('1h 30m'), or a unit alone: s, m, h, d, w, mo, y, ms,
**      us, ns, min, sec, hr, and the words from nanosecond to year with quarter, singular and plural, in
**      any case; or an ISO 8601 duration ('PT15M', 'P1D', 'P3M'). Decimals are exact, to the nanosecond.
**      '1M' is an error (minute or month?), as are months mixed with shorter units, zero, negative and more
**      than 292 years (in months: 10,000).
** R-3  A numeric ts counts seconds since 1970 (Unix time); the modifiers 'ms', 'us', 'ns' (and 's') change
**      that.
** R-4  INTEGER ts and a width that is not whole in its unit ('1500ms' and seconds): INTEGER where the start
**      is whole, else REAL, as no INTEGER starts that bucket. REAL ts and such a width: starts are the
**      doubles nearest to them, so that 0.3 starts a bucket of '100ms'.
** R-5  Text ts is what SQLite's date functions read, if it has a date in it (kernel/time_text.h); days and
**      hours that run over (2024-02-31, 24:00) count on as they do there; a fraction is cut off, never
**      rounded.
** R-6  Text results keep the shape: a date alone stays one (the start's, in UTC), seconds are added to
**      HH:MM, T or blank and Z stay, an offset becomes UTC with Z. They have no fraction.
** R-7  The modifier 'fraction=6' gives text results that many digits of a second, 0 to 9. Widths that are
**      no whole seconds give 3, 6 or 9 by themselves, whatever they need.
** R-8  An IANA time zone as modifier: buckets are those of the zone's clock. The result is the latest
**      instant not after ts at which that clock read the bucket's start or, where it was set forward over
**      it, that instant. So the two 02:00 hours of an autumn night are two buckets, and days have 23, 24 or
**      25 hours. (Where clocks go back from 01:00 to 00:00, as in Havana, the rule holds as it stands: the
**      second 00:00 starts a bucket again.) Widths that are neither whole seconds nor divide one are an
**      error.
** R-9  Buckets are counted from Monday 2000-01-03 00:00, those of months and years from 2000-01-01, those
**      of a number from 1970; the modifier 'origin=YYYY-MM-DD[ HH:MM[:SS]]' changes it. In UTC, or on the
**      zone's clock. Months need an origin on day 1 to 28.
** R-10 NULL where the result does not fit: INTEGER starts below -2^63, INTEGER ts of R-4 beyond +-2^53,
**      months and zones beyond +-2^53 seconds, text outside of years -4713 to 9999.
** R-11 Each kind of modifier once, in any order. What is wrong is an error that starts with the function's
**      name.
**
** Constant arguments are read once per statement (sqlite3_set_auxdata). Where a modifier is not constant (a
** column of zone names), it is read for each row, and the zone comes from the connection's own cache.
*/
#include "ext/function/function.h"
#include "ext/kernel/time_grain.h"

#define MODIFIERS_MAX 4 /* unit, origin, fraction and zone: R-11 */

static void free_grain(void *data) {
  time_grain_free(data);
  sqlite3_free(data);
}

/* Tells what is wrong with an argument that is neither of the types it could be. */
static void type_error(sqlite3_context *context, const char *what, sqlite3_value *value) {
  char *shown = value_for_message(value);
  function_error(context, "time_bucket: %s, not %s", what, shown);
  sqlite3_free(shown);
}

/* The width as the kernel takes it. False: NULL, or an error was set. */
static bool take_width(sqlite3_context *context, sqlite3_value *value, struct time_width *width) {
  *width = (struct time_width){0};
  switch (sqlite3_value_type(value)) {
  case SQLITE_INTEGER:
    width->integer = sqlite3_value_int64(value);
    return true;
  case SQLITE_FLOAT:
    width->is_real = true;
    width->real = sqlite3_value_double(value);
    return true;
  case SQLITE_TEXT:
    width->text = (const char *)sqlite3_value_text(value);
    width->length = (size_t)sqlite3_value_bytes(value);
    if (!width->text) sqlite3_result_error_nomem(context);
    return width->text != 0;
  case SQLITE_BLOB:
    type_error(context, "width must be a number or text such as '1 hour'", value);
  }
  return false;
}

/* The same for a modifier. */
static bool take_modifier(sqlite3_context *context, sqlite3_value *value, struct time_modifier *modifier) {
  int type = sqlite3_value_type(value);
  if (type == SQLITE_NULL) return false;
  if (type != SQLITE_TEXT) {
    type_error(context, "a modifier must be text such as 'ms' or 'Europe/Berlin'", value);
    return false;
  }
  modifier->text = (const char *)sqlite3_value_text(value);
  modifier->length = (size_t)sqlite3_value_bytes(value);
  if (!modifier->text) sqlite3_result_error_nomem(context);
  return modifier->text != 0;
}

/* Reads the arguments beside ts into a grain that the statement keeps. NULL: the result is set already. */
static const struct time_grain *read_grain(sqlite3_context *context, int n_arg, sqlite3_value **args) {
  static const char constant;
  struct time_width width;
  struct time_modifier modifiers[MODIFIERS_MAX];
  if (!take_width(context, args[0], &width)) return 0;
  for (int i = 2; i < n_arg; i++)
    if (!take_modifier(context, args[i], &modifiers[i - 2])) return 0;
  struct time_grain *grain = sqlite3_malloc64(sizeof *grain);
  if (!grain) {
    sqlite3_result_error_nomem(context);
    return 0;
  }
  if (!time_grain_parse(grain, width, modifiers, n_arg - 2, sqlite3_user_data(context))) {
    if (grain->no_memory)
      sqlite3_result_error_nomem(context);
    else
      function_error(context, "time_bucket: %s", grain->error);
    sqlite3_free(grain);
    return 0;
  }
  /* SQLite drops what is kept for arguments that are not constant: the marks tell of modifiers. */
  for (int i = 2; i < n_arg; i++) sqlite3_set_auxdata(context, i, (void *)&constant, 0);
  sqlite3_set_auxdata(context, 0, grain, free_grain);
  return sqlite3_get_auxdata(context, 0); /* gone already if there was no memory to keep it */
}

static const struct time_grain *find_grain(sqlite3_context *context, int n_arg, sqlite3_value **args) {
  const struct time_grain *grain = sqlite3_get_auxdata(context, 0);
  for (int i = 2; i < n_arg && grain; i++)
    if (!sqlite3_get_auxdata(context, i)) grain = 0;
  return grain ? grain : read_grain(context, n_arg, args);
}

static void bucket_number(sqlite3_context *context, const struct time_grain *grain, struct time_number ts) {
  struct time_number start;
  if (!time_grain_bucket_number(grain, &ts, &start)) return;
  if (start.is_real)
    sqlite3_result_double(context, start.real);
  else
    sqlite3_result_int64(context, start.integer);
}

static void bucket_text(sqlite3_context *context, const struct time_grain *grain, sqlite3_value **args) {
  struct time_text time;
  char out[TIME_TEXT_MAX];
  if (grain->is_number) {
    char *width = value_for_message(args[0]);
    char *ts = value_for_message(args[1]);
    function_error(context,
                   "time_bucket: width %s is a number, but ts %s is text; write a width such as '1 hour'",
                   width, ts);
    sqlite3_free(width);
    sqlite3_free(ts);
    return;
  }
  const char *text = (const char *)sqlite3_value_text(args[1]);
  if (!text) {
    sqlite3_result_error_nomem(context);
    return;
  }
  if (!time_text_read(text, (size_t)sqlite3_value_bytes(args[1]), &time)) return;
  if (!time_grain_bucket_text(grain, &time)) return;
  size_t length = time_text_write(&time, out);
  if (length > 0) sqlite3_result_text(context, out, (int)length, SQLITE_TRANSIENT);
}

void time_bucket_call(sqlite3_context *context, int n_arg, sqlite3_value **args) {
  const struct time_grain *grain = find_grain(context, n_arg, args);
  int64_t start;
  if (!grain) return;
  switch (sqlite3_value_type(args[1])) {
  case SQLITE_INTEGER: {
    int64_t ts = sqlite3_value_int64(args[1]);
    if (grain->width_ticks == 0)
      bucket_number(context, grain, (struct time_number){.integer = ts});
    else if (time_grain_bucket_ticks(grain, ts, &start))
      sqlite3_result_int64(context, start);
    return;
  }
  case SQLITE_FLOAT:
    bucket_number(context, grain,
                  (struct time_number){.is_real = true, .real = sqlite3_value_double(args[1])});
    return;
  case SQLITE_TEXT:
    bucket_text(context, grain, args);
  }
}
