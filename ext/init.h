/* What the tool, which has the extension linked in, needs of it. */
#ifndef ALMANAC_INIT_H
#define ALMANAC_INIT_H
#include <sqlite3ext.h>

int sqlite3_almanac_init(sqlite3 *db, char **error, const sqlite3_api_routines *api);

/* Is `name` one of the extension's functions or tables? */
int almanac_owns(const char *name);

#endif
