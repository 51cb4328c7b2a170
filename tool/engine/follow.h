/*
** Following SQLite's RENAME. A summary has a view that nothing reads, almanac_query_S, with its definition's names
** in it. ALTER TABLE ... RENAME rewrites it like every view, and what is different in it then is written into the
** definition: there is no need to know what a name means.
*/
#ifndef ALMANAC_FOLLOW_H
#define ALMANAC_FOLLOW_H
#include "tool/engine/summary.h"

/* Makes the view. `source` is the table that WITH (partition = ...) speaks of, or NULL. */
bool follow_create(struct engine *engine, const struct summary *summary, const char *source);

/* The definition with the names of today, that gives the same result columns; NULL where nothing was renamed, or
   the definition can't be rewritten with certainty. `source` is what follow_create got. */
char *follow_renames(struct engine *engine, const struct summary *summary, const char *source);

/* Are the stored rows and the region of its track still of the columns and types that the definition has? */
bool follow_same_tables(struct engine *engine, const struct summary *summary);

/* Does the definition read the columns of the source that it read when its view was made? Not where a column came
   of a name that meant something else, as that of a result. */
bool follow_same_columns(struct engine *engine, const struct summary *summary);

#endif
