/* almanac status: one line for each summary. */
#include "tool/engine/catalog.h"
#include "tool/engine/upgrade.h"
#include "tool/verb.h"
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 7 };

static const char *const headings[COLUMNS] = {"name",      "kind",  "exact",     "refreshed at",
                                              "stored to", "dirty", "last error"};

static int print_json(struct engine *engine) {
  sqlite3_stmt *rows = engine_prepare(
      engine, "SELECT json_object('name', name, 'kind', kind, 'exact', exact, 'refreshed_at', refreshed_at, "
              "'stored_to', stored_to, 'dirty', dirty, 'stored_version', stored_version, 'last_error', "
              "last_error) FROM almanac_status");
  sqlite3_str *lines = sqlite3_str_new(engine->db);
  while (engine_step(engine, rows))
    sqlite3_str_appendf(lines, "%s%s", sqlite3_str_length(lines) ? ",\n " : "",
                        engine_column(engine, rows, 0));
  engine_finalize(engine, rows);
  char *list = engine_finish(engine, lines);
  if (engine_ok(engine)) printf("[%s]\n", list);
  return engine->code;
}

static void print_row(const char *const *cells, const size_t *widths) {
  for (int i = 0; i < COLUMNS; i++)
    printf(i + 1 < COLUMNS ? "%-*s  " : "%-*s\n", i + 1 < COLUMNS ? (int)widths[i] : 0, cells[i]);
}

int verb_status(struct engine *engine) {
  if (!upgrade_require(engine)) return engine->code;
  if (engine->settings->json) return print_json(engine);
  const char *(*cells)[COLUMNS] = 0;
  size_t n = 0, widths[COLUMNS];
  for (int i = 0; i < COLUMNS; i++) widths[i] = strlen(headings[i]);
  sqlite3_stmt *rows =
      engine_prepare(engine, "SELECT name, kind, exact, coalesce(refreshed_at, 'never'), "
                             "coalesce(stored_to, ''), coalesce(dirty, ''), coalesce(last_error, '') "
                             "FROM almanac_status");
  while (engine_step(engine, rows)) {
    cells = engine_grow(engine, cells, &n, sizeof *cells);
    if (!cells) break;
    for (int i = 0; i < COLUMNS; i++) {
      char *text = engine_column(engine, rows, i);
      cells[n][i] = text ? text : "";
      if (strlen(cells[n][i]) > widths[i]) widths[i] = strlen(cells[n][i]);
    }
    n++;
  }
  engine_finalize(engine, rows);
  if (!engine_ok(engine)) return engine->code;
  if (n > 0) print_row(headings, widths);
  for (size_t i = 0; i < n; i++) print_row(cells[i], widths);
  if (catalog_is_paused(engine)) printf("paused: run almanac resume\n");
  return engine->code;
}
