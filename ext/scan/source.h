/*
** Inside of ext/scan: a scan once its table is looked up, and what a source does with it. resolve.c fills it in.
*/
#ifndef ALMANAC_SCAN_SOURCE_H
#define ALMANAC_SCAN_SOURCE_H
#include "ext/scan/scan.h"

enum scan_affinity { AFFINITY_BLOB = 'A', AFFINITY_TEXT, AFFINITY_NUMERIC, AFFINITY_INTEGER, AFFINITY_REAL };
enum scan_collation { COLLATION_BINARY, COLLATION_NOCASE, COLLATION_RTRIM, COLLATION_OTHER };
enum { FIELD_ROWID = -1 };

/* A column that is read: the request's in its order, then those that only conditions need. */
struct scan_field {
  char *name;
  int place; /* in the record, from 0, or FIELD_ROWID */
  enum scan_affinity affinity;
  enum scan_collation collation;
  bool default_known; /* what a record that ends before this column has; unknown: leave such to SQL */
  struct scan_value default_value;
};

/* A condition, looked up. Its values have the column's affinity by now. */
struct scan_test {
  size_t field;
  enum scan_operator operator;
  const struct scan_value *values;
  size_t n_values;
};

struct scan {
  sqlite3 *db;
  const struct scan_request *request;
  char *schema; /* "main", "temp", or an attached name */
  char *table;
  char *not_pages;    /* why it can't be read from pages, as far as the schema tells; NULL: it can */
  bool without_rowid; /* the key's columns come first in its records: `place` knows */
  uint32_t root_page;
  struct scan_field *fields;
  size_t n_fields; /* the request's n_columns first */
  struct scan_test *tests;
  size_t n_tests;
  const char *way;
};

/* resolve.c */
int scan_resolve(struct scan *scan, char **error);

/* test.c: which rows of a batch of all fields pass every test from `first` to `last` - 1 (indexes of scan->tests)?
   Writes their numbers to `rows`, ascending, and returns how many there are. */
int scan_test_batch(const struct scan *scan, size_t first, size_t last, const struct batch_column *fields,
                    int n, uint16_t *rows);

/* sql_source.c. With `rowid_range` only rows whose rowid is within, both ends included. Batches have the request's
   columns and carry `piece`. */
int sql_source_run(struct scan *scan, const int64_t *rowid_range, int64_t piece, const struct scan_sink *sink,
                   char **error);

/* page_source.c: SQLITE_OK; a code as of scan_run; or SOURCE_NOT_UNDERSTOOD with *why (a static text), and the scan
   must begin again through SQL. */
#define SOURCE_NOT_UNDERSTOOD (-1)
int page_source_run(struct scan *scan, const struct scan_sink *sinks, int n_sinks, const char **why,
                    char **error);

/* poll.c: gives SQLITE_INTERRUPT when the connection was interrupted or its progress handler says so, at a cost that
   allows to ask about every millisecond; needs no sqlite3_is_interrupted (3.41). On the caller's thread only. */
struct scan_poll {
  sqlite3_stmt *statement;
};
int scan_poll_open(struct scan_poll *poll, sqlite3 *db);
int scan_poll(struct scan_poll *poll);
void scan_poll_close(struct scan_poll *poll);

#endif
