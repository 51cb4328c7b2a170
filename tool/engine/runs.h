/* The table almanac_run: what the last refreshes of a summary did, or why they failed. */
#ifndef ALMANAC_RUNS_H
#define ALMANAC_RUNS_H
#include "tool/engine/engine.h"

enum { RUNS_KEPT = 20 }; /* of each summary */

struct run {
  const char *name;   /* the summary's */
  int64_t started_at; /* Unix time */
  double seconds;
  int64_t partitions, rows; /* computed and published */
  const char *error;        /* NULL: it went well */
};

/* Keeps the run, and its error as the summary's, in one short transaction. Writes nothing for a run that had
   nothing to do where the one before it did not fail. */
bool runs_keep(struct engine *engine, const struct run *run);

/* Forgets the runs of summaries that are no more. */
bool runs_forget(struct engine *engine);

#endif
