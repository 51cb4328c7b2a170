/*
** Times as text, as SQLite's date functions read and write them.
**
** Read: YYYY-MM-DD, or YYYY-MM-DD HH:MM[:SS[.digits]] with blanks and T's in between, followed by an
** optional Z or [+-]HH:MM; '-' before the year for years before 0. Month 1-12, day 1-31, hour 0-24, minute
** and second 0-59, offset up to 14:59. Days 29-31 that a month lacks and hour 24 run over into the next
** month or day, as they do in julianday(). Not read: times without a date, bare numbers, 'now', anything
** that julianday() does not read, and what lies outside -4713-11-24 12:00 to the end of 9999.
** Digits of a second beyond the ninth are cut off, never rounded.
*/
#ifndef ALMANAC_TIME_TEXT_H
#define ALMANAC_TIME_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_TEXT_FIRST_S (-210866760000) /* -4713-11-24 12:00:00 */
#define TIME_TEXT_LAST_S  253402300799    /* 9999-12-31 23:59:59 */
#define TIME_TEXT_MAX     40              /* bytes that time_text_write may need, its NUL among them */

/* How a text is spelt. */
struct time_spelling {
  bool has_time;    /* false: YYYY-MM-DD alone */
  bool has_zone;    /* a Z, or an offset that has been applied: written as Z */
  char separator;   /* 'T' or ' ' */
  uint8_t fraction; /* digits of a second to write, 0 to 9; reading leaves 0 */
};

struct time_text {
  int64_t unix_s;
  int32_t nanosecond; /* 0 to 999,999,999, also before 1970 */
  struct time_spelling spelling;
};

/* Reads `text` up to its NUL or `length` bytes; false if it is no time. */
bool time_text_read(const char *text, size_t length, struct time_text *time);

/*
** Writes `time` as its spelling says, with a NUL, and returns the length without it; 0 outside the range of
** the calendar above. `out` has TIME_TEXT_MAX bytes.
*/
size_t time_text_write(const struct time_text *time, char *out);

/* The civil calendar (proleptic Gregorian): days since 1970-01-01 and back. Months and days count from 1. */
int64_t time_days_from_date(int64_t year, int month, int day);
void time_date_from_days(int64_t days, int64_t *year, int *month, int *day);

/* Division towards minus infinity, and its remainder, 0 to divisor - 1; divisor > 0. */
static inline int64_t time_floor_mod(int64_t value, int64_t divisor) {
  int64_t rest = value % divisor;
  return rest < 0 ? rest + divisor : rest;
}
static inline int64_t time_floor_div(int64_t value, int64_t divisor) {
  return value / divisor - (value % divisor < 0);
}

#endif
