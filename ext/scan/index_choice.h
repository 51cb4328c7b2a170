/* Whether an index tells where the rows are that a scan looks for. */
#ifndef ALMANAC_SCAN_INDEX_CHOICE_H
#define ALMANAC_SCAN_INDEX_CHOICE_H
#include "ext/scan/pace.h"
#include "ext/scan/rowid_range.h"

struct page_file;

/* Narrows `ranges` to the rows that an index of the table finds, or leaves them as they are. *through_sql: the rows are so
   few, and so far apart, that SQL finds them sooner, by that index; scan->order is set then. SQLITE_OK, SQLITE_NOMEM or SQLITE_INTERRUPT. */
int index_choose(struct scan *scan, const struct page_file *file, struct scan_pace *pace,
                 struct rowid_ranges *ranges, bool *through_sql);

#endif
