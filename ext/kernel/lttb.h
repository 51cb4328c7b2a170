/*
** Largest Triangle Three Buckets: n of N points that look like all of them. See lttb.c for the algorithm.
** Plain C: no SQLite here.
*/
#ifndef ALMANAC_LTTB_H
#define ALMANAC_LTTB_H
#include "ext/kernel/chunks.h"
#include <stdbool.h>
#include <string.h>

/* How a coordinate came in, and must come out. */
enum lttb_type { LTTB_INTEGER, LTTB_REAL, LTTB_TEXT };

/* A coordinate: an integer, or a real; for LTTB_TEXT the real is what the text means (seconds). */
struct lttb_value {
  enum lttb_type type;
  union {
    int64_t integer;
    double real;
  };
  const char *text; /* LTTB_TEXT only */
};

/*
** What a chunk's points are made of: bits of x, bits of y and, unless all of the chunk's points have the same
** two types, a third word that says which.
*/
enum { LTTB_X_REAL = 1, LTTB_Y_REAL = 2, LTTB_X_TEXT = 4, LTTB_TAGGED = 8, LTTB_NO_CHUNK = 16 };

/* The points of one line. All zero but for `kind`: see lttb_init. */
struct lttb {
  uint64_t *at, *end; /* where the next point of this kind goes */
  uint64_t newest_x;  /* bits */
  uint32_t kind;      /* of the newest chunk */
  bool unsorted;      /* some x is below the one before it */
  bool x_real;        /* some x is no integer: order by doubles */
  bool tagged;        /* some chunk is LTTB_TAGGED */
  bool newest_x_real;
  struct chunk *first, *last;
  struct chunk *texts_first, *texts_last;
};

void lttb_init(struct lttb *line);
void lttb_free(struct lttb *line);

/* Adds a point of any types; false when out of memory. No x and no y may be infinite or NaN. */
bool lttb_add(struct lttb *line, const struct lttb_value *x, const struct lttb_value *y);

static inline double lttb_real(uint64_t bits) {
  double real;
  memcpy(&real, &bits, sizeof real);
  return real;
}

static inline uint64_t lttb_bits(double real) {
  uint64_t bits;
  memcpy(&bits, &real, sizeof bits);
  return bits;
}

/*
** The fast way: true if the point has been added; false if lttb_add must do it. `kind` is made of LTTB_X_REAL
** and LTTB_Y_REAL, x and y are the bits of an int64_t or a double.
*/
static inline bool lttb_add_alike(struct lttb *line, uint32_t kind, uint64_t x, uint64_t y) {
  if (kind != line->kind || line->at == line->end) return false;
  bool below =
      kind & LTTB_X_REAL ? lttb_real(x) < lttb_real(line->newest_x) : (int64_t)x < (int64_t)line->newest_x;
  line->unsorted |= below;
  line->newest_x = x;
  line->at[0] = x;
  line->at[1] = y;
  line->at += 2;
  return true;
}

int64_t lttb_count(const struct lttb *line);

/* Sorts the points by x, stably, if they came unsorted; false when out of memory. */
bool lttb_sort(struct lttb *line);

/* Picks at most n >= 0 points of the sorted line and calls `emit(to, x, y)` for each, from left to right. */
typedef void (*lttb_emit)(void *to, const struct lttb_value *x, const struct lttb_value *y);
void lttb_pick(const struct lttb *line, int64_t n, lttb_emit emit, void *to);

#endif
