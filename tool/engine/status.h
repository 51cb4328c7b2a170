/* The view almanac_status: how fresh each summary is, in plain SQL that reads no table as a whole. */
#ifndef ALMANAC_STATUS_H
#define ALMANAC_STATUS_H
#include "tool/engine/catalog.h"

/* Makes the view anew; while paused it names no tables but ours. */
bool status_view(struct engine *engine, const struct catalog *catalog);

/* What the view would be, made on today's schema: a SELECT of its columns. Where `own_tables` is set, it reads
   no tables but ours: for what triggers, views and sources would tell it has NULL. */
char *status_select(struct engine *engine, const struct catalog *catalog, bool own_tables);

/* The names of its columns, separated by commas. */
char *status_columns(struct engine *engine);

#endif
