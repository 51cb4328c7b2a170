/*
** Inside of the rollup, in sections by owning file.
**
** A row's bucket and its keys are looked up on their own, and numbered; a group is a pair of such numbers. So buckets
** and keys of any type cost their types only once, and what is kept of a group is found by number.
*/
#ifndef ALMANAC_ROLLUP_INSIDE_H
#define ALMANAC_ROLLUP_INSIDE_H
#include "ext/kernel/chunks.h"
#include "ext/kernel/rollup.h"

#define NUMBER_NONE UINT32_MAX

/* rollup.c: memory. Every allocation of a rollup is counted; the first failure stays in `status`. */
struct rollup_memory {
  size_t bytes, bytes_max;
  enum rollup_status status;
};
/* realloc for an array of *bytes bytes, which becomes `wanted`; NULL: failed, and both are as they were. */
void *rollup_grow(struct rollup_memory *memory, void *array, size_t *bytes, size_t wanted);
void rollup_free(struct rollup_memory *memory, void *array, size_t bytes);

/* Bytes of texts and the like, which stay where they are until all are freed. */
struct rollup_bytes {
  struct chunk *first, *last;
};
void *rollup_bytes_add(struct rollup_memory *memory, struct rollup_bytes *bytes, size_t length);
void rollup_bytes_free(struct rollup_memory *memory, struct rollup_bytes *bytes);

/* rollup_distinct.c: distinct tuples of values, numbered from 0 as they come. */
struct distinct {
  int width;                     /* values of a tuple */
  const struct rollup_key *keys; /* their collations; NULL: binary */
  struct rollup_value *values;   /* n * width */
  uint32_t *hashes;
  uint32_t n;
  uint32_t *slots; /* a tuple's number + 1; open addressing, at most half full */
  size_t n_slots;
  size_t values_bytes, hashes_bytes, slots_bytes; /* that the arrays have */
  struct rollup_bytes bytes;
};
/* The number of the tuple, which is added if it is new; NUMBER_NONE: no memory. */
uint32_t distinct_number(struct distinct *distinct, struct rollup_memory *memory,
                         const struct rollup_value *tuple);
void distinct_clear(struct distinct *distinct, struct rollup_memory *memory);
void distinct_free(struct distinct *distinct, struct rollup_memory *memory);
/* As SQL orders them: NULL, numbers, texts, blobs by their bytes; below 0, 0 or above 0. */
int rollup_compare(const struct rollup_value *a, const struct rollup_value *b);

/* rollup_times.c: the bucket of each row. */
struct text_instant {
  int64_t unix_s;
  int32_t nanosecond;
  uint32_t length;
  const unsigned char *bytes;
};
/* A stretch of times in one bucket: `from` to from + width - 1; width 0: none. */
struct time_stretch {
  int64_t from;
  uint64_t width;
  uint32_t bucket;
};
struct rollup_times {
  struct time_stretch integers, reals, texts; /* in ticks, ticks and seconds: where the last row was */
  struct time_spelling spelling;              /* of `texts` */
};

/* rollup_fields.c: what is kept of a value column. */
union number {
  int64_t integer;
  double real;
};
struct kept_text { /* a text time, in a place of its own */
  int64_t unix_s;
  int32_t nanosecond;
  uint32_t length, capacity; /* bytes; 0 unless an _AT is wanted */
  unsigned char bytes[];
};
union moment {
  int64_t integer;
  double real;
  struct kept_text *text;
};
/*
** Of one group, one type of values and one type of times: rows of other types have another such cell, and
** rollup_summarize puts them together. So no cell needs to know types. What isn't wanted is cut off at the end.
*/
struct kept {
  int64_t n;
  union number sum; /* integers wrap around: `carries` has what is above */
  union number min, max;
  union number first, last;
  union moment first_at, last_at;
  union moment min_at, max_at;
};
enum kept_level { KEPT_N, KEPT_SUMS, KEPT_ENDS, KEPT_PLACES };
static inline size_t kept_bytes(enum kept_level level) {
  return level == KEPT_N      ? offsetof(struct kept, sum)
         : level == KEPT_SUMS ? offsetof(struct kept, first)
         : level == KEPT_ENDS ? offsetof(struct kept, min_at)
                              : sizeof(struct kept);
}
enum { KEPT_INTEGER, KEPT_REAL, KEPT_TEXT }; /* types of values (the first two) and of times */
struct kept_section {
  unsigned char *cells; /* NULL: none such was met */
  int64_t *carries;     /* of integer sums, in 2^64; NULL: none yet */
};
struct kept_field {
  enum kept_level level;
  size_t cell_bytes;
  unsigned open;                      /* bits 1 << (type * 3 + time) of the sections that have cells */
  struct kept_section sections[2][3]; /* by type of value and of time (0 where times don't matter) */
};
static inline struct kept *rollup_cell(const struct kept_field *field, const struct kept_section *section,
                                       uint32_t group) {
  return section->cells ? (struct kept *)(section->cells + (size_t)group * field->cell_bytes) : NULL;
}
/* Makes room for `capacity` groups (there was room for `old`), of which the first `n` exist. */
bool kept_resize(struct rollup *rollup, uint32_t old, uint32_t capacity);
void kept_start(struct rollup *rollup, uint32_t group); /* a new group */
void kept_free(struct rollup *rollup);
/* Adds the batch's rows, whose groups are in rollup->groups. */
bool kept_take(struct rollup *rollup, const struct batch *batch);
/* Adds group `g` of `from` to group map[g], for all of them. */
bool kept_merge(struct rollup *into, const struct rollup *from, const uint32_t *map);

/* rollup_sort.c */
/* The numbers of the tuples in order, to `numbers`, which has distinct->n places; `room` as many. */
void distinct_sort(const struct distinct *distinct, uint32_t *numbers, uint32_t *room);

/* A place in a small cache from integer keys to their numbers. */
enum { NEAR_KEYS = 4096 };
struct near_key {
  int64_t key;
  uint32_t number;
};
struct rollup_group {
  uint32_t bucket, key;
};

struct rollup {
  const struct rollup_spec *spec;
  struct rollup_memory memory;
  struct distinct buckets, keys; /* without a grain, or without keys, they stay empty */
  struct rollup_times times;

  struct rollup_group *all;
  uint32_t n_groups, capacity;
  int64_t *rows; /* with spec->wants_rows */
  struct kept_field *fields;
  bool keeps_instants, keeps_texts; /* text times matter to values; and how they are spelt */
  struct rollup_bytes texts;        /* what cells keep of them */

  /*
  ** Where a pair's group is, as its number + 1 or 0. While most pairs exist, a matrix: a row for each bucket, of
  ** 1 << key_bits keys. Else (is_hashed) open addressing over n_slots, a power of two, at most half full.
  */
  uint32_t *slots;
  size_t n_slots;
  int key_bits, slot_bits; /* slot_bits: n_slots = 1 << slot_bits, where hashed */
  bool is_hashed;

  uint32_t *order; /* the groups in order, where sorted */
  bool is_sorted;
  size_t all_bytes, rows_bytes, slots_bytes, order_bytes, instants_bytes; /* that the arrays have */

  struct near_key *near;      /* NEAR_KEYS; of a single key column */
  struct rollup_value *tuple; /* n_keys: a row's */

  int bad_column;
  char bad_value[64];

  /* Of the batch at hand. */
  uint32_t n_skipped;
  struct text_instant *instants; /* BATCH_ROWS, with keeps_instants and text times; else NULL */
  uint32_t batch_buckets[BATCH_ROWS], groups[BATCH_ROWS];
};

/* rollup.c: notes what can't be taken; returns false. */
bool rollup_refuse(struct rollup *rollup, enum rollup_status status, int column,
                   const struct batch_column *values, int row);

/* rollup_group.c: the group of each row, to rollup->groups, NUMBER_NONE where skipped. */
bool rollup_group_rows(struct rollup *rollup, const struct batch *batch);
/* The group of a bucket and a key (0 for what groups don't have), which is made if need be; NUMBER_NONE: failed. */
uint32_t rollup_group_of(struct rollup *rollup, uint32_t bucket, uint32_t key);
void rollup_forget_near(struct rollup *rollup);

/* rollup_times.c: the numbers of the rows' buckets to rollup->batch_buckets, NUMBER_NONE where skipped. */
bool rollup_bucket_rows(struct rollup *rollup, const struct batch_column *times, int n);
/* The bucket of an integer time, which becomes times.integers if it is not NUMBER_NONE (skipped, or failed). */
uint32_t rollup_bucket_of_integer(struct rollup *rollup, int64_t ts);

/* The group at a place of the order that the caller sees. */
static inline uint32_t rollup_group_at(const struct rollup *rollup, size_t place) {
  return rollup->is_sorted ? rollup->order[place] : (uint32_t)place;
}

static inline bool stretch_has(const struct time_stretch *stretch, int64_t ts) {
  return (uint64_t)ts - (uint64_t)stretch->from < stretch->width;
}

#endif
