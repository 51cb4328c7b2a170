/* The life of a refresh: prove, list, then claim, compute and publish until nothing is dirty. */
#ifndef ALMANAC_REFRESHER_H
#define ALMANAC_REFRESHER_H
#include "tool/engine/catalog.h"

/* How a refresh of one summary tells what it does. */
struct refresh_report {
  bool waits; /* what is left of it is in the hands of other refreshers: come back */
  /* How many partitions it may still compute, 0 at first: beside writers that never pause, what other refreshers hand out
     would keep this one at work for ever. The rest is theirs, or the next run's. */
  int64_t budget;
  /* How the last rows were computed: "scan: pages", "scan: sql: " or "sql: " and why; "" where there were none. */
  char way[160];
  /* Some more partitions were published, with so many rows computed; `total` were dirty at the start. */
  void (*progress)(void *context, int64_t partitions, int64_t total, int64_t rows);
  void *context;
};

/* Brings one summary up to date, in short transactions of its own, as far as no other refresher that lives is
   at it. Stops early when engine_stopping(). */
bool refresher_run(struct engine *engine, struct catalog *catalog, struct summary *summary,
                   struct refresh_report *report);

/* Hands out what has changed since the last time, for all summaries, in one short transaction, loading the
   catalog anew where another process has changed it; after a change of the schema that dropped triggers it
   makes them anew and marks everything. */
bool refresher_settle(struct engine *engine, struct catalog *catalog);

#endif
