#include "tool/engine/zoom_choose.h"
#include "tool/engine/sql_text.h"
#include <math.h>
#include <string.h>

enum {
  STRETCHES = 32,
  STRETCH_ROWS = 1024,
  STEPS_MIN = 64, /* fewer tell nothing */
  RATIO_MAX = 6,
  COARSEST_BUCKETS = 1000,
  WIDTHS_MAX = 64
};

/* How many rows all levels may have for each raw one, so that they take about a third of its space: a row of a level
   takes, with its place in the index, four times as much as a raw row; with texts for times five times. */
#define LEVEL_ROWS_MAX      (1 / 12.0)
#define LEVEL_ROWS_MAX_TEXT (1 / 15.0)

/* --------------------------------------------------------------------------------------------------- widths */

static const int64_t nice[] = {
    ZOOM_SECOND_NS,      2 * ZOOM_SECOND_NS,  5 * ZOOM_SECOND_NS, 10 * ZOOM_SECOND_NS, 15 * ZOOM_SECOND_NS,
    20 * ZOOM_SECOND_NS, 30 * ZOOM_SECOND_NS, ZOOM_MINUTE_NS,     3 * ZOOM_MINUTE_NS,  5 * ZOOM_MINUTE_NS,
    15 * ZOOM_MINUTE_NS, 30 * ZOOM_MINUTE_NS, ZOOM_HOUR_NS,       2 * ZOOM_HOUR_NS,    3 * ZOOM_HOUR_NS,
    6 * ZOOM_HOUR_NS,    12 * ZOOM_HOUR_NS,   ZOOM_DAY_NS,        ZOOM_WEEK_NS};

/* Dashboards ask for these: every ladder has those of them that are above its finest. */
static bool is_wanted(int64_t ns) {
  return ns == 15 * ZOOM_MINUTE_NS || ns == ZOOM_HOUR_NS || ns == ZOOM_DAY_NS || ns == ZOOM_WEEK_NS;
}

/* All nice widths of at least `tick_ns`, ascending; the last is where the ladder ends. */
static size_t list_widths(int64_t tick_ns, double span_ns, int64_t widths[WIDTHS_MAX]) {
  static const int64_t digits[] = {1, 2, 5};
  size_t n = 0;
  for (int64_t decade = 1; decade < ZOOM_SECOND_NS; decade *= 10)
    for (size_t i = 0; i < 3; i++)
      if (digits[i] * decade % tick_ns == 0) widths[n++] = digits[i] * decade;
  for (size_t i = 0; i < sizeof nice / sizeof nice[0]; i++)
    if (nice[i] % tick_ns == 0) widths[n++] = nice[i];
  for (int64_t ns = 4 * ZOOM_WEEK_NS;
       n < WIDTHS_MAX && span_ns / (double)widths[n - 1] > COARSEST_BUCKETS && ns < INT64_MAX / 8; ns *= 4)
    widths[n++] = ns;
  return n;
}

/* Can the level of width b be made of that of width a? */
static bool is_step(const int64_t *widths, size_t a, size_t b) {
  for (size_t i = a + 1; i < b; i++)
    if (is_wanted(widths[i])) return false;
  return widths[b] % widths[a] == 0 && (widths[b] / widths[a] <= RATIO_MAX || widths[b] == ZOOM_WEEK_NS);
}

/* The fewest levels from `first` to the last width and, of as many, steps that are most alike: shortest paths, from
   the end. */
static size_t find_path(const int64_t *widths, size_t n, size_t first, size_t path[ZOOM_LEVELS_MAX]) {
  double cost[WIDTHS_MAX];
  size_t next[WIDTHS_MAX];
  for (size_t a = n; a-- > first;) {
    cost[a] = a + 1 == n ? 0 : INFINITY;
    next[a] = a;
    for (size_t b = a + 1; b < n; b++) {
      if (!is_step(widths, a, b)) continue;
      double uneven = log2((double)(widths[b] / widths[a])) - 2;
      double with = cost[b] + 1 + 0.1 * uneven * uneven;
      if (with < cost[a] + 1e-9) { /* of two that are alike the longer step first: fewer rows */
        cost[a] = with;
        next[a] = b;
      }
    }
  }
  size_t length = 0;
  for (size_t at = first; length < ZOOM_LEVELS_MAX; at = next[at]) {
    path[length++] = at;
    if (next[at] == at) break;
  }
  return length;
}

/* The rows of all levels for a raw one, where a key has one each `step_ns`. */
static double count_rows(const int64_t *widths, const size_t *path, size_t length, double step_ns) {
  double rows = 0;
  for (size_t i = 0; i < length; i++) rows += step_ns / (double)widths[path[i]];
  return rows;
}

/* --------------------------------------------------------------------------------------------------- sample */

/* The time, and the key as one text. */
static const struct sql_variable *sample_variables(struct engine *engine, const struct zoom_select *select,
                                                   const struct zoom_axis *axis) {
  const char *time = select->items[0];
  sqlite3_str *key = sqlite3_str_new(engine->db);
  sqlite3_str_appendall(key, "''");
  for (size_t i = 1; i + 1 < select->n; i++) sqlite3_str_appendf(key, "||quote(%s)||','", select->items[i]);
  const struct sql_variable *v = sql_literal(engine, 0, "time", time);
  v = sql_literal(engine, v, "t",
                  engine_printf(engine, axis->is_text ? "CAST(strftime('%%s', %s) AS INTEGER)" : "%s", time));
  v = sql_literal(engine, v, "k", engine_finish(engine, key));
  v = sql_literal(engine, v, "source", quoted(engine, select->source->name));
  v = sql_literal(engine, v, "alias", select->alias);
  v = sql_literal(engine, v, "where", select->where);
  v = sql_literal(engine, v, "stretch_rows", engine_printf(engine, "%d", STRETCH_ROWS));
  return v;
}

/* The column along which stretches lie: the time where it leads an index, else the rowid; NULL where there is neither.
   `times` tells which. */
static char *along(struct engine *engine, const struct zoom_select *select, bool *times) {
  char *time = select->columns[0];
  *times = source_has_index(engine, select->source, &time, 1);
  if (*times) return quoted(engine, time);
  return select->source->without_rowid ? 0 : source_row_id(engine, select->source);
}

static bool take_stretches(struct engine *engine, const struct sql_variable *v, const struct zoom_axis *axis,
                           const char *along, bool times) {
  bool text = times && axis->is_text;
  v = sql_literal(engine, v, "along", along);
  v = sql_literal(engine, v, "along_times", times ? engine_printf(engine, " WHERE %s<''", along) : "");
  sqlite3_stmt *ends =
      engine_prepare(engine, sql_text(engine, text ? "zoom_sample_text_ends" : "zoom_sample_ends", v));
  double low = 0, high = 0;
  bool found = engine_step(engine, ends) && sqlite3_column_type(ends, 0) != SQLITE_NULL;
  if (found) low = sqlite3_column_double(ends, 0), high = sqlite3_column_double(ends, 1);
  engine_finalize(engine, ends);
  for (int i = 0; found && i < STRETCHES && engine_ok(engine); i++) {
    int64_t at = (int64_t)(low + (high - low) * i / STRETCHES);
    const char *format = text ? "strftime('%%Y-%%m-%%d', %lld, 'unixepoch')" : "%lld";
    const struct sql_variable *here =
        sql_literal(engine, v, "from_here", engine_printf(engine, format, (long long)at));
    sql_run_bound(engine, "zoom_sample_take", here, i, 0);
  }
  return engine_ok(engine);
}

/* How far a key's rows are apart, in ticks, and the span of the sample; 0 where there are too few to tell. */
static double measure(struct engine *engine, double *span) {
  sqlite3_stmt *steps = engine_prepare(engine, sql_text(engine, "zoom_steps", 0));
  double step = 0, n_steps = 0, spread = 0, n_rows = 0;
  if (engine_step(engine, steps))
    step = sqlite3_column_double(steps, 0), n_steps = sqlite3_column_double(steps, 1);
  engine_finalize(engine, steps);
  sqlite3_stmt *rows = engine_prepare(engine, sql_text(engine, "zoom_spread", 0));
  if (engine_step(engine, rows)) {
    spread = sqlite3_column_double(rows, 0);
    n_rows = sqlite3_column_double(rows, 1);
    *span = sqlite3_column_double(rows, 2);
  }
  engine_finalize(engine, rows);
  if (n_rows < STEPS_MIN) return 0;
  return n_steps >= n_rows / 2 ? step : spread;
}

static double sample(struct engine *engine, const struct zoom_select *select, const struct zoom_axis *axis,
                     double *span) {
  bool times = false;
  char *column = along(engine, select, &times);
  const struct sql_variable *v = sample_variables(engine, select, axis);
  sql_run(engine, "zoom_sample_create", 0);
  if (column)
    take_stretches(engine, v, axis, column, times);
  else
    sql_run_bound(
        engine, "zoom_sample_take_first",
        sql_literal(engine, v, "stretch_rows", engine_printf(engine, "%d", STRETCHES * STRETCH_ROWS)), 0, 0);
  double step = measure(engine, span);
  struct failure failure = engine_suspend(engine);
  sql_run(engine, "zoom_sample_drop", 0);
  if (failure.code) engine_resume(engine, failure);
  return step;
}

/* --------------------------------------------------------------------------------------------------- choice */

bool zoom_choose(struct engine *engine, const struct zoom_select *select, const struct zoom_axis *axis,
                 struct zoom *zoom, bool *guessed) {
  double span = 0, step = axis->is_empty ? 0 : sample(engine, select, axis, &span);
  double tick_ns = (double)ZOOM_SECOND_NS / (double)axis->ticks_per_s;
  double step_ns = step * tick_ns, rows_max = axis->is_text ? LEVEL_ROWS_MAX_TEXT : LEVEL_ROWS_MAX;
  int64_t widths[WIDTHS_MAX];
  size_t path[ZOOM_LEVELS_MAX], n = list_widths((int64_t)tick_ns, span * tick_ns, widths), first = 0;
  *guessed = step <= 0;
  while (*guessed && widths[first] < ZOOM_MINUTE_NS) first++;
  while ((zoom->n_levels = find_path(widths, n, first, path)) > 1 &&
         count_rows(widths, path, zoom->n_levels, step_ns) > rows_max)
    first++;
  for (size_t i = 0; i < zoom->n_levels && engine_ok(engine); i++)
    zoom_ladder_width(engine, axis, zoom_ladder_spell(engine, widths[path[i]]), &zoom->levels[i]);
  return engine_ok(engine);
}
