/*
** Reading a table in batches of columns: one interface, two sources behind it that agree to the bit. Through SQL
** it always works, for views too; straight from the pages of the file it is some ten times faster, and used
** where that is provably safe (page_file.h). A scan that begins with pages and meets anything not understood
** begins again through SQL.
*/
#ifndef ALMANAC_SCAN_H
#define ALMANAC_SCAN_H
#include "ext/kernel/batch.h"
#include <sqlite3ext.h>
#include <stddef.h>
SQLITE_EXTENSION_INIT3

struct scan;

/* A constant. Bytes belong to whoever made it. */
struct scan_value {
  enum batch_type type;
  union batch_value is;
  uint32_t length;
};

enum scan_operator {
  SCAN_EQUAL,   /* to any of its values; a NULL among them finds NULLs */
  SCAN_DIFFERS, /* from NULL: finds all else. No other comparison finds NULLs, or anything with NULL */
  SCAN_LESS,
  SCAN_LESS_EQUAL,
  SCAN_GREATER,
  SCAN_GREATER_EQUAL
};

/* `column operator value`, compared as SQL does: with the column's affinity and collation. */
struct scan_condition {
  const char *column;
  enum scan_operator operator;
  const struct scan_value *values;
  size_t n_values; /* 1, but for SCAN_EQUAL any number, 0 too: then no row is found */
};

/* What to read. All of it stays the caller's and must live as long as the scan. */
struct scan_request {
  const char *function; /* who asks: errors start with it */
  const char *table;    /* a table or view as SQL names it: readings, aux.readings, "odd name" */
  const char *const *columns;
  size_t n_columns;
  const struct scan_condition *conditions; /* all must hold */
  size_t n_conditions;
  bool through_sql; /* never from pages */
  bool
      in_order; /* rows of a table come in its own order, that of its rowids or PRIMARY KEY, also through SQL */
};

/* Looks up table and columns. Returns an SQLite code; *error is an sqlite3_malloc'ed text that starts with the
   function, or NULL (no memory; an interrupt). Inside a virtual table's xFilter, or any time when nobody else uses `db`.
   A read transaction on the table's database stays open until scan_close: all runs see the same rows. */
int scan_open(sqlite3 *db, const struct scan_request *request, struct scan **scan, char **error);
void scan_close(struct scan *scan);

/* The collation by which SQL groups a column of the request: "BINARY", "NOCASE", ... SQLITE_OK, SQLITE_NOMEM or
   SQLITE_INTERRUPT. */
int scan_collation(struct scan *scan, size_t column, const char **name);

/* Who takes the batches. Each sink is used by one thread at a time; only the first one's is the caller's thread, so
   `take` must not use SQLite but for its memory. */
struct scan_sink {
  void *state;
  int (*take)(void *state, const struct batch *batch); /* SQLITE_OK, or a code that ends the scan */
  void (*clear)(void *state);                          /* forget everything: the scan begins again */
};

/* Reads it all once, in one snapshot; with several sinks by as many threads, where it reads pages. Returns SQLITE_OK,
   what a sink's `take` returned (*error stays NULL), SQLITE_INTERRUPT, or another error. May be called again. */
int scan_run(struct scan *scan, const struct scan_sink *sinks, int n_sinks, char **error);

/* The way that the last run took: "pages", or "sql: " and why. Valid until the next run. */
const char *scan_way(const struct scan *scan);

/* The conditions of a filter, a JSON object: {"panel_id": 7, "ts": {">=": 100, "<": 200}, "kind": [1, 2, null]}. NULL
   or "{}": none. Errors are like scan_open's. Everything in it is freed by scan_filter_free. */
struct scan_filter {
  struct scan_condition *conditions;
  size_t n_conditions;
  struct scan_value *values;
  char *texts;
};
int scan_filter_parse(const char *function, const char *json, struct scan_filter *filter, char **error);
void scan_filter_free(struct scan_filter *filter);

#endif
