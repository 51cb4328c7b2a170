/*
** A time grain: what a width and its modifiers say about buckets, and the arithmetic of buckets.
** The requirements (R-...) are those of time_bucket, numbered in ../function/time_bucket.c.
**
** Reading a width and modifiers is in time_grain_parse.c, the arithmetic in time_grain.c.
*/
#ifndef ALMANAC_TIME_GRAIN_H
#define ALMANAC_TIME_GRAIN_H
#include "ext/kernel/time_text.h"
#include "ext/kernel/time_zone.h"

#define TIME_NONE INT64_MIN /* no such bucket: out of range */

enum time_grain_kind {
  TIME_NUMBER, /* a plain number in the unit of ts */
  TIME_FIXED,  /* a fixed time, kept in nanoseconds */
  TIME_MONTHS  /* whole months */
};

/* Read the fields, change none. */
struct time_grain {
  enum time_grain_kind kind;
  bool is_number;         /* the width was a plain number, which text ts refuses (TIME_FIXED with a zone) */
  int64_t number;         /* TIME_NUMBER: the width when it is whole, else 0 */
  double number_real;     /* TIME_NUMBER: the width */
  int64_t width_ns;       /* TIME_FIXED */
  int64_t months;         /* TIME_MONTHS */
  int64_t width_s;        /* the width when it is fixed (of either kind) and whole seconds, else 0 */
  int64_t ticks_per_s;    /* unit of a numeric ts: 1, 1000, 1000000 or 1000000000 a second */
  int64_t origin_s;       /* Unix seconds; with a zone, what its clock reads, as if it were UTC */
  struct time_zone *zone; /* NULL: UTC; with a zone, buckets start on whole seconds */
  int fraction_digits;    /* digits of a second in a text result, 0 to 9 */

  /* Derived, for numeric ts without months and zone: bucket = ts - (ts - phase) mod width. */
  int64_t width_ticks; /* the width in units of ts when whole; 1 when it divides the unit; else 0 */
  int64_t phase_ticks; /* the origin modulo width_ticks */
  /* The same as fractions, for REAL ts: buckets start at (k * numerator + phase) / denominator. */
  double numerator, denominator, phase;

  /* Derived, for months: the origin's month, counted from year 0, and its place in that month. */
  int64_t origin_month, origin_within_s;

  char error[256]; /* after a failure: what is wrong and what to do, without the function's name */
  bool no_memory;  /* the failure was a lack of memory */
};

/* The width as it was given: text (which needs no NUL) if `text` is set, else a number. */
struct time_width {
  const char *text;
  size_t length;
  bool is_real;
  int64_t integer; /* when !is_real */
  double real;     /* when is_real */
};

struct time_modifier {
  const char *text;
  size_t length;
};

/*
** Fills `grain` from a width and its modifiers ("ms", "origin=2024-04-01", "fraction=6", "Europe/Berlin").
** `zones` is a cache of zones, or NULL. False on failure: grain->error tells; nothing is left to be freed.
*/
bool time_grain_parse(struct time_grain *grain, struct time_width width,
                      const struct time_modifier *modifiers, int n_modifiers, struct time_zones *zones);
void time_grain_free(struct time_grain *grain); /* what the grain holds, not the struct */

/* A modifier for the unit of a numeric ts: its ticks a second; 0 if it is none. */
int64_t time_unit_parse(const char *text, size_t length);

/* True if every bucket starts on a whole second, which the two functions below need. */
static inline bool time_grain_is_whole_s(const struct time_grain *grain) {
  return grain->kind == TIME_MONTHS || grain->width_s > 0;
}

/* Start of the bucket that holds `at_s`; TIME_NONE out of range. */
int64_t time_grain_floor_s(const struct time_grain *grain, int64_t at_s);

/*
** The first instant after `at_s` that is in another bucket than `at_s`; for the start of a bucket: the
** start of the bucket after it. TIME_NONE out of range.
** To fill a table of boundaries: b = floor_s(lo), then b = next_s(b) until b > hi. The largest b <= ts is
** then floor_s(ts), except where a zone's clock is set back over the start of a bucket that it had already
** read, to a time inside the bucket before (America/St_Johns until 2011: from 00:01 to 23:01 of the day
** before). Buckets are not contiguous there, and floor_s(b) < b tells that b starts the second part of an
** earlier bucket.
*/
int64_t time_grain_next_s(const struct time_grain *grain, int64_t at_s);

/* The bucket of a numeric ts; it is REAL if ts is, or if it is not whole. False: none (R-10: NULL). */
struct time_number {
  bool is_real;
  int64_t integer;
  double real;
};
bool time_grain_bucket_number(const struct time_grain *grain, const struct time_number *ts,
                              struct time_number *start);

/* The bucket of an INTEGER ts, fast, when grain->width_ticks is not 0. False: none. */
static inline bool time_grain_bucket_ticks(const struct time_grain *grain, int64_t ts, int64_t *start) {
  int64_t rest = ts % grain->width_ticks;
  rest += rest < 0 ? grain->width_ticks : 0;
  rest -= grain->phase_ticks;
  rest += rest < 0 ? grain->width_ticks : 0;
  if (ts < INT64_MIN + rest) return false;
  *start = ts - rest;
  return true;
}

/* The bucket of a text ts, in place, with the spelling that the result is written in. False: none. */
bool time_grain_bucket_text(const struct time_grain *grain, struct time_text *time);

/* The remainder of value * factor by `divisor`, all within 0 to 2^63 - 1, value below divisor. */
int64_t time_multiply_mod(int64_t value, int64_t factor, int64_t divisor);

#endif
