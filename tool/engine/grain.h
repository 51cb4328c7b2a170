/*
** Time in plain SQL: what a time column holds, and a time_bucket grain as the SQL expressions that a database
** can evaluate without the extension. The texts are in sql/grain.sql.
*/
#ifndef ALMANAC_GRAIN_H
#define ALMANAC_GRAIN_H
#include "ext/kernel/time_grain.h"
#include "tool/engine/source.h"
#include "tool/engine/sql_text.h"

/* Numbers below the one, and from the other on, are no times: an infinity, say, whose bucket would have no end. They are
   in the bucket NULL. */
#define TIMES_LOWEST "-9e18"
#define TIMES_END    "9e18"

/* What the column's values look like. All times of a track share it; rows that don't are `irregular`. */
struct time_shape {
  bool is_guess; /* the table is empty: by the column's declared type */
  bool is_text;
  bool is_real;   /* numbers: shown as REAL, as the column's values are */
  bool is_date;   /* text: YYYY-MM-DD only */
  char separator; /* text: ' ' or 'T' between date and time */
  int fraction;   /* text: the digits of a second in most rows, at most 6 */
  char suffix[8]; /* text: what ends each value: "", "Z" or "+00:00" */
};

enum grain_kind { GRAIN_FIXED, GRAIN_MONTHS, GRAIN_BOUNDS };

/* A grain on a shape. Widths are in the column's own unit for numbers, in seconds for text. */
struct grain {
  enum grain_kind kind;
  int64_t width;
  int64_t offset;
  int64_t scale;     /* numbers: units per second */
  char fraction[12]; /* text: ".000000" shown after the seconds, or "" */
  int64_t unit;      /* every bucket starts at a multiple of it after unit_offset */
  int64_t unit_offset;
};

/* The shape as the catalog keeps it, and back. */
char *time_shape_text(struct engine *engine, const struct time_shape *shape);
struct time_shape time_shape_from_text(const char *text);

/* A time of this shape, to show to users. */
const char *time_shape_example(struct engine *engine, const struct time_shape *shape);

/* Looks at the column's rows; an empty table is judged by the declared type. Fails where numbers and text
 * mix. */
bool time_shape_detect(struct engine *engine, const struct source *source, const char *column,
                       struct time_shape *shape);

/* The plain-SQL form of a parsed time_bucket grain on this shape; fails with the reason where there is none.
 */
bool grain_from(struct engine *engine, const struct time_grain *parsed, const struct time_shape *shape,
                struct grain *grain);

/* Adds times_lowest and times_end. */
const struct sql_variable *limit_variables(struct engine *engine, const struct sql_variable *outer);

/* Adds start, lo, hi, is_start (templates over {x} and {p}), number_start, any_bucket and what they need. Zones need
   {bounds}, the table of bounds.h. */
const struct sql_variable *grain_variables(struct engine *engine, const struct sql_variable *outer,
                                           const struct time_shape *shape, const struct grain *grain);

/* Adds unit_start and unit_hi: the track's own finest grain. */
const struct sql_variable *unit_variables(struct engine *engine, const struct sql_variable *outer,
                                          const struct time_shape *shape, int64_t unit, int64_t unit_offset);

/* Adds suspect, uncovered, regular, above_times, lowest, low_arm: how a track of this shape tells what it covers. */
const struct sql_variable *shape_variables(struct engine *engine, const struct sql_variable *outer,
                                           const struct time_shape *shape);

#endif
