/* Which partitions a summary has: those of its raw rows, and those that are stored though their raw rows are gone. */
#ifndef ALMANAC_PARTITION_LIST_H
#define ALMANAC_PARTITION_LIST_H
#include "tool/engine/summary.h"

struct partition_choice {
  const char *since; /* from the partition of this time on, in the column's form or ISO text; NULL: all */
  double share;      /* 0 < share <= 1 of them, at random, at least one */
  uint64_t seed;     /* of the randomness */
  double read_s;     /* what one read transaction should take at most */
};

/* Fills the temporary table {todo}, by way of {list} and {lower}: numbered from 1, newest first. *n gets their number.
   Nothing above the tail is listed but what is stored. */
bool partition_list(struct engine *engine, const struct summary *summary,
                    const struct sql_variable *variables, const struct partition_choice *choice, int64_t *n);

#endif
