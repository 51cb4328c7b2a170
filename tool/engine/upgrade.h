/*
** Upgrades: files whose catalog an older tool has made. Each format's upgrade is one write transaction, and an
** older tool refuses the file from then on.
*/
#ifndef ALMANAC_UPGRADE_H
#define ALMANAC_UPGRADE_H
#include "tool/engine/catalog.h"

/* What every command that needs the catalog calls first. Fails with the remedy where there is no catalog, or a
   newer tool's. One of an older format is upgraded: in the caller's write transaction, or in one of its own,
   which a dry run leaves open, so that closing rolls it back. */
bool upgrade_require(struct engine *engine);

/* That, but a catalog that isn't there is made: within the write transaction of apply. */
bool upgrade_create(struct engine *engine);

#endif
