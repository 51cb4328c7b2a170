/* What saves a user an hour: an index that is missing, milliseconds taken for seconds, and the like. */
#ifndef ALMANAC_NOTICES_H
#define ALMANAC_NOTICES_H
#include "tool/engine/catalog.h"

/* Says what is worth knowing of a summary that was just declared. */
void notices_of_summary(struct engine *engine, const struct summary *summary);

/* Warns of changes that came for frozen time since the catalog was loaded: no summary shows them. */
void notices_of_late(struct engine *engine, const struct catalog *catalog);

#endif
