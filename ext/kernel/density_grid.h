/*
** Counts of points, or sums of their weights, in the cells of a grid. See density_grid.c for the rules.
** Plain C: no SQLite here.
*/
#ifndef ALMANAC_DENSITY_GRID_H
#define ALMANAC_DENSITY_GRID_H
#include "ext/kernel/batch.h"
#include "ext/kernel/json_write.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DENSITY_GRID_CELLS_MOST 16777216 /* 2^24, 128 MiB of counts */

/* One axis: `bins` bins between edges[0] and edges[bins]. */
struct grid_axis {
  double first, last; /* the outer edges */
  double scale;       /* bins per unit; guesses the bin */
  double doubt; /* a guess that is nearer than this to a whole number may be wrong (density_grid_batch.c) */
  int64_t bins;
  double *edges; /* bins + 1, and the last one again */
};

struct density_grid {
  struct grid_axis x, y;
  bool weighted;
  union { /* cell 0 is for all points outside; then a row for each bin of y, from the lowest, along x */
    uint64_t *counts;
    double *sums;
  };
};

/*
** Prepares an empty grid; false when out of memory. nx, ny >= 1 and nx * ny <= DENSITY_GRID_CELLS_MOST; the
** ranges are finite, x0 <= x1 and x1 - x0 does not overflow, and y likewise.
*/
bool density_grid_open(struct density_grid *grid, int64_t nx, int64_t ny, const double range[4],
                       bool weighted);
void density_grid_close(struct density_grid *grid);

/* numpy's rule for a range that holds one value only: half a unit to each side. */
void density_grid_widen(double *low, double *high);

/* The bin of a value within the range, where the guess does not hold. */
int64_t grid_axis_search(const struct grid_axis *axis, double value);

/* The guess: the bin of a value within the range, nearly always, or a neighbour; 0 unless `inside`. */
static inline int64_t grid_axis_guess(const struct grid_axis *axis, double value, bool inside) {
  double guess = (value - axis->first) * axis->scale;
  uint64_t bits;
  memcpy(&bits, &guess, sizeof bits);
  bits &= 0 - (uint64_t)inside;
  memcpy(&guess, &bits, sizeof guess);
  return (int64_t)guess;
}

/*
** The cell that the point is in, an index into counts or sums: 0 outside the range. There is no branch on
** "outside": the processor would guess it wrong for half of the points of a detail of a map, and that would
** cost more than all else here.
*/
static inline int64_t density_grid_cell(const struct density_grid *grid, double x, double y) {
  const struct grid_axis *ax = &grid->x, *ay = &grid->y;
  bool inside = (x >= ax->first) & (x <= ax->last) & (y >= ay->first) & (y <= ay->last);
  int64_t ix = grid_axis_guess(ax, x, inside), iy = grid_axis_guess(ay, y, inside);
  bool right =
      (x >= ax->edges[ix]) & (x < ax->edges[ix + 1]) & (y >= ay->edges[iy]) & (y < ay->edges[iy + 1]);
  if (__builtin_expect(inside > right, 0)) {
    ix = grid_axis_search(ax, x);
    iy = grid_axis_search(ay, y);
  }
  return iy * ax->bins + ix + inside;
}

/* ---- density_grid_batch.c: the points of batches ---- */

/* The rows of a batch that are points. */
struct grid_points {
  int n;
  double x[BATCH_ROWS], y[BATCH_ROWS];
};

enum grid_problem { GRID_FINE, GRID_BAD_X, GRID_BAD_Y /* no number */ };

/* Reads n rows of two columns; those with a NULL are left out. A problem is one of row *row. */
enum grid_problem grid_points_read(struct grid_points *points, const struct batch_column *x,
                                   const struct batch_column *y, int n, int *row);

/* Widens x0, x1, y0, y1 to the points; from Infinity, -Infinity, Infinity, -Infinity on. */
void grid_reach_points(double reach[4], const struct grid_points *points);

void density_grid_count(struct density_grid *grid, const double *x, const double *y, int64_t n);

/* Adds another grid's counts; both are of the same shape. */
void density_grid_merge(struct density_grid *grid, const struct density_grid *other);

/* ---- density_grid_json.c ---- */

/* Writes z, or Plotly's trace; 0, or the number of the first cell whose sum is not finite: then it isn't whole. */
int64_t density_grid_put(const struct density_grid *grid, struct json_text *json);
int64_t density_grid_put_trace(const struct density_grid *grid, struct json_text *json);

#endif
