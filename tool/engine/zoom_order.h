/* Declaring zooms from a definitions file: as so many summaries, in order.h's order. */
#ifndef ALMANAC_ZOOM_ORDER_H
#define ALMANAC_ZOOM_ORDER_H
#include "tool/engine/order.h"

/* Does the statement declare a zoom? */
bool zoom_order_is(const struct statement *statement);

/* Declares it. Levels that are as they were are left alone, and so is the ladder where the options are. */
bool zoom_order_create(struct engine *engine, struct order *order, const struct definitions *file,
                       const struct statement *statement);

/* Before a summary of that name is declared: fails where it is a level, drops a zoom that has the name. */
bool zoom_order_make_way(struct engine *engine, struct order *order, const struct definitions *file,
                         const struct statement *statement);

/* Within the write transaction that starts a refresh: chooses the widths of a zoom that was declared over an empty table. */
bool zoom_order_again(struct engine *engine, struct catalog *catalog);

#endif
