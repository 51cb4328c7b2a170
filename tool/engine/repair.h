/*
** Repairs, within the write transaction that starts a refresh: what changed in the schema or in the
** spelling of times since a summary was declared.
*/
#ifndef ALMANAC_REPAIR_H
#define ALMANAC_REPAIR_H
#include "tool/engine/catalog.h"

/* Writes down the definitions that follow a rename, and declares again what is outdated. To be called with the catalog
 * of this transaction. */
bool repair_definitions(struct engine *engine, struct catalog *catalog);

/* Makes triggers and views anew where a rebuilt table lost them, or a unique index came; marks everything
 * there. */
bool repair_capture(struct engine *engine, struct catalog *catalog);

/* Where times came in another spelling than their track's: declares its summaries anew if now all times are
   in one other spelling, as when a table was empty at first; else everything is listed again, to see if all
   is well now. */
bool repair_shapes(struct engine *engine, struct catalog *catalog);

#endif
