/*
** The parameters of a grid, D8 of density_grid.c, as the aggregates and density_grid_scan() read them. Each of these
** is true, or false with *error, an sqlite3_malloc'ed text that starts with `name`, or NULL: no memory for it.
*/
#include "ext/function/function.h"
#include "ext/kernel/density_grid.h"
#include <math.h>

static bool not_so(const char *name, const char *what, sqlite3_value *value, char **error) {
  char *shown = value ? value_for_message(value) : sqlite3_mprintf("NULL");
  *error = sqlite3_mprintf("%s: %s, not %s", name, what, shown);
  sqlite3_free(shown);
  return false;
}

bool grid_bins(const char *name, sqlite3_value *const given[2], double bins[2], char **error) {
  static const char *const wanted[] = {"nx, the number of columns, must be a whole number >= 1",
                                       "ny, the number of rows, must be a whole number >= 1"};
  int64_t whole[2];
  for (int i = 0; i < 2; i++) {
    if (!given[i] || !parameter_whole(given[i], &whole[i]) || whole[i] < 1)
      return not_so(name, wanted[i], given[i], error);
    bins[i] = (double)whole[i];
  }
  if (whole[0] <= DENSITY_GRID_CELLS_MOST / whole[1]) return true;
  *error = sqlite3_mprintf("%s: nx * ny must be at most %d cells, not %lld * %lld", name,
                           DENSITY_GRID_CELLS_MOST, (long long)whole[0], (long long)whole[1]);
  return false;
}

bool grid_axis_range(const char *name, bool is_y, sqlite3_value *const given[2], double range[2],
                     char **error) {
  const char *const names[] = {is_y ? "y0" : "x0", is_y ? "y1" : "x1"};
  for (int i = 0; i < 2; i++) {
    int type = given[i] ? sqlite3_value_type(given[i]) : SQLITE_NULL;
    range[i] = given[i] ? sqlite3_value_double(given[i]) : 0;
    if ((type == SQLITE_INTEGER || type == SQLITE_FLOAT) && isfinite(range[i])) continue;
    char what[64];
    sqlite3_snprintf(sizeof what, what, "%s must be a finite number", names[i]);
    return not_so(name, what, given[i], error);
  }
  if (range[0] < range[1]) return true;
  *error = sqlite3_mprintf("%s: %s must be below %s, not %.15g and %.15g", name, names[0], names[1], range[0],
                           range[1]);
  return false;
}

bool grid_range(const char *name, sqlite3_value *const given[4], double range[4], char **error) {
  return grid_axis_range(name, false, given, range, error) &&
         grid_axis_range(name, true, given + 2, range + 2, error);
}

bool grid_width_fits(const char *name, const double range[4], char **error) {
  for (int i = 0; i < 4; i += 2) {
    if (isfinite(range[i + 1] - range[i])) continue;
    *error = sqlite3_mprintf("%s: the range of %s, %.15g to %.15g, is wider than a REAL can hold", name,
                             i ? "y" : "x", range[i], range[i + 1]);
    return false;
  }
  return true;
}
