/*
** The bucket of each row, as time_bucket gives it (time_grain.h). The last row's bucket is remembered as the stretch
** of times that it holds, so that rows that come in some order of time need no division.
*/
#include "ext/kernel/rollup_inside.h"
#include <math.h>
#include <string.h>

#define TWO_63 9223372036854775808.0

/* Numbers a bucket; NUMBER_NONE: failed. */
static uint32_t number_bucket(struct rollup *rollup, struct rollup_value bucket) {
  return distinct_number(&rollup->buckets, &rollup->memory, &bucket);
}

static struct rollup_value as_value(const struct time_number *number) {
  if (number->is_real) return (struct rollup_value){.type = BATCH_REAL, .is.real = number->real};
  return (struct rollup_value){.type = BATCH_INTEGER, .is.integer = number->integer};
}

/* The seconds from `start_s`, the start of a bucket, to the next; 0 where they are not all of that bucket. */
static int64_t whole_bucket_s(const struct time_grain *grain, int64_t start_s) {
  if (time_grain_floor_s(grain, start_s) != start_s) return 0;
  int64_t next_s = time_grain_next_s(grain, start_s);
  return next_s == TIME_NONE || next_s <= start_s ? 0 : next_s - start_s;
}

static bool is_calendar(const struct time_grain *grain) {
  return grain->zone || grain->kind == TIME_MONTHS;
}

/* Ends at the last integer, where times don't go on with the first. */
static struct time_stretch clipped(int64_t from, int64_t width) {
  bool fits = width <= 1 || from <= INT64_MAX - (width - 1);
  uint64_t rest = (uint64_t)INT64_MAX - (uint64_t)from + 1;
  return (struct time_stretch){.from = from, .width = fits ? (uint64_t)width : rest};
}

/* Of the bucket that starts at `start` and holds `ts`, both integers: at least ts itself. */
static struct time_stretch stretch_of(const struct time_grain *grain, int64_t ts, int64_t start) {
  if (!is_calendar(grain) && grain->width_ticks > 0) return clipped(start, grain->width_ticks);
  int64_t width = 0, width_s = 0;
  if (is_calendar(grain)) width_s = whole_bucket_s(grain, time_floor_div(start, grain->ticks_per_s));
  if (!__builtin_mul_overflow(width_s, grain->ticks_per_s, &width) && width > 0) {
    struct time_stretch stretch = clipped(start, width);
    if (stretch_has(&stretch, ts)) return stretch;
  }
  return (struct time_stretch){.from = ts, .width = 1};
}

uint32_t rollup_bucket_of_integer(struct rollup *rollup, int64_t ts) {
  const struct time_grain *grain = rollup->spec->grain;
  struct time_number given = {.integer = ts}, start;
  if (!time_grain_bucket_number(grain, &given, &start)) return NUMBER_NONE;
  uint32_t bucket = number_bucket(rollup, as_value(&start));
  if (bucket == NUMBER_NONE) return NUMBER_NONE;
  rollup->times.integers =
      start.is_real ? (struct time_stretch){.from = ts, .width = 1} : stretch_of(grain, ts, start.integer);
  rollup->times.integers.bucket = bucket;
  return bucket;
}

/* Where buckets start at whole numbers, all that have the same floor are of one. */
static uint32_t bucket_of_real(struct rollup *rollup, double ts) {
  const struct time_grain *grain = rollup->spec->grain;
  struct time_stretch *stretch = &rollup->times.reals;
  bool is_whole = (is_calendar(grain) || (grain->width_ticks > 0 && grain->denominator == 1)) &&
                  ts >= -TWO_63 && ts < TWO_63;
  int64_t below = is_whole ? (int64_t)floor(ts) : 0;
  if (is_whole && stretch_has(stretch, below)) return stretch->bucket;
  struct time_number given = {.is_real = true, .real = ts}, start;
  if (isnan(ts) || !time_grain_bucket_number(grain, &given, &start)) return NUMBER_NONE;
  uint32_t bucket = number_bucket(rollup, as_value(&start));
  struct time_number whole = {.integer = below};
  if (bucket != NUMBER_NONE && is_whole && time_grain_bucket_number(grain, &whole, &start) &&
      !start.is_real) {
    *stretch = stretch_of(grain, below, start.integer);
    stretch->bucket = bucket;
  }
  return bucket;
}

static bool same_spelling(const struct time_spelling *a, const struct time_spelling *b) {
  return a->has_time == b->has_time && a->has_zone == b->has_zone && a->separator == b->separator;
}

/* Notes the instant at `row`, where values need it. */
static void keep_instant(struct rollup *rollup, const struct batch_column *times, int row,
                         const struct time_text *time) {
  if (rollup->instants)
    rollup->instants[row] = (struct text_instant){
        .unix_s = time->unix_s,
        .nanosecond = time->nanosecond,
        .length = times->lengths[row],
        .bytes = times->values[row].bytes,
    };
}

static uint32_t bucket_of_text(struct rollup *rollup, const struct batch_column *times, int row) {
  const struct time_grain *grain = rollup->spec->grain;
  struct time_stretch *stretch = &rollup->times.texts;
  struct time_text time;
  char out[TIME_TEXT_MAX];
  if (grain->is_number) {
    rollup_refuse(rollup, ROLLUP_BAD_TIME, rollup->spec->time_column, times, row);
    return NUMBER_NONE;
  }
  const char *text = (const char *)times->values[row].bytes;
  if (times->lengths[row] == 0 || !time_text_read(text, times->lengths[row], &time)) return NUMBER_NONE;
  keep_instant(rollup, times, row, &time);
  int64_t at_s = time.unix_s;
  struct time_spelling spelling = time.spelling;
  if (stretch_has(stretch, at_s) && same_spelling(&spelling, &rollup->times.spelling)) return stretch->bucket;
  if (!time_grain_bucket_text(grain, &time)) return NUMBER_NONE;
  size_t length = time_text_write(&time, out);
  if (length == 0) return NUMBER_NONE;
  struct rollup_value value = {
      .type = BATCH_TEXT, .is.bytes = (unsigned char *)out, .length = (uint32_t)length};
  uint32_t bucket = number_bucket(rollup, value);
  if (bucket == NUMBER_NONE) return NUMBER_NONE;
  int64_t width_s = time_grain_is_whole_s(grain) ? whole_bucket_s(grain, time.unix_s) : 0;
  *stretch = (struct time_stretch){time.unix_s, (uint64_t)width_s, bucket};
  if (!stretch_has(stretch, at_s)) stretch->width = 0;
  rollup->times.spelling = spelling;
  return bucket;
}

static uint32_t bucket_at(struct rollup *rollup, const struct batch_column *times, int row) {
  const struct time_stretch *integers = &rollup->times.integers;
  switch (batch_type_at(times, row)) {
  case BATCH_INTEGER:
    return stretch_has(integers, times->values[row].integer)
               ? integers->bucket
               : rollup_bucket_of_integer(rollup, times->values[row].integer);
  case BATCH_REAL:
    return bucket_of_real(rollup, times->values[row].real);
  case BATCH_TEXT:
    return bucket_of_text(rollup, times, row);
  default:
    return NUMBER_NONE;
  }
}

bool rollup_bucket_rows(struct rollup *rollup, const struct batch_column *times, int n) {
  if (rollup->keeps_instants && !rollup->instants && times->present & 1u << BATCH_TEXT) {
    rollup->instants =
        rollup_grow(&rollup->memory, NULL, &rollup->instants_bytes, BATCH_ROWS * sizeof *rollup->instants);
    if (!rollup->instants) return false;
  }
  for (int row = 0; row < n; row++) {
    rollup->batch_buckets[row] = bucket_at(rollup, times, row);
    rollup->n_skipped += rollup->batch_buckets[row] == NUMBER_NONE;
  }
  return rollup->memory.status == ROLLUP_OK;
}
