/* Two columns of a table as points, for the functions that draw lines or walk along them. See points_scan.c. */
#ifndef ALMANAC_POINTS_SCAN_H
#define ALMANAC_POINTS_SCAN_H
#include "ext/kernel/points.h"
#include "ext/table/scans.h"

/* What takes the batches. */
struct points_sink {
  const char *const *columns; /* the names of x and y, for messages */
  const char *function;
  bool y_finite; /* infinite values in y are errors */
  struct points points;
  char *error;
};

void points_sink_open(struct points_sink *sink, const char *function, const char *const *columns,
                      bool y_finite);
void points_sink_close(struct points_sink *sink);

/* The take and clear of a struct scan_sink that keeps all points. */
int points_sink_take(void *sink, const struct batch *batch);
void points_sink_clear(void *sink);

/* For a take of one's own: the code to return after a problem in this row of the batch. */
int points_sink_problem(struct points_sink *sink, enum points_problem problem, const struct batch *batch,
                        int row);

/* Runs the scan into `taker`, whose state has the sink; returns an SQLite code, with the table's error set. */
int points_sink_run(struct points_sink *sink, const struct scan_sink *taker, struct scan_table *table,
                    struct table_scan *scan, char **way);

/* Sorts the points by x, if need be, as long as the connection is not interrupted. */
int points_sink_sort(struct points_sink *sink, const struct table_patience *patience);

/* What of a kernel: SQLITE_OK if it is done; else why it is not: an interrupt, or no memory. */
int points_sink_code(const struct table_patience *patience, bool done);

void point_result(sqlite3_context *context, const struct point_value *value);

#endif
