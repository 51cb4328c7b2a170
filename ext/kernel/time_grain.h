/*
** A time grain: what a width and its modifiers say about buckets, and the arithmetic of buckets.
** The requirements (R-...) are those of time_bucket, numbered in ../function/time_bucket.c.
*/
#ifndef ALMANAC_TIME_GRAIN_H
#define ALMANAC_TIME_GRAIN_H
#include "ext/kernel/time_text.h"
#include "ext/kernel/time_zone.h"

#define TIME_NONE    INT64_MIN          /* no such bucket: out of range */
#define TIME_LIMIT_S (INT64_C(1) << 53) /* months and zones work for Unix seconds within +- this */

enum time_grain_kind {
  TIME_NUMBER, /* a plain number in the unit of ts */
  TIME_FIXED,  /* a fixed time, kept in nanoseconds */
  TIME_MONTHS  /* whole months */
};

/* Read the fields, change none. */
struct time_grain {
  enum time_grain_kind kind;
  bool number_is_real;    /* TIME_NUMBER: the width is number_real and not whole, not number */
  int64_t number;         /* TIME_NUMBER: the width, when whole */
  double number_real;     /* TIME_NUMBER: the width */
  int64_t width_ns;       /* TIME_FIXED */
  int64_t months;         /* TIME_MONTHS */
  int64_t width_s;        /* the width when it is fixed and whole seconds, of any kind; else 0 */
  int64_t ticks_per_s;    /* unit of a numeric ts: 1, 1000, 1000000 or 1000000000 */
  int64_t origin_s;       /* Unix seconds; with a zone, what the local clock reads, as if it were UTC */
  struct time_zone *zone; /* NULL: UTC */
  int fraction_digits;    /* digits of a second in a text result, 0 to 9 */
  /* Derived, for INTEGER ts without months and zone: bucket = ts - (ts - phase) mod width. */
  int64_t width_ticks; /* the width in units of ts when whole; 1 when it divides the unit; else 0 */
  int64_t phase_ticks; /* the origin modulo width_ticks */
  char error[256];     /* after a failure: what is wrong and what to do, without the function's name */
  bool no_memory;      /* the failure was a lack of memory */
};

/* The width as it was given: text (NULL-terminated or not) if `text` is set, else a number. */
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

/* True if every bucket starts on a whole second, which the two functions below need. */
static inline bool time_grain_is_whole_s(const struct time_grain *grain) {
  return grain->kind == TIME_MONTHS || grain->width_s > 0;
}

/* Start of the bucket that holds `at_s`; TIME_NONE beyond TIME_LIMIT_S. */
int64_t time_grain_floor_s(const struct time_grain *grain, int64_t at_s);

/*
** The first instant after `at_s` that is in another bucket than `at_s`; for the start of a bucket: the start
*of the
** bucket after it. TIME_NONE beyond TIME_LIMIT_S.
** To fill a table of boundaries: b = floor_s(lo); then b = next_s(b) until b > hi. The largest b <= ts is
*then
** floor_s(ts), except where a zone's clock goes back over a bucket's start that it had already read without
*landing
** on one (America/St_Johns 1987-2011: from 00:01 to 23:01 of the day before; days there are not contiguous,
*and
** floor_s(b) < b tells that b starts the second part of an earlier bucket).
*/
int64_t time_grain_next_s(const struct time_grain *grain, int64_t at_s);

/* The bucket of an INTEGER, REAL or text ts. False: there is none that the type can hold (R-...: NULL). */
struct time_number {
  bool is_real;
  int64_t integer;
  double real;
};
bool time_grain_bucket_integer(const struct time_grain *grain, int64_t ts, struct time_number *start);
bool time_grain_bucket_real(const struct time_grain *grain, double ts, double *start);
bool time_grain_bucket_text(const struct time_grain *grain, struct time_text *time); /* in place */

#endif
