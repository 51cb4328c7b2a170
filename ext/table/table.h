/* The virtual tables and table-valued functions of the extension, by owning file. */
#ifndef ALMANAC_TABLE_H
#define ALMANAC_TABLE_H
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3

#endif
