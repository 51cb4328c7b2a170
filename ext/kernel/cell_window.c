/* See cell_window.h. Edges are density_grid.c's: i * step + first, the last one `last` itself. */
#include "ext/kernel/cell_window.h"

/* Ends that were read off a grid are edges as doubles: their difference is some ulps from what it stands for. */
static const double ROUNDING = 1 + 1e-9;

static double edge(double first, double last, int64_t side, int64_t i) {
  return i == side ? last : (double)i * ((last - first) / (double)side) + first;
}

/* The cell of a value, guessed. */
static int64_t guess(double first, double last, int64_t side, double value) {
  double cell = (value - first) / ((last - first) / (double)side);
  if (!(cell > 0)) return 0;
  return cell < (double)side ? (int64_t)cell : side - 1;
}

bool cell_window_choose(struct cell_window *window, double first, double last, int64_t finest, double low,
                        double high, int64_t bins) {
  double wanted = (high - low) / (double)bins * ROUNDING;
  int64_t side = 1;
  while (side < finest && (last - first) / (double)side > wanted) side *= 2;
  if ((last - first) / (double)side > wanted) return false;
  int64_t from = guess(first, last, side, low), end = guess(first, last, side, high) + 1;
  while (from > 0 && edge(first, last, side, from) > low) from--;
  while (from + 1 < side && edge(first, last, side, from + 1) <= low) from++;
  while (end < side && edge(first, last, side, end) < high) end++;
  while (end > from + 1 && edge(first, last, side, end - 1) >= high) end--;
  *window = (struct cell_window){.side = side,
                                 .first = from,
                                 .end = end,
                                 .low = edge(first, last, side, from),
                                 .high = edge(first, last, side, end)};
  return true;
}
