/*
** Capture: one track per source and partition expression, whatever the number of summaries, and one per
** table of which any change counts. A track is a region table and the triggers that fill it.
*/
#ifndef ALMANAC_CAPTURE_H
#define ALMANAC_CAPTURE_H
#include "tool/engine/catalog.h"

/* Finds or makes the track of the summary's partitions and the tracks of the other tables it reads, and sets
   its track and unit. A finer unit than the track had so far becomes the unit of all its summaries. */
bool capture_join(struct engine *engine, struct catalog *catalog, struct summary *summary);

/* What makes the region of the summary's track. */
char *capture_region_sql(struct engine *engine, const struct summary *summary);

/* Writes down the new names of what the summary's tracks are of. */
bool capture_rename(struct engine *engine, const struct summary *summary);

/* (Re)creates the triggers of every track that a summary of the catalog uses; drops tracks that none uses. */
bool capture_arm(struct engine *engine, struct catalog *catalog);

/* Drops all triggers and leaves the regions: almanac pause. */
bool capture_disarm(struct engine *engine);

/* The condition, in SQL, that the triggers of the summary's tracks are all there, and no unknown unique
 * index. */
char *capture_intact(struct engine *engine, const struct summary *summary,
                     const struct sql_variable *variables);

/* Does capture_intact hold now? */
bool capture_holds(struct engine *engine, const struct summary *summary);

/* That, and that no other table changed and the stored rows are filled. */
char *capture_condition(struct engine *engine, const struct summary *summary,
                        const struct sql_variable *variables);

#endif
