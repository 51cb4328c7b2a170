/*
** The time column of a zoom: its values as ticks, whole numbers in the column's unit (for text: seconds since 1970),
** and ticks as its values.
*/
#ifndef ALMANAC_PYRAMID_AXIS_H
#define ALMANAC_PYRAMID_AXIS_H
#include "ext/kernel/pyramid_plan.h"
#include <sqlite3ext.h>
#include <stdbool.h>
#include <stdint.h>
SQLITE_EXTENSION_INIT3

struct pyramid_axis {
  bool is_text;
  bool is_real;        /* numbers are shown as REAL */
  bool is_date;        /* text: YYYY-MM-DD alone */
  char separator;      /* text: between date and time */
  char suffix[8];      /* text: behind the fraction, "", "Z" or "+00:00" */
  int64_t ticks_per_s; /* numbers */
};

/* From the words of the catalog: almanac_track's shape, almanac_zoom's unit. False where they are unknown. */
bool pyramid_axis_read(struct pyramid_axis *axis, const char *shape, const char *unit);

/* The tick at or before a time in a result's column; false if it is none of this axis: of another type, or text in
   another spelling than the column's. */
bool pyramid_axis_tick(const struct pyramid_axis *axis, sqlite3_stmt *row, int column, int64_t *tick);

/* The same of a time that the engine wrote, a bucket's start or bound: any spelling will do. */
bool pyramid_axis_mark(const struct pyramid_axis *axis, sqlite3_stmt *row, int column, int64_t *tick);

/* Binds what no time at or after the tick is below, and every time before it is. */
int pyramid_axis_bind(const struct pyramid_axis *axis, sqlite3_stmt *statement, int parameter, int64_t tick);

/* A function's result: the start of a bucket as time_bucket spells it. */
void pyramid_axis_result(const struct pyramid_axis *axis, sqlite3_context *context, int64_t tick);

/*
** One end of the range that a reader asks for, a value of the column's kind: its tick; for lo the first tick that is in
** the range as a whole, for hi the last one below which all is. `exact`: nothing of the range is below that first tick.
*/
struct pyramid_end {
  int64_t tick, whole;
  bool exact;
};
enum pyramid_end_problem { PYRAMID_END_FINE, PYRAMID_END_NO_TIME, PYRAMID_END_SPELLING };
enum pyramid_end_problem pyramid_axis_end(const struct pyramid_axis *axis, sqlite3_value *value, bool is_hi,
                                          struct pyramid_end *end);

/* How a time of this axis looks, for messages. */
const char *pyramid_axis_example(const struct pyramid_axis *axis);

#endif
