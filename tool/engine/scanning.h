/*
** Computing claimed partitions by a scan of the table in batches of columns, some forty times faster than SQL's GROUP BY
** where the pages can be read: for definitions of the form that scan_form.h tells. What belongs to a partition is
** told by its two ends, lo <= time < hi, as in SQL. Whatever isn't understood is left to SQL, errors too.
*/
#ifndef ALMANAC_SCANNING_H
#define ALMANAC_SCANNING_H
#include "ext/kernel/rollup.h"
#include "tool/engine/scan_form.h"

/* A claimed partition. */
struct scanned_partition {
  struct scan_value start; /* as the result shows it */
  struct scan_value lo, hi;
  int64_t number;     /* its i in {claimed} */
  bool is_seen;       /* there are rows of it, also where the scan ended early */
  size_t first_group; /* of its groups, which end where the next one's begin */
};

/* The rows of some claimed partitions, in memory. */
struct scanning {
  const struct summary *summary;
  struct rollup *rollup;
  struct rollup_spec spec;
  /* Of width 1, and the rollup's times are indexes of `partitions`. In a zoom, where the times themselves count, it is
     the level's, and the index is the first key. */
  struct time_grain grain;
  const char **columns; /* that are read: the time, then each key and value once */
  size_t n_columns;
  struct scanned_partition *partitions; /* in the order of time */
  size_t n_partitions;
  size_t last; /* the partition of the row before */

  /* What the rollup takes: the columns, and behind them the partitions' indexes; in a zoom once more the times, NULL for
     rows that don't count. */
  struct batch_column *batch;
  union batch_value *indexes;
  uint8_t *index_types;
  uint8_t *time_types;

  char way[120]; /* how the table was read last (scan_way), or why SQL must do it */
};

/* NULL where the summary isn't of the form, or something is missing. Free with scanning_close. */
struct scanning *scanning_open(struct engine *engine, const struct summary *summary);
void scanning_close(struct scanning *scanning);

/* Can pages of the database's file be read, as far as the file tells? */
bool scanning_reads_pages(struct engine *engine);

enum scanned {
  SCANNED,
  SCANNED_SOME,   /* the newest ones only: together they would take too much memory */
  SCANNED_NOTHING /* SQL must do it */
};

/* Computes the rows of the partitions that {claimed} lists with their ends. `is_all`: they are all there are. *n gets
   how many, counted from i = 1, were computed. In a read transaction of its own. */
enum scanned scanning_compute(struct engine *engine, struct scanning *scanning, const struct sql_variable *v,
                              bool is_all, int64_t *n);

/* The number of the form's first key among the rollup's. */
static inline int scanning_first_key(const struct scanning *scanning) {
  return scanning->summary->scan->zoom_bucket != 0;
}

/* How many rows there are. */
static inline int64_t scanning_rows(const struct scanning *scanning) {
  return (int64_t)rollup_groups(scanning->rollup);
}

/* How many partitions to claim next, so that their groups fit into memory. */
int64_t scanning_next(const struct scanning *scanning);

#endif
