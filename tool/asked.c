#include "tool/asked.h"
#include "tool/engine/zoom.h"

static bool is_asked(const struct settings *settings, const struct catalog *catalog,
                     const struct summary *summary) {
  for (int i = 0; i < settings->n_operands; i++)
    if (zoom_covers(catalog, settings->operands[i], summary->name)) return true;
  return settings->n_operands == 0;
}

bool asked_check(struct engine *engine, const struct catalog *catalog) {
  for (int i = 0; i < engine->settings->n_operands; i++)
    if (!catalog_find(catalog, engine->settings->operands[i]) &&
        !zoom_find(catalog, engine->settings->operands[i]))
      return engine_fail(engine, CODE_FAILED, "there is no summary %s (almanac status %s lists them)",
                         engine->settings->operands[i], engine->settings->database);
  return true;
}

char **asked_names(struct engine *engine, const struct catalog *catalog, size_t *n) {
  char **names = engine_alloc(engine, (catalog->n + 1) * sizeof *names);
  *n = 0;
  for (size_t i = 0; names && i < catalog->n; i++)
    if (is_asked(engine->settings, catalog, catalog->summaries[i]))
      names[(*n)++] = catalog->summaries[i]->name;
  return names;
}
