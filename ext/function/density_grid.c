/*
** density_grid(x, y, nx, ny [, x0, x1, y0, y1 [, weight]]): how many of a group's points lie in each cell
** of a grid of nx by ny cells, or the sum of their weights. density_grid_trace(...): the same as a Plotly
** trace. Aggregates.
**
** D1  The result is JSON text with JSON's subtype: a matrix z[row of y][column of x], lowest y first
**     (numpy's H transposed), as Plotly's heatmap takes it. Counts are integers; sums of weights are reals,
**     always.
** D2  The bins are those of numpy.histogram2d, to the bit: edges as linspace makes them, every bin holds its
**     lower edge, the last one both (ext/kernel/density_grid.c has the formulas). Integers beyond 2^53 are
**     rounded to doubles first.
** D3  With a range (x0 <= x <= x1, y0 <= y <= y1), points outside are dropped, infinite ones too; O(1) a
**     point, and memory for the cells alone.
** D4  Without a range it is that of the data, and the points are kept until the end, 16 bytes each. If an
**     axis has one value only, its range is half a unit to each side; if no row has both x and y, both are
**     0 to 1. Infinite values are errors here, and so is a range whose width a double cannot hold.
** D5  A row whose x, y or weight is NULL is skipped.
** D6  Without any row (and no GROUP BY) nx and ny are unknown, so there is no row of cells: [].
** D7  density_grid_trace gives {"type":"heatmap","x0":..,"dx":..,"y0":..,"dy":..,"z":[[..]]}; x0 and y0 are
**     the centres of the first cell, dx and dy the sizes of a cell, all reals. Without any row:
**     {"type":"heatmap","z":[]}.
** D8  nx and ny are whole numbers >= 1 and nx * ny is at most 16777216 (2^24). x0 < x1 and y0 < y1 are finite
**     numbers. Anything else is an error that shows the value.
** D9  Parameters must be the same in every row of a group. The first 1,024 rows are all checked, and of the
**     rest every 17th: six more calls a row would cost more than the counting. The first row's are used.
** D10 Errors that show the value: text or blobs in x, y or weight, an infinite weight, weights whose sum a
**     double cannot hold. Out of memory is SQLite's own error of that name.
*/
#include "ext/kernel/density_grid.h"
#include "ext/function/function.h"
#include "ext/kernel/chunks.h"
#include <float.h>
#include <math.h>
#include <string.h>

#define ROWS_CHECKED     1024 /* D9 */
#define ROWS_NOT_CHECKED 16

enum { NX, NY, X0, X1, Y0, Y1, PARAMETERS };
static const char *const parameter_names[] = {"nx", "ny", "x0", "x1", "y0", "y1"};

struct grid_state {
  bool ready;             /* the parameters have been read */
  bool failed;            /* an error is set: the end only frees */
  bool open;              /* the grid has memory */
  int64_t rows, check_at; /* rows seen; the next one whose parameters are checked */
  double given[PARAMETERS];
  struct density_grid grid;
  /* Without a range: the points so far, x and y in turn, and how far they reach. */
  struct chunk *first, *last;
  double reach[4];
};

static const char *name(sqlite3_context *context) {
  return sqlite3_user_data(context);
}

static bool fail_value(sqlite3_context *context, struct grid_state *state, const char *what,
                       sqlite3_value *value) {
  char *shown = value_for_message(value);
  function_error(context, "%s: %s, not %s", name(context), what, shown);
  sqlite3_free(shown);
  state->failed = true;
  return false;
}

static bool fail_nomem(sqlite3_context *context, struct grid_state *state) {
  sqlite3_result_error_nomem(context);
  state->failed = true;
  return false;
}

/* With the message of density_grid_parameters.c; NULL: no memory for it. */
static bool fail_parameter(sqlite3_context *context, struct grid_state *state, char *error) {
  if (!error) return fail_nomem(context, state);
  sqlite3_result_error(context, error, -1);
  sqlite3_free(error);
  state->failed = true;
  return false;
}

/* Prepares the cells for a range; says so if it cannot. */
static bool open_grid(sqlite3_context *context, struct grid_state *state, const double range[4],
                      bool weighted) {
  char *error = NULL;
  if (!grid_width_fits(name(context), range, &error)) return fail_parameter(context, state, error);
  state->open =
      density_grid_open(&state->grid, (int64_t)state->given[NX], (int64_t)state->given[NY], range, weighted);
  return state->open || fail_nomem(context, state);
}

/* D9. */
static bool compare_parameters(sqlite3_context *context, struct grid_state *state, int count,
                               sqlite3_value **parameters) {
  for (int i = 0; i < count; i++) {
    bool same = sqlite3_value_double(parameters[i]) == state->given[i];
    if (same && state->given[i] == 0) same = sqlite3_value_type(parameters[i]) <= SQLITE_FLOAT;
    if (same) continue; /* 0 is also what NULL and 'abc' would be */
    char what[96];
    sqlite3_snprintf(sizeof what, what, "%s must be the same in every row of a group: it was %.15g",
                     parameter_names[i], state->given[i]);
    return fail_value(context, state, what, parameters[i]);
  }
  return true;
}

/* Reads the parameters in the first row and compares them in later ones. */
static bool check_parameters(sqlite3_context *context, struct grid_state *state, int argc,
                             sqlite3_value **argv) {
  state->check_at = state->rows + (state->rows < ROWS_CHECKED ? 0 : ROWS_NOT_CHECKED);
  int count = argc == 4 ? 2 : PARAMETERS;
  if (state->ready) return compare_parameters(context, state, count, argv + 2);
  char *error = NULL;
  if (!grid_bins(name(context), argv + 2, state->given, &error) ||
      (count == PARAMETERS && !grid_range(name(context), argv + 2 + X0, state->given + X0, &error)))
    return fail_parameter(context, state, error);
  if (count == PARAMETERS && !open_grid(context, state, state->given + X0, argc == 9)) return false;
  state->ready = true;
  return true;
}

/* The group's state, if the row's parameters are right. */
static inline struct grid_state *enter_row(sqlite3_context *context, int argc, sqlite3_value **argv) {
  struct grid_state *state = sqlite3_aggregate_context(context, sizeof *state);
  if (!state) {
    sqlite3_result_error_nomem(context);
    return NULL;
  }
  if (state->rows++ >= state->check_at && !check_parameters(context, state, argc, argv)) return NULL;
  return state;
}

static bool read_number_slowly(sqlite3_context *context, struct grid_state *state, const char *what,
                               sqlite3_value *value) {
  if (sqlite3_value_type(value) != SQLITE_NULL) fail_value(context, state, what, value);
  return false;
}

/* Reads a coordinate or weight; false if the row has to be skipped, also because of an error. */
static inline bool read_number(sqlite3_context *context, struct grid_state *state, const char *what,
                               sqlite3_value *value, double *number) {
  if (sqlite3_value_type(value) > SQLITE_FLOAT) return read_number_slowly(context, state, what, value);
  *number = sqlite3_value_double(value);
  return true;
}

static inline bool read_point(sqlite3_context *context, struct grid_state *state, sqlite3_value **argv,
                              double *x, double *y) {
  return read_number(context, state, "x must be a number", argv[0], x) &&
         read_number(context, state, "y must be a number", argv[1], y);
}

/* Counts in a given range: 8 arguments. */
void density_grid_step_range(sqlite3_context *context, int argc, sqlite3_value **argv) {
  double x, y;
  struct grid_state *state = enter_row(context, argc, argv);
  if (!state || !read_point(context, state, argv, &x, &y)) return;
  state->grid.counts[density_grid_cell(&state->grid, x, y)]++;
}

/* Sums of weights in a given range: 9 arguments. */
void density_grid_step_weight(sqlite3_context *context, int argc, sqlite3_value **argv) {
  double x, y, weight;
  struct grid_state *state = enter_row(context, argc, argv);
  if (!state || !read_point(context, state, argv, &x, &y)) return;
  if (!read_number(context, state, "weight must be a number", argv[8], &weight)) return;
  if (fabs(weight) <= DBL_MAX)
    state->grid.sums[density_grid_cell(&state->grid, x, y)] += weight;
  else
    fail_value(context, state, "weight must be finite", argv[8]);
}

static bool keep_point(struct grid_state *state, double x, double y) {
  struct chunk *chunk = state->last;
  if (!chunk || chunk->capacity - chunk->used < 2) {
    chunk = chunk_after(chunk, 0);
    if (!chunk) return false;
    state->last = chunk;
    if (!state->first) {
      state->first = chunk;
      memcpy(state->reach, (double[]){x, x, y, y}, sizeof state->reach);
    }
  }
  memcpy(chunk->words + chunk->used, (double[]){x, y}, 2 * sizeof(double));
  chunk->used += 2;
  if (x < state->reach[0]) state->reach[0] = x;
  if (x > state->reach[1]) state->reach[1] = x;
  if (y < state->reach[2]) state->reach[2] = y;
  if (y > state->reach[3]) state->reach[3] = y;
  return true;
}

/* Counts in the range of the data: 4 arguments. */
void density_grid_step(sqlite3_context *context, int argc, sqlite3_value **argv) {
  static const char finite[] = "must be finite where no range is given";
  double x, y;
  struct grid_state *state = enter_row(context, argc, argv);
  if (!state || !read_point(context, state, argv, &x, &y)) return;
  if (fabs(x) > DBL_MAX || fabs(y) > DBL_MAX) {
    char what[64];
    bool in_x = fabs(x) > DBL_MAX;
    sqlite3_snprintf(sizeof what, what, "%s %s", in_x ? "x" : "y", finite);
    fail_value(context, state, what, argv[in_x ? 0 : 1]);
  } else if (!keep_point(state, x, y)) {
    fail_nomem(context, state);
  }
}

/* D4: the grid of the points kept. */
static bool count_kept(sqlite3_context *context, struct grid_state *state) {
  if (!state->first) memcpy(state->reach, (double[]){0, 1, 0, 1}, sizeof state->reach);
  density_grid_widen(&state->reach[0], &state->reach[1]);
  density_grid_widen(&state->reach[2], &state->reach[3]);
  if (!open_grid(context, state, state->reach, false)) return false;
  for (const struct chunk *chunk = state->first; chunk; chunk = chunk->next) {
    for (size_t i = 0; i < chunk->used; i += 2) {
      double point[2];
      memcpy(point, chunk->words + i, sizeof point);
      state->grid.counts[density_grid_cell(&state->grid, point[0], point[1])]++;
    }
  }
  return true;
}

static bool put_grid(sqlite3_context *context, struct grid_state *state, bool trace, struct json_text *json) {
  if (!state || !state->ready) { /* D6 */
    json_put_text(json, trace ? "{\"type\":\"heatmap\",\"z\":[]}" : "[]");
    return true;
  }
  if (!state->open && !count_kept(context, state)) return false;
  int64_t cell = trace ? density_grid_put_trace(&state->grid, json) : density_grid_put(&state->grid, json);
  if (!cell) return true;
  function_error(context, "%s: the weights in cell (%lld, %lld) add up to more than a REAL can hold",
                 name(context), (long long)((cell - 1) % state->grid.x.bins),
                 (long long)((cell - 1) / state->grid.x.bins));
  return false;
}

static void finish(sqlite3_context *context, bool trace) {
  struct grid_state *state = sqlite3_aggregate_context(context, 0);
  struct json_text json = {0};
  bool failed = state && state->failed;
  if (!failed && put_grid(context, state, trace, &json))
    json_result(context, &json);
  else
    json_free(&json);
  if (!state) return;
  chunks_free(state->first);
  if (state->open) density_grid_close(&state->grid);
}

void density_grid_final(sqlite3_context *context) {
  finish(context, false);
}
void density_grid_trace_final(sqlite3_context *context) {
  finish(context, true);
}
