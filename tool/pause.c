/* almanac pause and resume: park triggers and views around a rebuild of the tables that they name. */
#include "tool/engine/capture.h"
#include "tool/engine/claim.h"
#include "tool/engine/declare.h"
#include "tool/engine/live_view.h"
#include "tool/engine/repair.h"
#include "tool/engine/status.h"
#include "tool/engine/upgrade.h"
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
    engine_exec(engine, "UPDATE almanac_setting SET value=1 WHERE name='paused'");
    status_view(engine, &catalog);
  }
  engine_end(engine);
  return engine->code;
}

int verb_resume(struct engine *engine) {
  struct catalog catalog;
  if (!engine_begin(engine)) return engine->code;
  engine->echo = engine->settings->dry_run;
  if (upgrade_require(engine) && catalog_load(engine, &catalog) && repair_definitions(engine, &catalog)) {
    /* Nobody watched the tables meanwhile. */
    for (size_t i = 0; i < catalog.n; i++) {
      const struct summary *s = catalog.summaries[i];
      claim_unfill(engine, catalog.summaries[i]);
      if (s->broken) talk_warning(engine->settings, "%s: %s", s->name, s->broken);
    }
    engine_exec(engine, "UPDATE almanac_setting SET value=0 WHERE name='paused'");
    declare_arm(engine, &catalog);
  }
  engine_end(engine);
  return engine->code;
}
