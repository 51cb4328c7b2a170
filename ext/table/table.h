/* The virtual tables and table-valued functions of the extension, by owning file. */
#ifndef ALMANAC_TABLE_H
#define ALMANAC_TABLE_H
#include <sqlite3ext.h>
#include <stdbool.h>
SQLITE_EXTENSION_INIT3

/* arguments.c */
int table_error(sqlite3_vtab *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
int table_connect(sqlite3 *db, const char *columns, sqlite3_vtab **table);
int table_disconnect(sqlite3_vtab *table);
int table_argument_missing(sqlite3_vtab *table, const char *usage);
int table_take_arguments(sqlite3_vtab *table, sqlite3_index_info *info, int first_column, int required,
                         int count, const char *usage);
bool table_json_argument(sqlite3_vtab *table, sqlite3_value *value, const char *function, char **text,
                         int *length);

/* density_grid_each.c, lttb_each.c */
extern const sqlite3_module density_grid_each_module;
extern const sqlite3_module lttb_each_module;

/* density_grid_scan.c, drawdown_scan.c, lttb_scan.c */
extern const sqlite3_module density_grid_scan_module;
extern const sqlite3_module drawdown_scan_module;
extern const sqlite3_module lttb_scan_module;

/* rollup_scan.c */
extern const sqlite3_module rollup_scan_module;

/* zoom_buckets.c, zoom_grid.c, zoom_points.c */
extern const sqlite3_module zoom_buckets_module;
extern const sqlite3_module zoom_grid_module;
extern const sqlite3_module zoom_points_module;

#endif
