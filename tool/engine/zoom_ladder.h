/*
** Which widths the levels of a zoom have, as WITH (zoom = '10s, 1m, 1h') lists them, and what of the time they are widths.
*/
#ifndef ALMANAC_ZOOM_LADDER_H
#define ALMANAC_ZOOM_LADDER_H
#include "tool/engine/zoom_select.h"

/* What the data say of the time. */
struct zoom_axis {
  bool is_text;
  bool is_empty;
  int64_t ticks_per_s; /* of numbers; of text 1 */
  const char *unit;    /* s, ms, us, ns, text */
};

/* Looks at the column; `unit` is what the definition says of it, or NULL: then large numbers are milliseconds and finer. */
bool zoom_axis_read(struct engine *engine, const struct zoom_select *select, const char *unit,
                    struct zoom_axis *axis);

/* Fills the levels (not their names) of `zoom` from a list of widths. */
bool zoom_ladder_read(struct engine *engine, const struct zoom_axis *axis, const char *widths,
                      struct zoom *zoom);

/* One level's width, as written. */
bool zoom_ladder_width(struct engine *engine, const struct zoom_axis *axis, const char *text,
                       struct zoom_level *level);

/* The shortest way to write a width: in the largest unit of which it is a multiple. */
char *zoom_ladder_spell(struct engine *engine, int64_t width_ns);

#define ZOOM_SECOND_NS INT64_C(1000000000)
#define ZOOM_MINUTE_NS (60 * ZOOM_SECOND_NS)
#define ZOOM_HOUR_NS   (60 * ZOOM_MINUTE_NS)
#define ZOOM_DAY_NS    (24 * ZOOM_HOUR_NS)
#define ZOOM_WEEK_NS   (7 * ZOOM_DAY_NS)

#endif
