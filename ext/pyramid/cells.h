/*
** Reading zooms over space: WITH (zoom_cells = ...). Such a zoom is two summaries, one of all data sets' cells and one of their
** ranges, kept by the zoom's keys, or whole where it has none (tool/engine/zoom_cells.h). A data set's stored rows
** count where both summaries are in order and it is in neither list of changes; else there are the raw rows. One call is
** as pyramid.h has it: cells_begin, then any of the others, cells_end.
*/
#ifndef ALMANAC_PYRAMID_CELLS_H
#define ALMANAC_PYRAMID_CELLS_H
#include "ext/pyramid/pyramid.h"

struct cells_summary {
  sqlite3_int64 id, track, generation;
  bool is_whole;
  char *name;
};

struct cells_call {
  struct pyramid_call call; /* the error, the keys; its zoom has x as time and y as value */
  struct pyramids zooms;
  struct cells_summary grids, ranges;
  bool stored;   /* the data set's stored rows count */
  bool measured; /* what follows is known, as it is where they do */
  /* x0, x1, y0, y1 of the data set, as density_grid has it without a range; 0, 1, 0, 1 if it is empty */
  double range[4];
  int64_t n;      /* rows */
  int64_t nx, ny; /* its finest stored grid's size; 0: there is none */
};

/* Makes the range and n known; of what is not stored by reading all of it. */
bool cells_measure(struct cells_call *cells);

/* Looks up the zoom and the data set. `function` is static. */
bool cells_begin(struct cells_call *cells, sqlite3 *db, const char *function, sqlite3_value *name,
                 sqlite3_value *key);
void cells_end(struct cells_call *cells);

/* Takes a cell; or a point of raw rows. */
typedef void (*cells_take)(void *state, int64_t ix, int64_t iy, int64_t n);
typedef void (*cells_point)(void *state, double x, double y);

/* Cells of the stored grid of `side` columns with ix_first <= ix < ix_end, and iy likewise. */
bool cells_read(struct cells_call *cells, int64_t side, const int64_t x[2], const int64_t y[2],
                cells_take take, void *state);
/* The rows within the range, and maybe some an ulp beside. */
bool cells_read_points(struct cells_call *cells, const double range[4], cells_point take, void *state);

#endif
