/* Refreshing some summaries, for `refresh` and for the REFRESH statements of `apply`. */
#ifndef ALMANAC_REFRESH_H
#define ALMANAC_REFRESH_H
#include "tool/engine/catalog.h"

/*
** Refreshes the summaries of these names in turn, each with its progress bar, and shares the work with the other
** processes of --jobs and other commands: what they are at is left to them, and waited for at the end, so that
** afterwards all is stored that was dirty before. A failure is kept in the catalog and said, and leaves the
** engine fit for the next one; returns how many failed. One that another process has dropped meanwhile is passed
** over.
*/
size_t refresh_named(struct engine *engine, struct catalog *catalog, char *const *names, size_t n);

/* What the other processes of --jobs do: refresh what the first one orders, until that ends. */
int refresh_by_order(struct jobs *jobs, struct settings *settings);

#endif
