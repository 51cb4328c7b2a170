/* The view under the summary's own name, and the views it is made of. */
#ifndef ALMANAC_LIVE_VIEW_H
#define ALMANAC_LIVE_VIEW_H
#include "tool/engine/summary.h"

bool live_view_create(struct engine *engine, const struct summary *summary);

/* The name of a summary that can't be derived, as its query; no view where SQLite doesn't understand it. */
bool live_view_create_query(struct engine *engine, const struct summary *summary);
bool live_view_drop(struct engine *engine, const struct summary *summary);

#endif
