/* WITH (zoom = auto): a ladder of widths that fits the data. */
#ifndef ALMANAC_ZOOM_CHOOSE_H
#define ALMANAC_ZOOM_CHOOSE_H
#include "tool/engine/zoom_ladder.h"

/*
** Fills the levels of `zoom`. The finest: the least nice width with which all levels take about a third of the raw rows'
** space, which gives its buckets some 16 rows of a key where rows are as dense as they mostly are, by a sample of stretches
** of rows. Then on by steps of two to six over 15 minutes, an hour and a day to the week, and further until a thousand
** buckets cover the sample. Of a table with too few rows to tell, minutes are the finest; *guessed tells.
*/
bool zoom_choose(struct engine *engine, const struct zoom_select *select, const struct zoom_axis *axis,
                 struct zoom *zoom, bool *guessed);

#endif
