/*
** Summaries of summaries. One that buckets its parent's bucket more coarsely is partitioned by the same raw time as its
** parent: it shares the track of the table at the root, where the raw rows are captured, but its parts are made of the
** parent's rows. Any other summary that reads a summary is whole.
*/
#ifndef ALMANAC_CHAIN_H
#define ALMANAC_CHAIN_H
#include "tool/engine/catalog.h"

/* While a SELECT is derived: temporary views in the place of the summaries that it may name, over their stored rows. So
   what it means doesn't depend on the views in the database, which `pause` parks and a changed schema can break. */
struct stand_ins {
  char **names;
  size_t n;
};
bool chain_stand_in(struct engine *engine, const struct catalog *catalog, const struct token_list *tokens,
                    struct stand_ins *stand_ins);

/* Works on a failed engine too. */
void chain_stand_down(struct engine *engine, struct stand_ins *stand_ins);

/* Is a name of the SELECT this one? (It may be a column's.) */
bool chain_mentions(struct engine *engine, const char *select, const char *name);

/* Is it the table where a known summary's rows are stored? */
bool chain_is_stored(const struct catalog *catalog, const char *table);

/* The summary that is read where `table` is read within `inner` (as the authorizer says), or NULL. */
struct summary *chain_read(const struct catalog *catalog, const char *table, const char *inner);

/* Does the summary depend on rows of `table`, by itself or through what it reads? */
bool chain_depends(const struct summary *summary, const char *table);

/* Does it read the other summary, by itself or through others? */
bool chain_reads(const struct summary *summary, const struct summary *other);

/* Fails with the reason where the buckets of the parent don't nest in those of `call`, which `grain` is the plain form of. */
bool chain_check_nesting(struct engine *engine, const struct summary *parent, const struct bucket_call *call,
                         const struct grain *grain);

#endif
