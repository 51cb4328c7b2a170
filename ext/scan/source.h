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

/* What a test makes of numbers, texts and blobs; test.c fills it in. NULLs pass where `nulls` says so. */
struct scan_passes {
  /* A range of numbers: integers and reals from and to these, both included; from > to: none. */
  bool is_range;
  int64_t integer_from, integer_to;
  double real_from, real_to;
  bool negated; /* numbers outside of it */
  bool bytes;   /* texts and blobs pass a range */
  bool nulls;
  /* A list: its values in SQL's order, without NULL; and the numbers among them as each type. */
  const struct scan_value *list;
  const int64_t *integers;
  const double *reals;
  size_t n_list, n_integers, n_reals;
};

/* A condition, looked up: the request's in its order. Its values have the column's affinity by now. */
struct scan_test {
  size_t field;
  enum scan_operator operator;
  const struct scan_value *values;
  size_t n_values;
  struct scan_passes passes;
};

struct scan {
  sqlite3 *db;
  const struct scan_request *request;
  char *schema; /* "main", "temp", or an attached name */
  char *table;
  const char *not_pages; /* why it can't be read from pages, as far as the schema tells; NULL: it can */
  bool without_rowid;    /* the key's columns come first in its records: `place` knows */
  uint32_t root_page;
  struct scan_field *fields;
  size_t n_fields; /* the request's n_columns first */
  struct scan_test *tests;
  size_t n_tests;
  const char *way;
  char *way_text;           /* what `way` points to, if it is not static */
  const char *rowid_name;   /* how SQL reaches its rowid; NULL: not at all */
  const char *key;          /* ORDER BY terms for the table's own order; NULL: there is none */
  const char *sorted_key;   /* the same, but rows are found as if it didn't matter, and then sorted */
  const char *order;        /* one of these: SQL has to give the rows in that order; or NULL */
  sqlite3_stmt *hold;       /* keeps one snapshot of the schema's database while the scan is open; or NULL */
  sqlite3_stmt *conversion; /* affinity.c's, while it is looked up */
  struct scan_memory *memory; /* all that is looked up, freed as one */
};

/* scan.c. Memory that lives as long as the scan: NULL when there is none. */
void *scan_allocate(struct scan *scan, size_t bytes);
char *scan_text(struct scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sets *error to the function and the text, and returns rc; or SQLITE_NOMEM. */
int scan_error(const struct scan *scan, char **error, int rc, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Codes after which there is no other way to try: what was said once may not be said again. */
static inline bool scan_is_final(int rc) {
  return (rc & 0xff) == SQLITE_NOMEM || (rc & 0xff) == SQLITE_INTERRUPT;
}
/* The same with SQLite's own message; an interrupt and a lack of memory say it by their codes alone. */
int scan_sqlite_error(const struct scan *scan, char **error, int rc);

/* resolve.c: fills in `scan`, whose db and request are given. */
int scan_resolve(struct scan *scan, char **error);

/* table_name.c. The schema is NULL where none is named; what is not as SQL writes names is a name as it stands. */
int scan_read_table_name(struct scan *scan, const char *text, char **schema, char **table);
/* A column's name without its quotes; NULL if it is not as SQL writes names, or there is no memory. */
const char *scan_read_column_name(struct scan *scan, const char *text);

/* schema.c: what the schema says about one table. All in the scan's memory. */
struct scan_column {
  const char *name;
  const char *type;         /* as declared, "" if not */
  const char *default_text; /* of its DEFAULT, or NULL */
  bool in_key, is_virtual;
  int place; /* in the record, or FIELD_ROWID */
};
struct scan_schema {
  struct scan_column *columns;
  size_t n_columns;
  bool is_strict;
};
/* Finds the request's table: sets schema, table, not_pages, without_rowid, root_page, rowid_name and hold. */
int scan_find_table(struct scan *scan, struct scan_schema *schema, char **error);

/* affinity.c */
enum scan_affinity scan_affinity_of(const char *declared_type, bool is_strict);
/* A copy of a value of a row. */
int scan_take_value(struct scan *scan, sqlite3_stmt *row, int at, struct scan_value *value);
/* The value as it is compared with a column of this affinity. */
int scan_apply_affinity(struct scan *scan, enum scan_affinity affinity, struct scan_value *value);

/* default_value.c: sets the field's default_known and default_value from its DEFAULT's text, or NULL. */
int scan_default_value(struct scan *scan, const char *text, struct scan_field *field);

/* compare.c: like memcmp. */
int scan_compare(enum scan_collation collation, enum batch_type a_type, union batch_value a,
                 uint32_t a_length, const struct scan_value *b);

/* test.c: prepares the test's `passes`. SQLITE_OK or SQLITE_NOMEM. */
int scan_prepare_test(struct scan *scan, struct scan_test *test);

/* test.c: which rows of a batch of all fields pass every test from `first` to `last` - 1 (indexes of scan->tests)?
   Writes their numbers to `rows`, ascending, and returns how many there are. */
int scan_test_batch(const struct scan *scan, size_t first, size_t last, const struct batch_column *fields,
                    int n, uint16_t *rows);

/* sql_source.c: the SELECT of the first n_columns fields; also the check that all of it may be read. */
int sql_source_prepare(struct scan *scan, size_t n_columns, const int64_t *rowid_range, sqlite3_stmt **select,
                       char **error);
int scan_bind_value(sqlite3_stmt *select, int at, const struct scan_value *value); /* not NULL */
/* With `rowid_range` only rows whose rowid is within, both ends included. Batches have the request's
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
