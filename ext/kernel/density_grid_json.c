/* A grid as JSON: the matrix, and Plotly's trace; see density_grid.h. */
#include "ext/kernel/density_grid.h"
#include <math.h>

int64_t density_grid_put(const struct density_grid *grid, struct json_text *json) {
  json_put_char(json, '[');
  for (int64_t cell = 1, iy = 0; iy < grid->y.bins; iy++) {
    json_put_text(json, iy ? ",[" : "[");
    for (int64_t ix = 0; ix < grid->x.bins; ix++, cell++) {
      if (ix) json_put_char(json, ',');
      if (!grid->weighted)
        json_put_integer(json, (int64_t)grid->counts[cell]);
      else if (isfinite(grid->sums[cell]))
        json_put_real(json, grid->sums[cell]);
      else
        return cell;
    }
    json_put_char(json, ']');
  }
  json_put_char(json, ']');
  return 0;
}

/* Where an axis starts and how it goes on: the centre of its first cell, the size of a cell. */
static void put_axis(struct json_text *json, const char *first_name, const char *step_name,
                     const struct grid_axis *axis) {
  double step = (axis->last - axis->first) / (double)axis->bins;
  json_put_text(json, first_name);
  json_put_real(json, axis->first + step / 2);
  json_put_text(json, step_name);
  json_put_real(json, step);
}

int64_t density_grid_put_trace(const struct density_grid *grid, struct json_text *json) {
  json_put_text(json, "{\"type\":\"heatmap\",");
  put_axis(json, "\"x0\":", ",\"dx\":", &grid->x);
  put_axis(json, ",\"y0\":", ",\"dy\":", &grid->y);
  json_put_text(json, ",\"z\":");
  int64_t unfit = density_grid_put(grid, json);
  json_put_char(json, '}');
  return unfit;
}
