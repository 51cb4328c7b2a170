/*
** Claiming: changes that the triggers noted are handed to every summary's own list of dirty partitions, and a
** refresher takes some of them under a token of its own. Each function that writes says in which transaction.
*/
#ifndef ALMANAC_CLAIM_H
#define ALMANAC_CLAIM_H
#include "tool/engine/catalog.h"

/* Within a write transaction: moves the tails to the end of the newest open partition, and fans out what is
   in the regions into the dirty lists. */
bool claim_settle(struct engine *engine, const struct catalog *catalog);

/* The same for about `limit` partitions of each track; *more tells whether some were left for another one. */
bool claim_settle_some(struct engine *engine, const struct catalog *catalog, int64_t limit, bool *more);

/* Within a write transaction: everything of the summary is dirty from now on. */
bool claim_unfill(struct engine *engine, struct summary *summary);

/* Takes the filling of an unfilled summary under `token` (owner.h); *taken is false where another refresher
   that lives has it. Writes in one statement. */
bool claim_filling(struct engine *engine, const struct summary *summary, int64_t token, bool *taken);

/* In transactions of its own: lists all partitions of an unfilled summary as dirty, after which its stored
   rows count again but for those. The summary's state stays 0 where another refresher does it, or somebody
   has made it dirty anew meanwhile. */
bool claim_list(struct engine *engine, struct summary *summary, int64_t token);

/* What is left of a summary's dirty partitions. */
enum claim_left {
  LEFT_NOTHING,
  LEFT_FREE, /* some are nobody's, or a dead refresher's */
  LEFT_TAKEN /* all are those of others who live */
};

/* Reads only. `token` is our own; *others, which may be NULL, gets how many others live who have some. */
enum claim_left claim_look(struct engine *engine, const struct summary *summary, int64_t token,
                           int64_t *others);

/* In a write transaction of its own: frees what dead refreshers had taken, then as claim_mark. */
int64_t claim_take(struct engine *engine, const struct summary *summary, int64_t token, int64_t n);

/* Within a write transaction: takes the newest `n` free dirty partitions under `token`; returns their number.
   What changes from here on waits in the regions for the next run: beside a steady writer a refresh must end,
   too. */
int64_t claim_mark(struct engine *engine, const struct summary *summary, int64_t token, int64_t n);

/* In a write transaction of its own: gives back what was taken under `token` and not published. */
bool claim_give_back(struct engine *engine, const struct summary *summary, int64_t token);

/* `n`, or less near the end of a list that others work on, too, so that all end at about the same time. */
int64_t claim_share(struct engine *engine, const struct summary *summary, int64_t token, int64_t n);

#endif
