/* The view almanac_status: how fresh each summary is, in plain SQL that reads no table as a whole. */
#ifndef ALMANAC_STATUS_H
#define ALMANAC_STATUS_H
#include "tool/engine/catalog.h"

/* Makes the view anew; while paused it names no tables but ours. */
bool status_view(struct engine *engine, const struct catalog *catalog);

/* What the view would be, made on today's schema: a SELECT of its columns. Where `own_tables` is set, it reads
   no tables but ours: for what triggers, views and sources would tell it has NULL. */
char *status_select(struct engine *engine, const struct catalog *catalog, bool own_tables);

/* Runs status_select, with the names of the columns; on our own tables alone where the schema allows no more. *trouble
   gets why, or NULL. The statement is the caller's. */
sqlite3_stmt *status_read(struct engine *engine, const struct catalog *catalog, char **trouble);

#endif
