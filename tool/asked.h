/* The summaries that a command's operands name: all of them where there are none. */
#ifndef ALMANAC_ASKED_H
#define ALMANAC_ASKED_H
#include "tool/engine/catalog.h"

/* Fails on an operand that names no summary. */
bool asked_check(struct engine *engine, const struct catalog *catalog);

/* Their names in the order of declaration: the catalog may be loaded anew while they are worked on. */
char **asked_names(struct engine *engine, const struct catalog *catalog, size_t *n);

#endif
