/*
** Which cells of a grid show a range of an axis. A grid of `finest` cells (a power of two) is known, and so is each that
** merges two cells of the next finer one to one. Plain C: no SQLite here.
*/
#ifndef ALMANAC_CELL_WINDOW_H
#define ALMANAC_CELL_WINDOW_H
#include <stdbool.h>
#include <stdint.h>

struct cell_window {
  int64_t side;       /* cells of the grid along the axis */
  int64_t first, end; /* those shown */
  double low, high;   /* their outer edges */
};

/*
** Of the grids over first ... last the coarsest whose cells are not larger than (high - low) / bins, but for rounding, and
** of it the cells that low ... high touches. False where even the finest grid's cells are larger. The ranges overlap,
** first < last, low < high, and differences don't overflow.
*/
bool cell_window_choose(struct cell_window *window, double first, double last, int64_t finest, double low,
                        double high, int64_t bins);

#endif
