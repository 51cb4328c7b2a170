/*
** Buckets in a time zone, readable without the extension: a table of the instants at which they start,
** from the oldest row to some years ahead. Each refresh sees that it reaches far enough.
*/
#ifndef ALMANAC_BOUNDS_H
#define ALMANAC_BOUNDS_H
#include "tool/engine/summary.h"

/* Within a write transaction: makes and fills the table, and sets the grain's unit to what all bounds are
   multiples of. Nothing to do for grains without a zone. */
bool bounds_create(struct engine *engine, struct summary *summary);

/* Within a write transaction: adds what is missing for the rows that there are now. Where that can't be done
   the summary is `broken`, and the others go on. */
bool bounds_cover(struct engine *engine, struct summary *summary);

#endif
