/*
** Zooms over space: WITH (zoom_cells = '1024x1024') over SELECT [key, ...] x, y FROM table. Two summaries, partitioned by
** the keys, so that a changed data set alone is computed again; without keys they are whole:
**   NAME_cells(keys, level, iy, ix, n): how many rows are in a cell of the grid that has `level` columns. The finest grid is as
**     declared, each next one merges four cells to one. Cells without rows are not there.
**   NAME_extent(keys, x0, x1, y0, y1, n, nx, ny): a data set's range, as density_grid() has it where none is given, how many
**     rows it has, and the size of its finest grid; 0 where it has none.
** In the catalog they are the levels of the zoom, in this order; the width and phase of the first are the finest grid's.
**
** The cells are numpy.histogram2d's: edges at i * step + first, the last one the range's end, where the last cell is
** closed. That of a value is guessed by scaling and corrected by one against the edges. Both need a range that is wide
** enough: a data set's step must not be subnormal, so that half as many cells have exactly every other edge (a step's
** double is exact then); nor so small beside the values that a guess could be wrong by two. Where a range is narrower than
** that, or wider than a REAL, there are no cells.
*/
#ifndef ALMANAC_ZOOM_CELLS_H
#define ALMANAC_ZOOM_CELLS_H
#include "tool/engine/zoom_select.h"

/* Fills the unit and the levels of `zoom`, which has its name, from a grid's size as written: 1024x512. */
bool zoom_cells_levels(struct engine *engine, const char *size, struct zoom *zoom);

/* The CREATE statement of the zoom's level i. */
char *zoom_cells_level(struct engine *engine, const struct zoom_select *select, const struct zoom *zoom,
                       size_t i);

#endif
