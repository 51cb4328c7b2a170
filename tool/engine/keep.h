/*
** WITH (keep = ...): what of a summary is stored. Partitions that aren't kept are parked: they stay in the dirty list under
** a token that is nobody's, so that reads compute them from raw rows and no refresh does; their stored rows go.
*/
#ifndef ALMANAC_KEEP_H
#define ALMANAC_KEEP_H
#include "tool/engine/catalog.h"

/* In short write transactions of its own: parks what isn't kept any more, before anything is claimed. */
bool keep_park(struct engine *engine, const struct catalog *catalog, const struct summary *summary);

/* Stored rows of frozen time that isn't kept, for which there are no raw rows: how many there are, and deleting them in
   short write transactions of its own. None where another summary reads them. */
int64_t keep_count_frozen(struct engine *engine, const struct catalog *catalog,
                          const struct summary *summary);
bool keep_delete_frozen(struct engine *engine, const struct catalog *catalog, const struct summary *summary,
                        int64_t *deleted);

#endif
