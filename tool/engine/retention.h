/*
** How long rows are kept, as WITH (keep_raw = '90 days', keep = '2 years') says it: parsing, and what it means on the wall
** clock. Who deletes is prune.h (raw rows, and stored ones of frozen time) and keep.h (the other stored ones).
*/
#ifndef ALMANAC_RETENTION_H
#define ALMANAC_RETENTION_H
#include "tool/engine/summary.h"

/* Within summary_derive: takes one of the options keep_raw and keep. False if `name` is neither, or on failure. */
bool retention_read(struct engine *engine, struct summary *summary, const struct definition_option *option);

/* Within summary_derive, once the kind is known: only what is summarized by time outlives its raw rows, and a whole
   summary has no part that could be kept alone. */
bool retention_check(struct engine *engine, const struct summary *summary);

/* The wall clock less the span, in Unix seconds. */
int64_t retention_cutoff_s(struct engine *engine, const struct kept_span *span);

#endif
