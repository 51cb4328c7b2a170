/*
** The points of a line as they come, any number of them: x an integer, a real or the text of a time, y an integer
** or a real. Who draws lines (lttb.h) or walks along them in order of x takes them from here. Plain C: no SQLite.
**
** Points lie in chunks, 16 bytes each: the bits of x and y, and the chunk knows their types. Where types vary
** (NUMERIC columns hold 5 and 5.5 as different types) or x is text, points have a third word, the tag: the
** POINTS_X_REAL and POINTS_Y_REAL bits, and the address of the text.
*/
#ifndef ALMANAC_POINTS_H
#define ALMANAC_POINTS_H
#include "ext/kernel/batch.h"
#include "ext/kernel/chunks.h"
#include "ext/kernel/go_on.h"
#include <stdbool.h>
#include <string.h>

/* How a coordinate came in, and must come out. */
enum point_type { POINT_INTEGER, POINT_REAL, POINT_TEXT };

/* A coordinate: an integer, or a real; for POINT_TEXT the real is what the text means (seconds). */
struct point_value {
  enum point_type type;
  union {
    int64_t integer;
    double real;
  };
  const char *text; /* POINT_TEXT only: `length` bytes, and in what points_at gives a NUL behind them */
  size_t length;
};

/*
** What a chunk's points are made of: bits of x, bits of y and, unless all of the chunk's points have the same
** two types, a third word that says which.
*/
enum { POINTS_X_REAL = 1, POINTS_Y_REAL = 2, POINTS_X_TEXT = 4, POINTS_TAGGED = 8, POINTS_NO_CHUNK = 16 };

/* The points of one line. All zero but for `kind`: see points_init. */
struct points {
  uint64_t *at, *end; /* where the next point of this kind goes */
  uint64_t newest_x;  /* bits */
  uint32_t kind;      /* of the newest chunk */
  bool unsorted;      /* some x is below the one before it */
  bool x_real;        /* some x is no integer: order by doubles */
  bool tagged;        /* some chunk is POINTS_TAGGED */
  bool newest_x_real;
  bool any;    /* there is or was a point: the newest x is one */
  bool x_text; /* some x is a text; then all are, if who adds them says so (points_add_batch) */
  struct chunk *first, *last;
  struct chunk *texts_first, *texts_last;
  struct chunk *empty; /* for points to come: points_clear */
};

void points_init(struct points *points);
void points_free(struct points *points);
/* Forgets the points, and keeps their memory for others. What they say of the order of x stays. */
void points_clear(struct points *points);
/* What comes to `points`, which are cleared, comes after the newest of the others: so says their order of x. */
void points_follow(struct points *points, const struct points *others);

/* Adds a point of any types; false when out of memory. No x may be infinite, nothing NaN. */
bool points_add(struct points *points, const struct point_value *x, const struct point_value *y);

static inline double points_real(uint64_t bits) {
  double real;
  memcpy(&real, &bits, sizeof real);
  return real;
}

static inline uint64_t points_bits(double real) {
  uint64_t bits;
  memcpy(&bits, &real, sizeof bits);
  return bits;
}

/*
** The fast way: true if the point has been added; false if points_add must do it. `kind` is made of POINTS_X_REAL
** and POINTS_Y_REAL, x and y are the bits of an int64_t or a double.
*/
static inline bool points_add_alike(struct points *points, uint32_t kind, uint64_t x, uint64_t y) {
  if (kind != points->kind || points->at == points->end) return false;
  bool below = kind & POINTS_X_REAL ? points_real(x) < points_real(points->newest_x)
                                    : (int64_t)x < (int64_t)points->newest_x;
  points->unsorted |= below;
  points->newest_x = x;
  points->at[0] = x;
  points->at[1] = y;
  points->at += 2;
  return true;
}

/* Reads the time that a text means; false if it is none. */
bool point_time(const char *text, size_t length, struct point_value *x);

int64_t points_count(const struct points *points);

/* Sorts the points by x, stably, if they came unsorted; false when out of memory, or told to stop. */
bool points_sort(struct points *points, const struct go_on *go_on);

/* ---- Reading: the words of a chunk ---- */

#define POINTS_TAG_BITS ((uint64_t)7) /* texts are aligned to words, so their addresses end in three zeros */

static inline size_t points_width(uint32_t kind) {
  return kind & POINTS_TAGGED ? 3 : 2;
}

/* The types of the point at `words` in a chunk of this kind. */
static inline uint32_t points_types(uint32_t kind, const uint64_t *words) {
  return kind & POINTS_TAGGED ? (uint32_t)(words[2] & POINTS_TAG_BITS) : kind;
}

static inline double points_as_real(uint64_t bits, bool real) {
  return real ? points_real(bits) : (double)(int64_t)bits;
}

/* Notes how much of the newest chunk is used; before the chunks are read. */
static inline void points_note_used(const struct points *points) {
  if (points->last) points->last->used = (size_t)(points->at - points->last->words);
}

/* A place in the line. Begins as {points->first, 0}, after points_note_used or points_count. */
struct points_place {
  const struct chunk *chunk;
  size_t position; /* word within the chunk */
};

/* The point at the place. */
void points_at(struct points_place place, struct point_value *x, struct point_value *y);

/* The point at the place, which moves on; false where there is none. */
bool points_next(struct points_place *place, struct point_value *x, struct point_value *y);

/* ---- Batches ---- */

enum points_problem {
  POINTS_FINE,
  POINTS_NO_MEMORY,
  POINTS_BAD_X,       /* neither a finite number nor a time */
  POINTS_BAD_Y,       /* no number, or an infinite one where it must be finite */
  POINTS_AFTER_TIME,  /* x is a number after times */
  POINTS_AFTER_NUMBER /* x is a time after numbers */
};

/*
** Adds the points in rows *row to n - 1 of a batch's two columns, at most `most` of them, and moves *row on: behind
** the last one taken, or to the row with a problem. Rows with a NULL are passed by.
*/
enum points_problem points_add_batch(struct points *points, const struct batch_column *x,
                                     const struct batch_column *y, bool y_finite, int *row, int n,
                                     int64_t *most);

#endif
