/*
** The commands of the tool, one file each. A verb works on an open engine and returns the exit code;
** what went wrong stands in the engine, and main says it.
*/
#ifndef ALMANAC_VERB_H
#define ALMANAC_VERB_H
#include "tool/engine/engine.h"

int verb_apply(struct engine *engine);
int verb_refresh(struct engine *engine);
int verb_status(struct engine *engine);
int verb_drop(struct engine *engine);
int verb_prune(struct engine *engine);
int verb_verify(struct engine *engine);
int verb_plan(struct engine *engine);
int verb_pause(struct engine *engine);
int verb_resume(struct engine *engine);

#endif
