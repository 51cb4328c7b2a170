/* Which rowids the conditions of a scan leave possible: where in its tree a table has to be read at all. */
#ifndef ALMANAC_SCAN_ROWID_RANGE_H
#define ALMANAC_SCAN_ROWID_RANGE_H
#include "ext/scan/source.h"

struct rowid_interval {
  int64_t low, high; /* both ends included */
};

/* For qsort: by `low`. */
int rowid_interval_order(const void *a, const void *b);

struct rowid_ranges {
  int64_t low, high; /* both ends included; low > high: none */
  struct rowid_interval
      *listed; /* ascending, apart from each other: only these; NULL: all from low to high */
  size_t n_listed;
};

/* False: out of memory. Rows within may still fail their tests. */
bool rowid_ranges_of(const struct scan *scan, struct rowid_ranges *ranges);
void rowid_ranges_free(struct rowid_ranges *ranges);

/* May there be a wanted rowid from low to high? */
bool rowid_ranges_meet(const struct rowid_ranges *ranges, int64_t low, int64_t high);

#endif
