/*
** What the table-valued functions that read a table share (rollup_scan, ...).
**
** Such a function reads everything in its xFilter and keeps the result, which xNext hands out. Its columns: what it
** gives; then one hidden column for each argument, of a name that is none of the others: table_name, time_column, width,
** filter, ... (SQLite gives arguments to hidden columns from left to right); then `way HIDDEN`, which tells how the
** table was read (scan_way).
**
**   xConnect    scan_table_connect
**   xBestIndex  table_take_arguments, with the column of the first argument
**   xFilter     scan_arguments_take, scan_argument_name ..., table_scan_open, table_scan_run, table_scan_close
**   xColumn     scan_arguments_result for columns from the first argument on
**   xClose      scan_arguments_free
*/
#ifndef ALMANAC_SCANS_H
#define ALMANAC_SCANS_H
#include "ext/kernel/go_on.h"
#include "ext/scan/source.h"
#include "ext/settings.h"
#include "ext/table/table.h"

/* All of these functions' tables. */
struct scan_table {
  sqlite3_vtab base;
  sqlite3 *db;
  const struct settings *settings; /* threads: how many sinks to give to table_scan_run */
  const char *function;
  bool is_utf16; /* the database compares texts by their UTF-16 */
};

/* Makes an eponymous table that only SQL typed by the user can use, not views or triggers. `function` is static. */
int scan_table_connect(sqlite3 *db, void *settings, const char *function, const char *columns,
                       sqlite3_vtab **table);

/* The arguments of one call. NULL where left out, or NULL. */
enum { SCAN_ARGUMENTS_MAX = 10 };
struct scan_arguments {
  sqlite3_value *values[SCAN_ARGUMENTS_MAX];
};

/* Keeps copies of what xFilter got; `present` and `usage` are its idxNum and idxStr, as table_take_arguments made them.
   Returns an SQLite code, with the table's error set where there is no argument at all. */
int scan_arguments_take(sqlite3_vtab *table, struct scan_arguments *arguments, int present, const char *usage,
                        sqlite3_value **argv);
void scan_arguments_result(sqlite3_context *context, const struct scan_arguments *arguments, int argument);
void scan_arguments_free(struct scan_arguments *arguments);

/* The text of an argument that must be a name, valid as long as the arguments. `what` is said in errors: "time". NULL
   with the table's error set. */
const char *scan_argument_name(struct scan_table *table, sqlite3_value *value, const char *what);

/* The same for the first `count` arguments: a table and its columns. False with the table's error set. */
bool scan_argument_names(struct scan_table *table, const struct scan_arguments *arguments,
                         const char *const *what, const char **names, int count);

/* A scan that runs. */
struct table_scan {
  struct scan_request request;
  struct scan_filter filter;
  struct scan *scan;
};

/*
** Opens a scan of `columns` (which stay the caller's until it is closed) with the filter, an argument, NULL for none.
** Returns an SQLite code, with the table's error set. Close it in any case.
*/
int table_scan_open(struct scan_table *table, struct table_scan *scan, const char *name,
                    const char *const *columns, size_t n_columns, sqlite3_value *filter);

/*
** Reads it all. *way becomes a copy of the way it went, for the hidden column, to be freed by sqlite3_free (what is
** there before is freed first). A code that a sink returned comes back without a message.
*/
int table_scan_run(struct scan_table *table, struct table_scan *scan, const struct scan_sink *sinks,
                   int n_sinks, char **way);
void table_scan_close(struct table_scan *scan);

/* Makes *error, an sqlite3_malloc'ed text or NULL, the table's message; returns rc. */
int table_scan_failed(struct scan_table *table, int rc, char **error);

/* A batch's value as messages show it, to be freed by sqlite3_free; needs SQLite's memory only, so any thread may. */
char *batch_value_for_message(const struct batch_column *column, int row);

/*
** For kernels that take long after the reading: may they go on? On the thread of the connection. After a kernel
** that was told to stop, `rc` says why (SQLITE_INTERRUPT). What is not open is all zero.
*/
struct table_patience {
  struct go_on go_on;
  struct scan_poll poll;
  int rc;
};
int table_patience_open(struct scan_table *table, struct table_patience *patience);
void table_patience_close(struct table_patience *patience);

#endif
