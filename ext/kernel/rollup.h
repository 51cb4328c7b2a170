/*
** Rows grouped by time bucket and keys, in one pass: what GROUP BY time_bucket(...), key, ... gives, from batches.
**
** A group is a bucket (unless there is no grain) and a value for each key column. Buckets are time_bucket()'s; a row
** whose time is NULL, or has no bucket (time_bucket gives NULL), is skipped. Keys are grouped as SQL's GROUP BY
** does: NULLs are one group, numbers are compared exactly (1 and 1.0 are one group, 2^53 and 2^53 + 1 are two), texts
** by their collation. Of equal keys or buckets that look different (1 and 1.0; 'a' and 'A' under NOCASE), one is shown in
** all groups: the integer, or the text whose bytes sort first.
** Of each value column is kept what the spec asks for, over its values that are not NULL. Nothing depends on the
** order of rows, or on how they were spread over several rollups that are merged, but the last digits of
** sums of reals: those are added in the order in which rows come, so that n of them are within n * 2^-53 of the
** exact sum, relative to the sum of their absolute values.
**
** Memory: by the number of groups, buckets and keys; none per row. See rollup_bytes.
*/
#ifndef ALMANAC_ROLLUP_H
#define ALMANAC_ROLLUP_H
#include "ext/kernel/batch.h"
#include "ext/kernel/time_grain.h"
#include <stddef.h>

/* What is kept of a value column: all up to the highest one that is asked for, by line. */
enum rollup_want {
  ROLLUP_N = 1, /* alone: values may be of any type. All that follows wants numbers. */
  ROLLUP_SUM = 2,
  ROLLUP_MIN = 4,
  ROLLUP_MAX = 8,
  ROLLUP_FIRST = 16,
  ROLLUP_LAST = 32,
  ROLLUP_FIRST_AT = 64,
  ROLLUP_LAST_AT = 128, /* these want a grain */
  ROLLUP_MIN_AT = 256,
  ROLLUP_MAX_AT = 512
};

enum rollup_collation { ROLLUP_BINARY, ROLLUP_NOCASE, ROLLUP_RTRIM };

struct rollup_key {
  int column; /* number of the column in the batches */
  enum rollup_collation collation;
};

struct rollup_field {
  int column;
  unsigned wants; /* bits of enum rollup_want */
};

/* All of it stays the caller's and must live as long as the rollup. A column may be used more than once. */
struct rollup_spec {
  const struct time_grain *grain; /* NULL: no time, groups by keys alone */
  int time_column;                /* with a grain */
  int n_keys;
  const struct rollup_key *keys;
  int n_fields;
  const struct rollup_field *fields;
  bool wants_rows;  /* count(*) */
  size_t bytes_max; /* 0: no bound */
};

enum rollup_status {
  ROLLUP_OK,
  ROLLUP_NO_MEMORY,
  ROLLUP_FULL,     /* more than bytes_max */
  ROLLUP_BAD_TIME, /* a text time, but the grain's width is a number, for which time_bucket gives an error */
  ROLLUP_BAD_VALUE /* a text or blob, but a number is wanted */
};

/* A value. Bytes belong to the rollup, and stay until it takes more, is cleared or closed. */
struct rollup_value {
  union batch_value is;
  uint32_t length; /* of bytes */
  enum batch_type type;
};

/* What is kept of a value column in a group. Not asked for, or without a value: NULL. */
struct rollup_summary {
  int64_t n;
  /* Integers are added exactly: an integer, or sum_overflows if it does not fit. With a real among them, a real. */
  bool sum_overflows;
  struct rollup_value sum;
  struct rollup_value avg;         /* a real, also where the sum overflows */
  struct rollup_value min, max;    /* integers and reals compared exactly; an integer before an equal real */
  struct rollup_value first, last; /* the smallest one at the earliest, the largest one at the latest time */
  struct rollup_value first_at, last_at;
  struct rollup_value min_at, max_at; /* the earliest times of the minimum and of the maximum */
};

struct rollup;

struct rollup *rollup_open(const struct rollup_spec *spec); /* NULL: no memory */
void rollup_close(struct rollup *rollup);                   /* NULL is fine */

/* Forgets all rows, as if newly opened; keeps what memory it can use again. */
void rollup_clear(struct rollup *rollup);

/*
** Takes the rows of a batch. After anything but ROLLUP_OK the rollup can be cleared or closed, nothing else. The
** batch's bytes are not needed any more.
*/
enum rollup_status rollup_take(struct rollup *rollup, const struct batch *batch);

/* Adds all groups of `from`, which has the same spec and stays as it is. Fails like rollup_take. */
enum rollup_status rollup_merge(struct rollup *into, const struct rollup *from);

/* Puts the groups in order: by bucket, then keys, as ORDER BY does: NULL, numbers, texts by their bytes, blobs. */
enum rollup_status rollup_sort(struct rollup *rollup);

/* What the last call gave: everything after a failure fails like it. */
enum rollup_status rollup_status(const struct rollup *rollup);

/* After ROLLUP_BAD_TIME and ROLLUP_BAD_VALUE: the batch's column, and the value, shortened, for a message. */
int rollup_bad_column(const struct rollup *rollup);
const char *rollup_bad_value(const struct rollup *rollup);

/* Bytes allocated now. */
size_t rollup_bytes(const struct rollup *rollup);

/* Groups, numbered from 0: in order from rollup_sort until the next rollup_take or rollup_merge. */
size_t rollup_groups(const struct rollup *rollup);
struct rollup_value rollup_bucket(const struct rollup *rollup, size_t group); /* NULL without a grain */
struct rollup_value rollup_key(const struct rollup *rollup, size_t group, int key);
int64_t rollup_rows(const struct rollup *rollup, size_t group); /* with wants_rows */
void rollup_summarize(const struct rollup *rollup, size_t group, int field, struct rollup_summary *summary);

#endif
