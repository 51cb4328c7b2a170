/* The view under the summary's own name, and the views it is made of. */
#ifndef ALMANAC_LIVE_VIEW_H
#define ALMANAC_LIVE_VIEW_H
#include "tool/engine/summary.h"

bool live_view_create(struct engine *engine, const struct summary *summary);
bool live_view_drop(struct engine *engine, const struct summary *summary);

#endif
