/* The index that would help a summary's refresh. */
#ifndef ALMANAC_INDEX_ADVICE_H
#define ALMANAC_INDEX_ADVICE_H
#include "tool/engine/summary.h"

/* The CREATE INDEX statement with the reason, or NULL where nothing is missing. */
char *index_advice(struct engine *engine, const struct summary *summary);

#endif
