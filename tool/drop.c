/* almanac drop: removes summaries, with --all every trace of Almanac. */
#include "tool/engine/declare.h"
#include "tool/engine/owner.h"
#include "tool/engine/upgrade.h"
#include "tool/engine/zoom.h"
#include "tool/verb.h"

static bool is_named(const struct settings *settings, const char *name) {
  for (int i = 0; i < settings->n_operands; i++)
    if (sqlite3_stricmp(settings->operands[i], name) == 0) return true;
  return settings->all;
}

/* Summaries that read a level of a zoom go before the zoom, which goes with all its levels. */
static bool drop_zooms(struct engine *engine, struct catalog *catalog) {
  for (size_t i = catalog->n_zooms; i > 0 && engine_ok(engine); i--)
    if (is_named(engine->settings, catalog->zooms[i - 1]->name))
      zoom_drop(engine, catalog, catalog->zooms[i - 1]);
  return engine_ok(engine);
}

/* Those that read others come later in the catalog, and go first. */
static bool drop_named(struct engine *engine, struct catalog *catalog) {
  const struct settings *settings = engine->settings;
  for (int i = 0; i < settings->n_operands; i++)
    if (!catalog_find(catalog, settings->operands[i]) && !zoom_find(catalog, settings->operands[i]))
      return engine_fail(engine, CODE_FAILED, "there is no summary %s (almanac status %s lists them)",
                         settings->operands[i], settings->database);
  for (size_t i = catalog->n; i > 0 && engine_ok(engine); i--) {
    struct summary *summary = catalog->summaries[i - 1];
    const struct zoom *zoom = zoom_of_level(catalog, summary->name);
    if (!is_named(settings, summary->name) || (zoom && is_named(settings, zoom->name))) continue;
    if (zoom_check_alone(engine, catalog, summary->name) && declare_check_unread(engine, catalog, summary))
      declare_drop(engine, catalog, summary);
  }
  return drop_zooms(engine, catalog);
}

int verb_drop(struct engine *engine) {
  struct catalog catalog = {0};
  if (!engine_begin(engine)) return engine->code;
  engine->echo = engine->settings->dry_run;
  if (upgrade_require(engine) && catalog_load(engine, &catalog) && drop_named(engine, &catalog) &&
      declare_arm(engine, &catalog) && catalog.n == 0)
    declare_remove_catalog(engine);
  bool all = catalog.n == 0;
  engine_end(engine);
  if (all && engine_ok(engine) && !engine->settings->dry_run) owner_remove(engine);
  return engine->code;
}
