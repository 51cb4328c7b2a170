/*
** The points of a line that must stay when others are thinned out: its lowest and its highest, its first and its last.
** Plain C: no SQLite here.
*/
#ifndef ALMANAC_PYRAMID_PICK_H
#define ALMANAC_PYRAMID_PICK_H
#include "ext/kernel/points.h"

struct pyramid_pick {
  struct point_value x, y; /* texts belong to the points that were picked from */
};

/* All zero: empty. */
struct pyramid_picks {
  struct pyramid_pick *items; /* in order of x */
  size_t n, capacity;
  bool failed; /* out of memory */
};

/*
** Picks at most `wanted` of the points, which are sorted: all if there are no more; else those of LTTB, of which some
** give way where the lowest or the highest point (the first of several) would be missing: the nearest in rank that are
** neither of these nor the first and the last. 1: the first point. 2: lowest and highest. 3: these and the first.
*/
void pyramid_pick(struct pyramid_picks *picks, const struct points *points, int64_t wanted);
void pyramid_picks_free(struct pyramid_picks *picks);

#endif
