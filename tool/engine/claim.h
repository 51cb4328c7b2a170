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

/* Within a write transaction: everything of the summary is dirty from now on. */
bool claim_unfill(struct engine *engine, struct summary *summary);

/* In transactions of its own: lists all partitions of an unfilled summary as dirty, after which its stored
   rows count again but for those. */
bool claim_list(struct engine *engine, struct summary *summary);

/* Within a write transaction: takes the newest `n` dirty partitions under `token`; returns their number. What
   changes from here on waits in the regions for the next run: beside a steady writer a refresh must end, too.
 */
int64_t claim_mark(struct engine *engine, const struct summary *summary, int64_t token, int64_t n);

int64_t claim_token(void);

#endif
