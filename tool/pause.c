/* almanac pause and resume: park triggers and views around a rebuild of the tables that they name. */
#include "tool/engine/capture.h"
#include "tool/engine/claim.h"
#include "tool/engine/declare.h"
#include "tool/engine/live_view.h"
#include "tool/engine/repair.h"
#include "tool/engine/status.h"
#include "tool/engine/upgrade.h"
#include "tool/engine/zoom.h"
#include "tool/talk.h"
#include "tool/verb.h"

int verb_pause(struct engine *engine) {
  struct catalog catalog;
  if (!engine_begin(engine)) return engine->code;
  engine->echo = engine->settings->dry_run;
  /* What was renamed so far can't be told once the views are gone. */
  if (upgrade_require(engine) && catalog_load(engine, &catalog) && repair_definitions(engine, &catalog) &&
      capture_disarm(engine)) {
    for (size_t i = 0; i < catalog.n; i++) live_view_drop(engine, catalog.summaries[i]);
    zoom_park(engine, &catalog);
    engine_exec(engine, "UPDATE almanac_setting SET value=1 WHERE name='paused'");
    status_view(engine, &catalog);
  }
  engine_end(engine);
  return engine->code;
}

static size_t count_broken(const struct catalog *catalog) {
  size_t n = 0;
  for (size_t i = 0; i < catalog->n; i++) n += catalog->summaries[i]->broken != 0;
  return n;
}

/* A summary over a user's view over a summary can be derived only when the names of the others are there again. */
static bool arm(struct engine *engine, struct catalog *catalog) {
  size_t broken = count_broken(catalog), before = broken + 1;
  declare_arm(engine, catalog);
  while (broken > 0 && broken < before && catalog_load(engine, catalog) && declare_arm(engine, catalog)) {
    before = broken;
    broken = count_broken(catalog);
  }
  return engine_ok(engine);
}

int verb_resume(struct engine *engine) {
  struct catalog catalog;
  if (!engine_begin(engine)) return engine->code;
  engine->echo = engine->settings->dry_run;
  if (upgrade_require(engine) && catalog_load(engine, &catalog) && repair_definitions(engine, &catalog)) {
    /* Nobody watched the tables meanwhile. */
    for (size_t i = 0; i < catalog.n; i++) claim_unfill(engine, catalog.summaries[i]);
    engine_exec(engine, "UPDATE almanac_setting SET value=0 WHERE name='paused'");
    arm(engine, &catalog);
    for (size_t i = 0; i < catalog.n; i++)
      if (catalog.summaries[i]->broken)
        talk_warning(engine->settings, "%s: %s", catalog.summaries[i]->name, catalog.summaries[i]->broken);
  }
  engine_end(engine);
  return engine->code;
}
