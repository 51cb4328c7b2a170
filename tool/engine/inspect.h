/* What status tells of a summary that no view in the database can: its size, and who is computing it. */
#ifndef ALMANAC_INSPECT_H
#define ALMANAC_INSPECT_H
#include "tool/engine/catalog.h"
#include <sys/types.h>

struct inspection {
  int64_t bytes;  /* of the stored table and its indexes */
  bool estimated; /* from a sample of the rows, for this SQLite has no dbstat */
  pid_t *
      owners; /* processes that have claimed partitions and live; 0: one that can't be told, of another container */
  int64_t
      *claimed; /* how many partitions each has claimed; 0: it is listing them, or computes a whole summary */
  size_t n_owners;
};

/* Reads the pages of the stored table and its indexes, or a sample of the rows. */
bool inspect(struct engine *engine, const struct summary *summary, struct inspection *inspection);

#endif
