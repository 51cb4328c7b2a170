/* Many rowids in any order, kept as the intervals that they lie in, as far as they lie together. */
#ifndef ALMANAC_SCAN_ROWID_RUNS_H
#define ALMANAC_SCAN_ROWID_RUNS_H
#include "ext/scan/rowid_range.h"

struct rowid_runs {
  uint64_t gap;                /* rowids that are no further apart belong to one run */
  struct rowid_interval *runs; /* after rowid_runs_finish: ascending, apart from each other */
  size_t n;
  int merges;
  uint64_t count; /* rowids */
};

/* False: out of memory. */
bool rowid_runs_open(struct rowid_runs *runs, uint64_t gap);
void rowid_runs_close(struct rowid_runs *runs);

/* False: they lie scattered, and no more of them are to be added. */
bool rowid_runs_add(struct rowid_runs *runs, const int64_t *rowids, size_t n);
void rowid_runs_finish(struct rowid_runs *runs);

/* How many rowids the runs contain, used or not. */
uint64_t rowid_runs_span(const struct rowid_runs *runs);

#endif
