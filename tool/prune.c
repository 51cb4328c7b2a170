/* almanac prune: deletes raw rows that are old and summarized. */
#include "tool/engine/prune.h"
#include "tool/engine/refresher.h"
#include "tool/engine/upgrade.h"
#include "tool/notices.h"
#include "tool/talk.h"
#include "tool/verb.h"
#include <stdio.h>

static const char *source_name(const struct catalog *catalog, int64_t track) {
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i]->track == track && catalog->summaries[i]->source)
      return catalog->summaries[i]->source->name;
  return "a table";
}

static void print_json(struct engine *engine, const struct prune_report *report, double spent_s) {
  char *json = engine_string(
      engine,
      engine_printf(
          engine,
          "SELECT json_object('source', %Q, 'frozen_before', %s, 'rows', %lld, 'stored_rows', %lld, "
          "'seconds', %.3f, 'dry_run', json(%Q))",
          report->source, report->before_value ? report->before_value : "NULL", (long long)report->rows,
          (long long)report->stored_rows, spent_s, engine->settings->dry_run ? "true" : "false"));
  if (json) printf("%s\n", json);
}

static void print_result(struct engine *engine, const struct prune_report *report, double spent_s) {
  const struct settings *settings = engine->settings;
  const char *before = report->before ? report->before : "any boundary";
  long long rows = report->rows, stored = report->stored_rows;
  if (settings->json) {
    print_json(engine, report, spent_s);
  } else if (settings->dry_run) {
    printf("%s: %lld rows before %s would go\n", report->source, rows, before);
    if (stored) printf("%s: %lld stored rows of summaries would go\n", report->source, stored);
  } else {
    talk_notice(settings, "%s: %lld rows before %s deleted, %.2f s", report->source, rows, before, spent_s);
    if (stored) talk_notice(settings, "%s: %lld stored rows of summaries deleted", report->source, stored);
  }
}

/* Says why the source was passed over; false where none of the others could go on either. */
static bool report_failure(struct engine *engine, struct catalog *catalog, const char *source) {
  int code;
  char *error = engine_recover(engine, &code);
  engine_rollback(engine);
  catalog_distrust(catalog);
  if (!engine_interrupted())
    talk_warning(engine->settings, "%s is not pruned: %s", source, error ? error : "out of memory");
  sqlite3_free(error);
  if (code != CODE_LOCKED) return true;
  return engine_fail(engine, CODE_LOCKED, "%s: the database stayed locked", engine->settings->database);
}

static bool prune(struct engine *engine, struct catalog *catalog, int64_t track) {
  struct prune_report report;
  double started = engine_clock_s();
  bool good = engine->settings->dry_run ? prune_preview(engine, catalog, track, &report)
                                        : prune_track(engine, catalog, track, &report);
  if (good && report.source) print_result(engine, &report, engine_clock_s() - started);
  return good;
}

static bool load(struct engine *engine, struct catalog *catalog) {
  if (!upgrade_require(engine) || !catalog_require_running(engine) || !catalog_load(engine, catalog))
    return false;
  if (engine->settings->dry_run) return true;
  /* What is declared to go with a row goes with it. */
  return engine_exec(engine, "PRAGMA foreign_keys=1") && refresher_settle(engine, catalog);
}

int verb_prune(struct engine *engine) {
  struct catalog catalog;
  size_t n = 0, failed = 0;
  if (!load(engine, &catalog)) return engine->code;
  notices_of_late(engine, &catalog);
  int64_t *tracks = prune_tracks(engine, &catalog, &n);
  if (n == 0 && engine_ok(engine))
    talk_warning(engine->settings, "nothing to prune: no summary says WITH (keep_raw = '90 days')");
  for (size_t i = 0; i < n && engine_ok(engine) && !engine_stopping(engine); i++) {
    const char *source = engine_printf(engine, "%s", source_name(&catalog, tracks[i]));
    if (prune(engine, &catalog, tracks[i])) continue;
    failed++;
    if (!report_failure(engine, &catalog, source)) break;
  }
  if (!engine_ok(engine)) return engine->code;
  if (engine_interrupted()) return CODE_INTERRUPTED;
  if (failed) return failed == n && n == 1 ? CODE_FAILED : CODE_SOME_FAILED;
  return CODE_DONE;
}
