/*
** Comparing two sets of rows that should be equal, each row as often as on the other side.
**
** NULLs are equal to each other, text and blobs byte by byte, an integer to an integer or a real of the same
** value (which of the two a group shows may depend on the order of its rows). Two reals are equal when they
** differ by at most 1e-9 of the larger one, or by at most 1e-12 of the greatest number in the column: sums
** may be added up in another order, with an error of some 1e-16 of each summand; a sum that cancels out has
** hardly a digit of its own, and its neighbours tell how large its summands are.
*/
#ifndef ALMANAC_COMPARE_H
#define ALMANAC_COMPARE_H
#include "tool/engine/engine.h"

struct comparison {
  /* Rows that are not on both sides equally often: a group's number, how often more (or, negative, less
     often) on the first side, then the columns. Ordered by the group, by all that is not REAL, then by all. */
  const char *differences;
  const char *scales; /* one row: the greatest magnitude of the reals in each column, or NULL */
  size_t n_columns;
  /* Called for each group that differs: rows that only the first side has, and only the second. */
  void (*found)(void *context, int64_t group, int64_t first_only, int64_t second_only);
  void *context;
};

bool compare_rows(struct engine *engine, const struct comparison *comparison);

#endif
