/* The arithmetic of buckets; see time_grain.h. */
#include "ext/kernel/time_grain.h"
#include <math.h>

#define SECOND_NS INT64_C(1000000000)
#define DAY_S     86400
#define TWO_63    9223372036854775808.0
#define EXACT     9007199254740992.0 /* 2^53: up to here doubles hold every whole number */

/* ---- On one clock, without a zone ---- */

/* The start of the month bucket that holds the clock's `at_s`, `skip` buckets later. */
static int64_t month_bucket_s(const struct time_grain *grain, int64_t at_s, int skip) {
  int64_t year;
  int month, day;
  time_date_from_days(time_floor_div(at_s, DAY_S), &year, &month, &day);
  int64_t within_s = (day - 1) * DAY_S + time_floor_mod(at_s, DAY_S);
  int64_t count = year * 12 + month - 1 - grain->origin_month - (within_s < grain->origin_within_s);
  count += skip * grain->months - time_floor_mod(count, grain->months) + grain->origin_month;
  int64_t days = time_days_from_date(time_floor_div(count, 12), (int)time_floor_mod(count, 12) + 1, 1);
  return days * DAY_S + grain->origin_within_s;
}

static int64_t fixed_bucket_s(const struct time_grain *grain, int64_t at_s) {
  int64_t phase = time_floor_mod(grain->origin_s, grain->width_s);
  int64_t rest = time_floor_mod(at_s, grain->width_s) - phase;
  if (rest < 0) rest += grain->width_s;
  return at_s < INT64_MIN + rest ? TIME_NONE : at_s - rest;
}

static int64_t clock_floor_s(const struct time_grain *grain, int64_t at_s) {
  return grain->kind == TIME_MONTHS ? month_bucket_s(grain, at_s, 0) : fixed_bucket_s(grain, at_s);
}

static int64_t clock_next_s(const struct time_grain *grain, int64_t at_s) {
  if (grain->kind == TIME_MONTHS) return month_bucket_s(grain, at_s, 1);
  int64_t start = fixed_bucket_s(grain, at_s);
  if (start == TIME_NONE || start > INT64_MAX - grain->width_s) return TIME_NONE;
  return start + grain->width_s;
}

/* ---- On the clock of a zone ---- */

/*
** Goes back from `at_s`, stretch by stretch of one offset, to the latest instant at which the clock
** read the bucket's start, or at which it was set forward over it. Within a stretch the clock reads each
** time but once.
*/
static int64_t zone_floor_s(const struct time_grain *grain, int64_t at_s) {
  struct time_span span = time_zone_span(grain->zone, at_s);
  int64_t start_clock_s = clock_floor_s(grain, at_s + span.offset_s);
  for (;;) {
    int64_t start_s = start_clock_s - span.offset_s;
    if (start_s >= span.from_s) return start_s;
    struct time_span before = time_zone_span(grain->zone, span.from_s - 1);
    if (start_clock_s >= span.from_s + before.offset_s) return span.from_s;
    span = before;
  }
}

static int64_t zone_next_s(const struct time_grain *grain, int64_t at_s) {
  int64_t bucket_s = zone_floor_s(grain, at_s);
  for (;;) {
    struct time_span span = time_zone_span(grain->zone, at_s);
    int64_t next_s = clock_next_s(grain, at_s + span.offset_s) - span.offset_s;
    if (next_s < span.to_s) return next_s;
    if (zone_floor_s(grain, span.to_s) != bucket_s) return span.to_s;
    at_s = span.to_s;
  }
}

/* Months and zones need the calendar, which has its limits. */
static bool in_calendar(int64_t at_s) {
  return at_s >= -TIME_LIMIT_S && at_s <= TIME_LIMIT_S;
}

int64_t time_grain_floor_s(const struct time_grain *grain, int64_t at_s) {
  if (grain->zone) return in_calendar(at_s) ? zone_floor_s(grain, at_s) : TIME_NONE;
  if (grain->kind == TIME_MONTHS && !in_calendar(at_s)) return TIME_NONE;
  return clock_floor_s(grain, at_s);
}

int64_t time_grain_next_s(const struct time_grain *grain, int64_t at_s) {
  if (grain->zone) return in_calendar(at_s) ? zone_next_s(grain, at_s) : TIME_NONE;
  if (grain->kind == TIME_MONTHS && !in_calendar(at_s)) return TIME_NONE;
  return clock_next_s(grain, at_s);
}

/* ---- Numeric ts ---- */

/* An INTEGER ts with a zone or months: by way of whole seconds, on which these buckets start. */
static bool bucket_calendar(const struct time_grain *grain, int64_t ts, int64_t *start) {
  int64_t start_s = time_grain_floor_s(grain, time_floor_div(ts, grain->ticks_per_s));
  if (start_s == TIME_NONE || start_s < INT64_MIN / grain->ticks_per_s) return false;
  *start = start_s * grain->ticks_per_s;
  return true;
}

static bool bucket_whole(const struct time_grain *grain, int64_t ts, int64_t *start) {
  if (grain->zone || grain->kind == TIME_MONTHS) return bucket_calendar(grain, ts, start);
  return time_grain_bucket_ticks(grain, ts, start);
}

/* The double nearest to the start of bucket `k`. */
static double fraction_start(const struct time_grain *grain, double k) {
  return (k * grain->numerator + grain->phase) / grain->denominator;
}

/*
** Buckets of a width that is not whole in the unit of ts. The division gives the bucket, or one a few
** off where ts and the width are far apart; the comparison with the starts decides, so that 0.3 starts a
** bucket of '100ms', and a start is in its own bucket. From about 2^53 buckets on a double is no finer than a
** bucket, and starts one.
*/
static double bucket_fraction(const struct time_grain *grain, double ts) {
  double k = floor((ts * grain->denominator - grain->phase) / grain->numerator);
  if (!(fabs(k) < EXACT - 64)) return ts; /* 64: so that k can step */
  while (fraction_start(grain, k) > ts) k--;
  while (fraction_start(grain, k + 1) <= ts) k++;
  return fraction_start(grain, k);
}

bool time_grain_bucket_number(const struct time_grain *grain, const struct time_number *ts,
                              struct time_number *start) {
  bool by_calendar = grain->zone || grain->kind == TIME_MONTHS;
  bool is_whole_width = by_calendar || (grain->width_ticks > 0 && grain->denominator == 1);
  start->is_real = ts->is_real;
  if (!ts->is_real && (by_calendar || grain->width_ticks > 0))
    return bucket_whole(grain, ts->integer, &start->integer);
  double value = ts->is_real ? ts->real : (double)ts->integer;
  if (is_whole_width && value >= -TWO_63 && value < TWO_63) {
    bool found = bucket_whole(grain, (int64_t)floor(value), &start->integer);
    start->real = (double)start->integer;
    return found;
  }
  if (by_calendar || (!ts->is_real && fabs(value) > EXACT)) return false;
  start->real = bucket_fraction(grain, value);
  if (!ts->is_real && start->real == floor(start->real) && fabs(start->real) < TWO_63)
    start->integer = (int64_t)start->real;
  else
    start->is_real = true;
  return true;
}

/* ---- Text ts ---- */

int64_t time_multiply_mod(int64_t value, int64_t factor, int64_t divisor) {
  uint64_t sum = 0, power = (uint64_t)value, modulus = (uint64_t)divisor; /* below 2^63, so sums fit */
  for (; factor > 0; factor >>= 1) {
    if (factor & 1) sum = (sum + power) % modulus;
    power = power * 2 % modulus;
  }
  return (int64_t)sum;
}

/* A width that is not whole seconds, which has no zone. */
static void floor_nanoseconds(const struct time_grain *grain, struct time_text *time) {
  int64_t width = grain->width_ns;
  int64_t since_s = time_floor_mod(time->unix_s - grain->origin_s, width);
  uint64_t rest = (uint64_t)time_multiply_mod(since_s, SECOND_NS, width) + (uint64_t)time->nanosecond;
  rest %= (uint64_t)width;
  int64_t nanosecond = time->nanosecond - (int64_t)(rest % SECOND_NS);
  time->unix_s -= (int64_t)(rest / SECOND_NS) + (nanosecond < 0);
  time->nanosecond = (int32_t)(nanosecond < 0 ? nanosecond + SECOND_NS : nanosecond);
}

bool time_grain_bucket_text(const struct time_grain *grain, struct time_text *time) {
  time->spelling.fraction = (uint8_t)grain->fraction_digits;
  if (grain->kind == TIME_FIXED && grain->width_s == 0) {
    floor_nanoseconds(grain, time);
    return true;
  }
  time->unix_s = time_grain_floor_s(grain, time->unix_s);
  time->nanosecond = 0;
  return time->unix_s != TIME_NONE;
}
