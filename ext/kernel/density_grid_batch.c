/*
** The points of batches counted in a grid; see density_grid.h.
**
** A block of points is put into cells by arithmetic alone, without a look at the edges, which compilers turn into
** vector instructions. That is right unless the guess g = (v - first) * scale is very near to a whole number: with
** u = 2^-53 and the position p of v between the exact edges, |g - p| <= 4 u bins; and the edges that count, those of
** linspace, differ from the exact ones by at most u (3 delta + far), far being the larger of |first| and |last|, that is
** by u bins (3 + far / delta) bins. So within twice the sum of both, `doubt` = 16 u bins (1 + far / delta), of a whole
** number the edges must be asked, and beyond it they need not. (Numbers too small for these bounds: doubt is 1.)
*/
#include "ext/kernel/density_grid.h"
#include <float.h>
#include <math.h>

static bool is_number(enum batch_type type) {
  return type == BATCH_INTEGER || type == BATCH_REAL;
}

static double number_at(const struct batch_column *column, int row, enum batch_type type) {
  return type == BATCH_REAL ? column->values[row].real : (double)column->values[row].integer;
}

/* A column of numbers of one type as doubles. */
static void copy_column(double *to, const struct batch_column *column, int n) {
  if (batch_is(column, BATCH_REAL))
    for (int i = 0; i < n; i++) to[i] = column->values[i].real;
  else
    for (int i = 0; i < n; i++) to[i] = (double)column->values[i].integer;
}

/* Does the column hold numbers of one type, and nothing else? */
static bool is_plain(const struct batch_column *column) {
  return batch_is(column, BATCH_REAL) || batch_is(column, BATCH_INTEGER);
}

enum grid_problem grid_points_read(struct grid_points *points, const struct batch_column *x,
                                   const struct batch_column *y, int n, int *row) {
  points->n = 0;
  if (is_plain(x) && is_plain(y)) {
    copy_column(points->x, x, n);
    copy_column(points->y, y, n);
    points->n = n;
    return GRID_FINE;
  }
  for (*row = 0; *row < n; ++*row) {
    enum batch_type x_type = batch_type_at(x, *row), y_type = batch_type_at(y, *row);
    if (x_type == BATCH_NULL) continue;
    if (!is_number(x_type)) return GRID_BAD_X;
    if (y_type == BATCH_NULL) continue;
    if (!is_number(y_type)) return GRID_BAD_Y;
    points->x[points->n] = number_at(x, *row, x_type);
    points->y[points->n++] = number_at(y, *row, y_type);
  }
  return GRID_FINE;
}

void grid_reach_points(double reach[4], const struct grid_points *points) {
  double x0 = reach[0], x1 = reach[1], y0 = reach[2], y1 = reach[3];
  for (int i = 0; i < points->n; i++) {
    double x = points->x[i], y = points->y[i];
    x0 = x < x0 ? x : x0;
    x1 = x > x1 ? x : x1;
    y0 = y < y0 ? y : y0;
    y1 = y > y1 ? y : y1;
  }
  memcpy(reach, (double[]){x0, x1, y0, y1}, 4 * sizeof *reach);
}

/*
** Two points at a time: what every 64-bit processor has instructions for. Conditions are kept in the signs of
** numbers, of which one bit each is looked at: compilers make slow code of vectors of truth values.
*/
typedef double pair __attribute__((vector_size(16)));
typedef int64_t bits __attribute__((vector_size(16)));

/* WHOLE + v is v rounded to a whole number, which its lowest bits are; for -2^51 < v < 2^51. */
#define WHOLE 0x1.8p52
enum { BLOCK = 256 };

/* Of a block of points: WHOLE + the cell; a negative number if the point is outside. */
struct block {
  double cells[BLOCK];
  int64_t outside[BLOCK];
};

/* The bins of values; the signs of *outside and *doubts are set where they don't hold. */
static inline pair guess_bins(const struct grid_axis *axis, pair value, bits *outside, bits *doubts) {
  pair below = value - axis->first, above = axis->last - value;
  pair guess = below * axis->scale, bin = guess - 0.5 + WHOLE - WHOLE, rest = guess - bin;
  *outside |= (bits)below | (bits)above;
  *doubts |= (bits)(rest - axis->doubt) | (bits)(1 - axis->doubt - rest);
  return bin;
}

/* False if the bins of some point inside are in doubt. */
static bool guess_cells(const struct density_grid *grid, const double *xs, const double *ys,
                        struct block *block) {
  const struct grid_axis ax = grid->x, ay = grid->y;
  const double columns = (double)ax.bins;
  bits in_doubt = {0, 0};
  for (int i = 0; i < BLOCK; i += 2) {
    pair x = {xs[i], xs[i + 1]}, y = {ys[i], ys[i + 1]};
    bits outside = {0, 0}, doubts = {0, 0};
    pair ix = guess_bins(&ax, x, &outside, &doubts), iy = guess_bins(&ay, y, &outside, &doubts);
    pair cell = iy * columns + ix + (WHOLE + 1);
    in_doubt |= doubts & ~outside;
    memcpy(block->cells + i, &cell, sizeof cell);
    memcpy(block->outside + i, &outside, sizeof outside);
  }
  return (in_doubt[0] | in_doubt[1]) >= 0;
}

static inline uint64_t bits_of(double real) {
  uint64_t bits;
  memcpy(&bits, &real, sizeof bits);
  return bits;
}

void density_grid_count(struct density_grid *grid, const double *x, const double *y, int64_t n) {
  const struct density_grid fixed = *grid; /* so that it may stay in registers while counts change */
  struct block block;
  int64_t i = 0;
  for (; i + BLOCK <= n; i += BLOCK) {
    if (guess_cells(&fixed, x + i, y + i, &block)) {
      for (int k = 0; k < BLOCK; k++)
        fixed.counts[block.outside[k] < 0 ? 0 : (uint32_t)bits_of(block.cells[k])]++;
    } else {
      for (int k = 0; k < BLOCK; k++) fixed.counts[density_grid_cell(&fixed, x[i + k], y[i + k])]++;
    }
  }
  for (; i < n; i++) fixed.counts[density_grid_cell(&fixed, x[i], y[i])]++;
}

void density_grid_merge(struct density_grid *grid, const struct density_grid *other) {
  int64_t cells = grid->x.bins * grid->y.bins;
  for (int64_t cell = 0; cell <= cells; cell++) grid->counts[cell] += other->counts[cell];
}
