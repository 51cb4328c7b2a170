/*
** Points from the two columns of a batch. Columns of one type of number each, the usual case, are copied by a loop
** without branches; the rest goes row by row.
*/
#include "ext/kernel/points.h"
#include <float.h>
#include <math.h>

static uint64_t number_bits(const union batch_value *value) {
  return (uint64_t)value->integer;
}

static bool is_infinite(uint64_t bits) {
  return !(fabs(points_real(bits)) <= DBL_MAX);
}

/*
** Copies up to `count` rows into the open chunk, which is of their kind; returns how many: it stops in front of an
** infinite coordinate where there must be none.
*/
static inline int copy_rows(struct points *points, const union batch_value *x, const union batch_value *y,
                            int count, bool x_real, bool y_real, bool y_finite) {
  uint64_t newest = points->newest_x, *at = points->at;
  bool unsorted = false;
  int i;
  for (i = 0; i < count; i++) {
    uint64_t x_bits = number_bits(&x[i]), y_bits = number_bits(&y[i]);
    if (x_real && is_infinite(x_bits)) break;
    if (y_real && y_finite && is_infinite(y_bits)) break;
    unsorted |= x_real ? points_real(x_bits) < points_real(newest) : (int64_t)x_bits < (int64_t)newest;
    newest = x_bits;
    at[0] = x_bits;
    at[1] = y_bits;
    at += 2;
  }
  points->unsorted |= unsorted;
  points->newest_x = newest;
  points->at = at;
  return i;
}

/* The loop for each of the types. */
static int copy_alike(struct points *points, const union batch_value *x, const union batch_value *y,
                      int count, bool y_finite) {
  switch (points->kind) {
  case POINTS_X_REAL | POINTS_Y_REAL:
    return copy_rows(points, x, y, count, true, true, y_finite);
  case POINTS_X_REAL:
    return copy_rows(points, x, y, count, true, false, y_finite);
  case POINTS_Y_REAL:
    return copy_rows(points, x, y, count, false, true, y_finite);
  default:
    return copy_rows(points, x, y, count, false, false, y_finite);
  }
}

static bool read_number(const struct batch_column *column, int row, enum batch_type type,
                        struct point_value *number) {
  if (type == BATCH_INTEGER)
    *number = (struct point_value){.type = POINT_INTEGER, .integer = column->values[row].integer};
  else if (type == BATCH_REAL)
    *number = (struct point_value){.type = POINT_REAL, .real = column->values[row].real};
  else
    return false;
  return true;
}

static bool is_finite(const struct point_value *number) {
  return number->type == POINT_INTEGER || fabs(number->real) <= DBL_MAX;
}

/* Adds one row, of any types; *added unless it has a NULL. */
static enum points_problem add_row(struct points *points, const struct batch_column *x_column,
                                   const struct batch_column *y_column, bool y_finite, int row, bool *added) {
  struct point_value x, y;
  enum batch_type x_type = batch_type_at(x_column, row), y_type = batch_type_at(y_column, row);
  *added = x_type != BATCH_NULL && y_type != BATCH_NULL;
  if (!*added) return POINTS_FINE;
  bool is_text = x_type == BATCH_TEXT;
  if (points->any && is_text != points->x_text) return is_text ? POINTS_AFTER_NUMBER : POINTS_AFTER_TIME;
  if (is_text) {
    if (!point_time((const char *)x_column->values[row].bytes, x_column->lengths[row], &x))
      return POINTS_BAD_X;
  } else if (!read_number(x_column, row, x_type, &x) || !is_finite(&x)) {
    return POINTS_BAD_X;
  }
  if (!read_number(y_column, row, y_type, &y) || (y_finite && !is_finite(&y))) return POINTS_BAD_Y;
  return points_add(points, &x, &y) ? POINTS_FINE : POINTS_NO_MEMORY;
}

/* The kind of a chunk for all rows of two such columns; POINTS_NO_CHUNK if there is none. */
static uint32_t kind_of(const struct batch_column *x, const struct batch_column *y) {
  const unsigned numbers = 1u << BATCH_INTEGER | 1u << BATCH_REAL;
  unsigned both = x->present | y->present;
  if ((both & ~numbers) || (x->present & (x->present - 1)) || (y->present & (y->present - 1)))
    return POINTS_NO_CHUNK;
  return (batch_is(x, BATCH_REAL) ? POINTS_X_REAL : 0) | (batch_is(y, BATCH_REAL) ? POINTS_Y_REAL : 0);
}

enum points_problem points_add_batch(struct points *points, const struct batch_column *x,
                                     const struct batch_column *y, bool y_finite, int *row, int n,
                                     int64_t *most) {
  uint32_t kind = kind_of(x, y);
  while (*row<n && * most> 0) {
    int64_t room = (points->end - points->at) / 2, count = n - *row;
    if (kind == points->kind && room > 0) {
      if (count > room) count = room;
      if (count > *most) count = *most;
      int copied = copy_alike(points, x->values + *row, y->values + *row, (int)count, y_finite);
      *row += copied;
      *most -= copied;
      if (copied == count) continue;
    }
    bool added;
    enum points_problem problem = add_row(points, x, y, y_finite, *row, &added);
    if (problem) return problem;
    ++*row;
    *most -= added;
  }
  return POINTS_FINE;
}
