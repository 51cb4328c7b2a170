/*
** What the table-valued functions that read zooms share (zoom_points, zoom_buckets). Their columns: what they give;
** then a hidden column for each argument (zoom_name, lo, hi, a number, key: SQLite gives a call's arguments to the
** hidden columns from left to right); then `level HIDDEN`, the width of the level that was read, 'raw' for raw rows.
*/
#ifndef ALMANAC_ZOOMS_H
#define ALMANAC_ZOOMS_H
#include "ext/kernel/pyramid_state.h"
#include "ext/pyramid/pyramid.h"
#include "ext/table/scans.h"

struct zoom_table {
  sqlite3_vtab base;
  struct pyramids zooms;
};

enum { ZOOM_NAME, ZOOM_FROM, ZOOM_UNTIL, ZOOM_NUMBER, ZOOM_KEY, ZOOM_ARGUMENTS, ZOOM_REQUIRED = ZOOM_KEY };

/* Makes an eponymous table that only SQL typed by the user can use. Texts are static. */
int zoom_table_connect(sqlite3 *db, const char *function, const char *columns, const char *level_columns,
                       sqlite3_vtab **opened);
int zoom_table_disconnect(sqlite3_vtab *table);

/* Begins the call of these arguments. */
bool zoom_table_begin(struct zoom_table *table, struct pyramid_call *call,
                      const struct scan_arguments *arguments);
/* Ends it; returns its code, with its message handed to the table. */
int zoom_table_end(struct zoom_table *table, struct pyramid_call *call);

/* The argument ZOOM_NUMBER, a whole number of at least `least`; false with the call's error. `what` is its name. */
bool zoom_table_number(struct pyramid_call *call, const struct scan_arguments *arguments, const char *what,
                       int64_t least, int64_t *number);

/* A finite number in a row's column; false if it is none. */
bool zoom_table_value(sqlite3_stmt *row, int column, struct pyramid_number *number);
void zoom_table_result(sqlite3_context *context, const struct pyramid_number *number);

#endif
