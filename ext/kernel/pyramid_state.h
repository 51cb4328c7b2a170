/*
** What a pyramid knows of the values of a stretch of time, and how two neighbouring stretches make one. Plain C:
** no SQLite here.
*/
#ifndef ALMANAC_PYRAMID_STATE_H
#define ALMANAC_PYRAMID_STATE_H
#include <stdbool.h>
#include <stdint.h>

struct pyramid_number {
  bool is_real;
  union {
    int64_t integer;
    double real; /* finite */
  };
};

/* Below, equal or above, exactly: integers are not rounded to doubles. */
int pyramid_compare(const struct pyramid_number *a, const struct pyramid_number *b);

static inline double pyramid_real(const struct pyramid_number *number) {
  return number->is_real ? number->real : (double)number->integer;
}

/* Of n values: all zero is that of none, in which the numbers mean nothing. */
struct pyramid_state {
  int64_t n;
  int64_t sum_integer; /* of the integers, while it fits */
  double sum_real;     /* of all */
  bool any_real;       /* the sum is sum_real */
  bool overflow;       /* sum_integer did not fit */
  bool one_time;       /* rows were added, all of one time */
  struct pyramid_number min, max, first, last;
};

/* Adds a row that is not before those added so far. `same_time`: it is of the same time as the row before it. */
void pyramid_state_add(struct pyramid_state *state, const struct pyramid_number *value, bool same_time);

/* Adds a later stretch, of which sums, counts and the four numbers are given as in a level's row. */
void pyramid_state_merge(struct pyramid_state *state, const struct pyramid_state *later);

/* The state of n values with this sum: the other numbers are the caller's. */
struct pyramid_state pyramid_state_of(int64_t n, const struct pyramid_number *sum);

#endif
