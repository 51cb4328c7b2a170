/*
** rolling_drawdown(v [, mode]) and drawdown(v [, mode]): window functions, and plain aggregates in row order.
**
**   SELECT day, rolling_drawdown(equity) OVER (ORDER BY day RANGE 29 PRECEDING),
**               drawdown(equity) OVER (ORDER BY day) FROM equity_daily;
**
** (1) rolling_drawdown is the deepest drawdown inside the frame: the minimum over rows i <= j of the frame of
**     v[j] / v[i] - 1. The peak is never older than the frame.
** (2) drawdown is the frame's last value against the frame's highest.
** (3) Mode 'ratio' (the default) gives v[j] / v[i] - 1, a fraction: -0.25 is a quarter lost. Mode 'absolute' gives
**     v[j] - v[i], in the unit of v. Any case; one mode in all rows of a group.
** (4) The result is a REAL, at most 0, and equals that of comparing all pairs to the bit.
** (5) NULL rows are skipped: no rows, or NULLs alone, give NULL, and drawdown's last value is the last that is
**     not NULL. One value gives 0.0.
** (6) In mode 'ratio', a frame with a negative value gives NULL (no ratio means anything there), until the value
**     has left the frame. A peak of 0 has a drawdown of 0.0.
** (7) Values are read as sum() does: integers as REAL, text as the number it begins with or 0.0.
** (8) Infinity: a finite value below an infinite peak is -1.0 ('ratio') or -Infinity ('absolute'); what is not
**     below its peak is 0.0, also where both are infinite. 'absolute' gives -Infinity past the largest REAL.
** (9) Order is that of the frame. A plain aggregate takes rows in the order in which they come: use
**     FROM (SELECT ... ORDER BY ...), or ORDER BY inside the call from SQLite 3.44 on.
** (10) A row costs O(1) amortized, whatever the frame's size; memory grows with the frame's peaks not reached
**     again (24 bytes each), which for prices is next to nothing, and only in a long fall is every row.
** Errors: an unknown mode (also NULL), a mode that changes within a group, out of memory.
*/
#include "ext/kernel/drawdown.h"
#include "ext/function/function.h"

typedef struct {
  int started;
  drawdown_queue queue;
} drawdown_state;

/* Reads the mode: 1, or 0 after setting the error. */
static int read_mode(sqlite3_context *context, const char *name, sqlite3_value *argument,
                     drawdown_mode *mode) {
  const char *text =
      sqlite3_value_type(argument) == SQLITE_TEXT ? (const char *)sqlite3_value_text(argument) : 0;
  if (text && sqlite3_stricmp(text, "ratio") == 0) {
    *mode = DRAWDOWN_RATIO;
    return 1;
  }
  if (text && sqlite3_stricmp(text, "absolute") == 0) {
    *mode = DRAWDOWN_ABSOLUTE;
    return 1;
  }
  char *shown = value_for_message(argument);
  function_error(context, "%s: the mode must be 'ratio' or 'absolute', not %s", name, shown);
  sqlite3_free(shown);
  return 0;
}

static void step(sqlite3_context *context, const char *name, int n_arg, sqlite3_value **arguments) {
  static const char *const mode_names[] = {"ratio", "absolute"};
  drawdown_mode mode = DRAWDOWN_RATIO;
  drawdown_state *state = sqlite3_aggregate_context(context, sizeof *state);
  if (!state) {
    sqlite3_result_error_nomem(context);
    return;
  }
  if (n_arg > 1 && !read_mode(context, name, arguments[1], &mode)) return;
  if (!state->started) {
    drawdown_init(&state->queue, mode);
    state->started = 1;
  } else if (mode != state->queue.mode) {
    function_error(context, "%s: the mode must be the same in all rows of a group, not '%s' and then '%s'",
                   name, mode_names[state->queue.mode], mode_names[mode]);
    return;
  }
  if (sqlite3_value_type(arguments[0]) == SQLITE_NULL) return;
  if (drawdown_push(&state->queue, sqlite3_value_double(arguments[0]))) sqlite3_result_error_nomem(context);
}

void rolling_drawdown_step(sqlite3_context *context, int n_arg, sqlite3_value **arguments) {
  step(context, "rolling_drawdown", n_arg, arguments);
}

void drawdown_step(sqlite3_context *context, int n_arg, sqlite3_value **arguments) {
  step(context, "drawdown", n_arg, arguments);
}

/* The frame's oldest row goes. A NULL never came in. */
void drawdown_inverse(sqlite3_context *context, int n_arg, sqlite3_value **arguments) {
  (void)n_arg;
  drawdown_state *state = sqlite3_aggregate_context(context, 0);
  if (state && sqlite3_value_type(arguments[0]) != SQLITE_NULL) drawdown_pop(&state->queue);
}

/* Both results are NULL (SQLite's default) for an empty frame and for one without an answer. */
void rolling_drawdown_value(sqlite3_context *context) {
  drawdown_state *state = sqlite3_aggregate_context(context, 0);
  double result;
  if (state && drawdown_deepest(&state->queue, &result) == DRAWDOWN_FOUND)
    sqlite3_result_double(context, result);
}

void drawdown_value(sqlite3_context *context) {
  drawdown_state *state = sqlite3_aggregate_context(context, 0);
  double result;
  if (state && drawdown_newest(&state->queue, &result) == DRAWDOWN_FOUND)
    sqlite3_result_double(context, result);
}

static void release(sqlite3_context *context) {
  drawdown_state *state = sqlite3_aggregate_context(context, 0);
  if (state) drawdown_free(&state->queue);
}

void rolling_drawdown_final(sqlite3_context *context) {
  rolling_drawdown_value(context);
  release(context);
}

void drawdown_final(sqlite3_context *context) {
  drawdown_value(context);
  release(context);
}
