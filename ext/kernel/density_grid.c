/*
** A two-dimensional histogram with the bins of numpy.histogram2d, to the bit.
**
** Edges are numpy.linspace's: i * step + first with step = (last - first) / bins, and the last edge is
** `last` itself; where step underflows to 0, i / bins * (last - first) + first. Bin i holds edges[i] <= v <
** edges[i + 1], and the last bin its upper edge too. A value's bin is guessed by scaling and checked
** against the two edges: rounding may put the guess next to the right bin, never further, unless the range
** is only a few doubles wide; then edges coincide and the last that is not above the value counts, found by
** bisection.
*/
#include "ext/kernel/density_grid.h"
#include <math.h>
#include <stdlib.h>

static bool open_axis(struct grid_axis *axis, int64_t bins, double first, double last) {
  double delta = last - first, step = delta / (double)bins;
  double *edges = malloc(((size_t)bins + 2) * sizeof *edges);
  if (!edges) return false;
  for (int64_t i = 0; i < bins; i++)
    edges[i] = (step == 0 ? (double)i / (double)bins * delta : (double)i * step) + first;
  edges[bins] = last;
  edges[bins + 1] = last; /* read, but never chosen, where the guess is one too high */
  double scale = (double)bins / delta, far = fmax(fabs(first), fabs(last));
  bool usual = isnormal(step) && isnormal(scale);
  *axis = (struct grid_axis){.first = first,
                             .last = last,
                             .scale = isfinite(scale) ? scale : 0,
                             .doubt = usual ? 0x1p-49 * (double)bins * (1 + far / delta) : 1,
                             .bins = bins,
                             .edges = edges};
  return true;
}

bool density_grid_open(struct density_grid *grid, int64_t nx, int64_t ny, const double range[4],
                       bool weighted) {
  *grid = (struct density_grid){.weighted = weighted};
  grid->counts = calloc((size_t)(nx * ny) + 1, sizeof *grid->counts);
  if (grid->counts && open_axis(&grid->x, nx, range[0], range[1]) &&
      open_axis(&grid->y, ny, range[2], range[3]))
    return true;
  density_grid_close(grid);
  return false;
}

void density_grid_close(struct density_grid *grid) {
  free(grid->x.edges);
  free(grid->y.edges);
  free(grid->counts);
  *grid = (struct density_grid){.weighted = grid->weighted};
}

void density_grid_widen(double *low, double *high) {
  if (*low != *high) return;
  *low -= 0.5;
  *high += 0.5;
}

int64_t grid_axis_search(const struct grid_axis *axis, double value) {
  const double *edges = axis->edges;
  int64_t bins = axis->bins;
  if (value == axis->last) return bins - 1;
  int64_t near = grid_axis_guess(axis, value, true);
  for (int64_t bin = near > 0 ? near - 1 : 0; bin <= near + 1 && bin < bins; bin++)
    if (value >= edges[bin] && value < edges[bin + 1]) return bin;
  int64_t low = 0, high = bins; /* edges[low] <= value < edges[high] */
  while (high - low > 1) {
    int64_t middle = low + (high - low) / 2;
    if (edges[middle] <= value)
      low = middle;
    else
      high = middle;
  }
  return low;
}
