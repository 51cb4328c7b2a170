/* Refreshing one summary, for `refresh` and for the REFRESH statements of `apply`. */
#ifndef ALMANAC_REFRESH_H
#define ALMANAC_REFRESH_H
#include "tool/engine/catalog.h"

/* Refreshes the summary with its progress bar. A failure is kept in the catalog and said, and leaves the
   engine fit for the next one; false then. One that another process has dropped meanwhile is passed over. */
bool refresh_one(struct engine *engine, struct catalog *catalog, const char *name);

#endif
