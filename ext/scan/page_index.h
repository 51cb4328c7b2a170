/*
** The b-tree of an index of a rowid table, read from pages (the file format, section 1.6): which rows have the first
** column's values within bounds.
*/
#ifndef ALMANAC_SCAN_PAGE_INDEX_H
#define ALMANAC_SCAN_PAGE_INDEX_H
#include "ext/scan/btree.h"
#include "ext/scan/source.h"

struct page_index {
  const struct page_file *file;
  struct btree_shape shape;
  uint32_t root;
  bool descending;
  enum scan_collation collation;
  unsigned char *page[BTREE_DEPTH_MAX]; /* one for each level, allocated when it is first used */
  int64_t *rowids;                      /* of one page */
};

/* From `low` to `high`, in SQL's order of values; one of them may be NULL: to that end. */
struct index_bounds {
  const struct scan_value *low, *high;
  bool low_excluded, high_excluded;
};

enum index_result {
  INDEX_DONE,
  INDEX_STOPPED, /* by `take` */
  INDEX_UNKNOWN, /* a page is ambiguous, or malformed, or a key isn't on its page */
  INDEX_NO_MEMORY
};

void page_index_open(struct page_index *index, const struct page_file *file, uint32_t root, bool descending,
                     enum scan_collation collation);
void page_index_close(struct page_index *index);

/* About how many entries the index has, and which part of them is within the bounds (0 to 1), from two descents. */
enum index_result page_index_estimate(struct page_index *index, const struct index_bounds *bounds,
                                      double *entries, double *part);

/* Gives the rowids of all entries within the bounds to `take`, a page's at a time, in the index's order but for those of
   interior pages, which come before. `take` returns false to stop. */
struct index_taker {
  void *state;
  bool (*take)(void *state, const int64_t *rowids, size_t n);
};
enum index_result page_index_read(struct page_index *index, const struct index_bounds *bounds,
                                  const struct index_taker *taker);

/* index_sql.c: the same through SQL, which knows the pages that are in another version, at about ten times the cost;
   no more than `limit` of them, then it stops. INDEX_UNKNOWN: SQL doesn't use the index for this; or
   *code, SQLITE_OK before, says that the scan has to end. */
enum index_result index_sql_read(struct scan *scan, const char *index, const struct scan_field *field,
                                 const struct index_bounds *bounds, const struct index_taker *taker,
                                 int64_t limit, int *code);

#endif
