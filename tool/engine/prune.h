/*
** Retention of raw rows: those of whole buckets that every summary of their source has stored are deleted, and the
** buckets frozen in the same transaction, so that what is stored of them counts from then on whatever happens.
*/
#ifndef ALMANAC_PRUNE_H
#define ALMANAC_PRUNE_H
#include "tool/engine/catalog.h"

struct prune_report {
  char *source;
  char *before;       /* raw rows of times before it are gone, or would be, as people read it; NULL: none */
  char *before_value; /* the same as an SQL literal */
  int64_t rows;       /* raw rows deleted, or to be deleted */
  int64_t
      stored_rows; /* the same of stored rows of frozen buckets older than their summary's WITH (keep = ...) */
};

/* The tracks of which some summary says WITH (keep_raw = ...), or that are frozen; their number. */
int64_t *prune_tracks(struct engine *engine, const struct catalog *catalog, size_t *n);

/* Prunes the source of one track, in transactions of its own that stay within --lock-ms. Fails with the reason where a
   summary needs the raw rows, before anything is deleted. Stops early when engine_stopping(). */
bool prune_track(struct engine *engine, struct catalog *catalog, int64_t track, struct prune_report *report);

/* What prune_track would do: changes nothing. */
bool prune_preview(struct engine *engine, const struct catalog *catalog, int64_t track,
                   struct prune_report *report);

#endif
