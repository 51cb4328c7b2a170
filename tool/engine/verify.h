/*
** Verifying: what a summary's stored rows are, and what its name shows, beside the rows that its definition
** gives now. It finds what no trigger saw: changes with triggers switched off, stored rows changed by hand, a
** mistake of ours. What differs is marked dirty, so that reads are right at once and the next refresh repairs.
**
** Only partitions whose stored rows count are looked at: a dirty one is known not to be trusted. A batch of
** them is computed, and compared with the stored rows and with those of the name, in one read transaction, so
** that neither writers nor refreshes give a false alarm.
*/
#ifndef ALMANAC_VERIFY_H
#define ALMANAC_VERIFY_H
#include "tool/engine/catalog.h"

/* Which partitions to look at. */
struct verify_choice {
  double share;      /* 0 < share <= 1 of them, at random, at least one */
  uint64_t seed;     /* of the randomness */
  const char *since; /* time summaries: from the one of this time on; NULL: all. Others ignore it */
};

/* A partition that differs; for a whole summary, or where a row doesn't show its partition, all of it. */
struct verify_finding {
  const struct summary *summary;
  const char *partition;      /* for people; NULL: all of it */
  const char *partition_json; /* a value, for several columns an array; null */
  bool is_none;               /* no partition has stored rows like these */
  int64_t missing;            /* rows that the definition gives and that are not stored */
  int64_t extra;              /* stored rows that it doesn't give */
  int64_t shown;              /* rows more or less in the name, where the stored rows are right */
};

struct verify_report {
  int64_t partitions; /* that were compared */
  int64_t rows;       /* that were computed for it */
  int64_t dirty;      /* left out: their stored rows don't count now */
  int64_t frozen;     /* left out: their raw rows were pruned */
  int64_t parked;     /* left out: WITH (keep = ...) doesn't store them */
  int64_t left;       /* not looked at: --max-time ended, or a signal */
  int64_t differing;
  void (*found)(void *context, const struct verify_finding *finding);
  void (*progress)(void *context, int64_t done, int64_t total, int64_t rows);
  void *context;
};

/* Verifies one summary. What reads it is marked with it. Stops early, between two batches, when engine_stopping(). */
bool verify_run(struct engine *engine, const struct catalog *catalog, const struct summary *summary,
                const struct verify_choice *choice, struct verify_report *report);

#endif
