/* Making and removing summaries, within the write transaction of apply, drop and resume. */
#ifndef ALMANAC_DECLARE_H
#define ALMANAC_DECLARE_H
#include "tool/engine/catalog.h"

/* Declares the summary of a CREATE statement: its tables, track, triggers and view. */
bool declare_create(struct engine *engine, struct catalog *catalog, const struct definitions *definitions,
                    const struct statement *statement, struct summary **created);

/* Fails where a summary of that name would be in the way of something that is no summary. */
bool declare_check_free(struct engine *engine, const char *name);

/* Removes a summary with all that belongs to it. Nothing may read it any more. */
bool declare_drop(struct engine *engine, struct catalog *catalog, struct summary *summary);

/* Fails where another summary reads this one. */
bool declare_check_unread(struct engine *engine, const struct catalog *catalog,
                          const struct summary *summary);

/* Removes those summaries and all that read them, readers first; *dropped gets them in the order in which they can be
   declared again. */
struct summary **declare_drop_readers(struct engine *engine, struct catalog *catalog,
                                      struct summary *const *summaries, size_t n, size_t *n_dropped);

/* Declares them, and those that read them, anew from their definitions: what they are partitioned by has changed. */
bool declare_again(struct engine *engine, struct catalog *catalog, struct summary *const *summaries,
                   size_t n);

/* Makes every trigger and view anew, as the catalog says: after a change of the catalog, and on resume. */
bool declare_arm(struct engine *engine, struct catalog *catalog);

/* Removes the last trace of Almanac, once no summary is left. */
bool declare_remove_catalog(struct engine *engine);

/* Are the definitions equal but for blanks, comments and the case of words? */
bool declare_same(struct engine *engine, const char *a, const char *b);

/* Has the summary stored rows of time whose raw rows are pruned? They can't be computed again. */
bool declare_holds_frozen(struct engine *engine, const struct summary *summary);

/* Takes the definition for that of the summary where only how long rows are kept differs: nothing is computed again.
   *changed is false where more differs. */
bool declare_keep(struct engine *engine, const struct catalog *catalog, struct summary *summary,
                  const struct definitions *definitions, const struct statement *statement, bool *changed);

#endif
