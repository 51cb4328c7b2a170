/* almanac apply: runs definitions files as one transaction, then the refreshes that they ask for. */
#include "tool/engine/claim.h"
#include "tool/engine/declare.h"
#include "tool/engine/order.h"
#include "tool/engine/refresher.h"
#include "tool/engine/repair.h"
#include "tool/engine/upgrade.h"
#include "tool/engine/zoom.h"
#include "tool/engine/zoom_order.h"
#include "tool/notices.h"
#include "tool/refresh.h"
#include "tool/talk.h"
#include "tool/verb.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static char *read_file(struct engine *engine, const char *path) {
  FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
  if (!file) {
    engine_fail(engine, CODE_FAILED, "%s: %s", path, strerror(errno));
    return 0;
  }
  sqlite3_str *text = sqlite3_str_new(engine->db);
  char buffer[4096];
  size_t n;
  while ((n = fread(buffer, 1, sizeof buffer, file)) > 0) sqlite3_str_append(text, buffer, (int)n);
  if (sqlite3_str_value(text) && strlen(sqlite3_str_value(text)) < (size_t)sqlite3_str_length(text))
    engine_fail(engine, CODE_FAILED, "%s: has a NUL byte, so it is no UTF-8 text (UTF-16?): save it as UTF-8",
                path);
  if (ferror(file)) engine_fail(engine, CODE_FAILED, "%s: %s", path, strerror(errno));
  if (file != stdin) fclose(file);
  return engine_finish(engine, text);
}

static bool run_drop(struct engine *engine, struct catalog *catalog, const struct definitions *file,
                     const struct statement *statement) {
  struct summary *existing = catalog_find(catalog, statement->name);
  struct zoom *zoom = zoom_find(catalog, statement->name);
  if (zoom) return zoom_drop(engine, catalog, zoom);
  if (existing && !zoom_check_alone(engine, catalog, existing->name)) return false;
  if (existing)
    return declare_check_unread(engine, catalog, existing) && declare_drop(engine, catalog, existing);
  if (statement->if_exists) return true;
  return engine_fail(engine, CODE_FAILED,
                     "%s:%d:%d: there is no summary %s (DROP MATERIALIZED VIEW IF EXISTS says nothing)",
                     file->file, statement->line, statement->column, statement->name);
}

static bool run_sql(struct engine *engine, const struct definitions *file,
                    const struct statement *statement) {
  if (engine_exec(engine, statement->text)) return true;
  int code;
  char *error = engine_recover(engine, &code);
  engine_fail(engine, code, "%s:%d:%d: %s", file->file, statement->line, statement->column,
              error ? error : "out of memory");
  sqlite3_free(error);
  return false;
}

static bool run_create(struct engine *engine, struct order *order, const struct definitions *file,
                       const struct statement *statement) {
  if (zoom_order_is(statement)) return zoom_order_create(engine, order, file, statement);
  return zoom_order_make_way(engine, order, file, statement) && order_declare(engine, order, file, statement);
}

static bool run_file(struct engine *engine, struct order *order, const struct definitions *file) {
  for (size_t i = 0; i < file->n && engine_ok(engine); i++) {
    const struct statement *statement = &file->statements[i];
    if (statement->type == STATEMENT_SQL) run_sql(engine, file, statement);
    if (statement->type == STATEMENT_CREATE) run_create(engine, order, file, statement);
    if (statement->type == STATEMENT_DROP) run_drop(engine, order->catalog, file, statement);
  }
  return engine_ok(engine);
}

/* REFRESH names that no summary has are found before anything is committed. */
static bool check_refreshes(struct engine *engine, const struct catalog *catalog,
                            const struct definitions *file) {
  for (size_t i = 0; i < file->n; i++) {
    const struct statement *statement = &file->statements[i];
    if (statement->type == STATEMENT_REFRESH && !catalog_find(catalog, statement->name) &&
        !zoom_find(catalog, statement->name))
      return engine_fail(engine, CODE_FAILED, "%s:%d:%d: there is no summary %s", file->file, statement->line,
                         statement->column, statement->name);
  }
  return true;
}

static bool in_transaction(struct engine *engine, struct catalog *catalog, struct definitions *files,
                           int n_files) {
  if (!engine_begin(engine) || !upgrade_create(engine)) return false;
  if (!catalog_require_running(engine) || !catalog_load(engine, catalog) ||
      !repair_definitions(engine, catalog))
    return false;
  struct order order = {.catalog = catalog, .files = files, .n_files = n_files};
  for (int i = 0; i < n_files; i++)
    if (!run_file(engine, &order, &files[i])) return false;
  if (!order_finish(engine, &order)) return false;
  for (size_t i = 0; i < order.n_notes; i++) talk_notice(engine->settings, "%s", order.notes[i]);
  for (size_t i = 0; i < order.n_created; i++) notices_of_summary(engine, order.created[i]);
  for (int i = 0; i < n_files; i++)
    if (!check_refreshes(engine, catalog, &files[i])) return false;
  return declare_arm(engine, catalog);
}

/* A zoom's name stands for its levels. */
static char **add_covered(struct engine *engine, const struct catalog *catalog, const char *name,
                          char **names, size_t *n) {
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    if (!zoom_covers(catalog, name, catalog->summaries[i]->name)) continue;
    names = engine_grow(engine, names, n, sizeof *names);
    if (names) names[(*n)++] = catalog->summaries[i]->name;
  }
  return names;
}

/* Exit code of the REFRESH statements: some failed, or all went well. */
static int refresh_asked(struct engine *engine, struct catalog *catalog, struct definitions *files,
                         int n_files) {
  char **names = 0;
  size_t n = 0;
  for (int i = 0; i < n_files; i++)
    for (size_t k = 0; k < files[i].n; k++)
      if (files[i].statements[k].type == STATEMENT_REFRESH)
        names = add_covered(engine, catalog, files[i].statements[k].name, names, &n);
  size_t failed = refresh_named(engine, catalog, names, n);
  return engine_interrupted() ? CODE_INTERRUPTED : failed ? CODE_SOME_FAILED : CODE_DONE;
}

int verb_apply(struct engine *engine) {
  const struct settings *settings = engine->settings;
  struct catalog catalog = {0};
  struct definitions *files = engine_alloc(engine, (size_t)settings->n_operands * sizeof *files);
  for (int i = 0; i < settings->n_operands && engine_ok(engine); i++) {
    char *text = read_file(engine, settings->operands[i]);
    if (text) definitions_read(engine, settings->operands[i], text, &files[i]);
  }
  int code = CODE_DONE;
  engine->echo = settings->dry_run;
  in_transaction(engine, &catalog, files, settings->n_operands);
  engine_end(engine);
  if (engine_ok(engine) && !settings->dry_run)
    code = refresh_asked(engine, &catalog, files, settings->n_operands);
  for (int i = 0; files && i < settings->n_operands; i++) definitions_free(&files[i]);
  return code;
}
