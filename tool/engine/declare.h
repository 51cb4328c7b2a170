/* Making and removing summaries, within the write transaction of apply, drop and resume. */
#ifndef ALMANAC_DECLARE_H
#define ALMANAC_DECLARE_H
#include "tool/engine/catalog.h"

/* Declares the summary of a CREATE statement: its tables, track, triggers and view. */
bool declare_create(struct engine *engine, struct catalog *catalog, const struct definitions *definitions,
                    const struct statement *statement, struct summary **created);

/* Removes a summary with all that belongs to it. */
bool declare_drop(struct engine *engine, struct catalog *catalog, struct summary *summary);

/* Makes every trigger and view anew, as the catalog says: after a change of the catalog, and on resume. */
bool declare_arm(struct engine *engine, struct catalog *catalog);

/* Removes the last trace of Almanac, once no summary is left. */
bool declare_remove_catalog(struct engine *engine);

/* Are the definitions equal but for blanks, comments and the case of words? */
bool declare_same(struct engine *engine, const char *a, const char *b);

#endif
