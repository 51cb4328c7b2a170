#include "tool/textfile.h"
#include "tool/engine/sql_text.h"
#include "tool/talk.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MODE = 0644 }; /* node_exporter runs as a user of its own */

static const char success[] = "almanac_last_success_timestamp_seconds";

/* What a refresh tells of each summary: the columns of the texts "metrics" and "metrics_own", but for the name. */
static const struct metric {
  const char *name, *help;
} summary_metrics[] = {
    {"almanac_summary_run_rows", "Rows that the last refresh computed that had something to do."},
    {"almanac_summary_run_partitions", "Partitions that the last refresh computed that had something to do."},
    {"almanac_summary_dirty_partitions", "Partitions that have changed since they were stored."},
    {"almanac_summary_lag_seconds",
     "Seconds since rows were last stored, if anything has changed since; else 0."},
    {"almanac_summary_refreshed_timestamp_seconds", "When rows were last stored."},
    {"almanac_summary_stored_rows", "Rows that are stored."},
    {"almanac_summary_error", "1 if the last refresh of the summary failed, else 0."},
};

enum { SUMMARY_METRICS = sizeof summary_metrics / sizeof *summary_metrics };

/* ---------------------------------------------------------------------------------------------- the format */

/* How many bytes the UTF-8 character at `text` has; 0 if it is none. */
static size_t character(const unsigned char *text) {
  unsigned char c = text[0];
  size_t n = c < 0x80 ? 1 : c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
  for (size_t i = 1; i < n; i++)
    if ((text[i] & 0xC0) != 0x80) return 0;
  if ((c == 0xE0 && text[1] < 0xA0) || (c == 0xED && text[1] > 0x9F)) return 0; /* overlong; surrogates */
  if ((c == 0xF0 && text[1] < 0x90) || (c == 0xF4 && text[1] > 0x8F)) return 0; /* overlong; too large */
  return n;
}

/* A label's value, with the format's three escapes. A path may have bytes that are no UTF-8. */
static void put_label(sqlite3_str *out, const char *name, const char *value) {
  sqlite3_str_appendf(out, "%s=\"", name);
  while (*value) {
    size_t n = character((const unsigned char *)value);
    if (*value == '\\' || *value == '"') sqlite3_str_appendchar(out, 1, '\\');
    if (*value == '\n')
      sqlite3_str_appendall(out, "\\n");
    else if (n == 0)
      sqlite3_str_appendchar(out, 1, '?');
    else
      sqlite3_str_append(out, value, (int)n);
    value += n ? n : 1;
  }
  sqlite3_str_appendchar(out, 1, '"');
}

static void put_head(sqlite3_str *out, const char *name, const char *help) {
  sqlite3_str_appendf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* `almanac_up{database="...",command="refresh"}` and a blank: the labels of what is told of a command. */
static void put_name(sqlite3_str *out, const struct settings *settings, const char *name) {
  sqlite3_str_appendf(out, "%s{", name);
  put_label(out, "database", settings->database);
  sqlite3_str_appendf(out, ",command=\"%s\"} ", settings->verb);
}

static void put_run(sqlite3_str *out, const struct settings *settings, const char *name, const char *help,
                    const char *value) {
  put_head(out, name, help);
  put_name(out, settings, name);
  sqlite3_str_appendf(out, "%s\n", value);
}

/* ------------------------------------------------------------------------------------------- last success */

/* What the file said before, or 0. */
static long long read_success(struct engine *engine) {
  const struct settings *settings = engine->settings;
  sqlite3_str *start = sqlite3_str_new(0);
  put_name(start, settings, success);
  size_t length = (size_t)sqlite3_str_length(start);
  char *name = sqlite3_str_finish(start), *line = 0;
  FILE *file = name ? fopen(settings->textfile, "r") : 0;
  long long found = 0;
  size_t size = 0;
  while (file && getline(&line, &size, file) > 0)
    if (strncmp(line, name, length) == 0) found = atoll(line + length);
  if (file) fclose(file);
  free(line);
  sqlite3_free(name);
  return found > 0 ? found : 0;
}

/* ---------------------------------------------------------------------------------------------- the texts */

/* A metric's lines stand together, so each gathers its own while the summaries are read. */
static bool put_summaries(struct engine *engine, sqlite3_str *out, const char *section) {
  sqlite3_str *lines[SUMMARY_METRICS];
  for (int i = 0; i < SUMMARY_METRICS; i++) lines[i] = sqlite3_str_new(engine->db);
  sqlite3_stmt *rows = engine_prepare(engine, sql_text(engine, section, 0));
  while (engine_step(engine, rows))
    for (int i = 0; i < SUMMARY_METRICS; i++) {
      const char *value = engine_column(engine, rows, i + 1), *name = engine_column(engine, rows, 0);
      if (!value) continue;
      sqlite3_str_appendf(lines[i], "%s{", summary_metrics[i].name);
      put_label(lines[i], "database", engine->settings->database);
      sqlite3_str_appendchar(lines[i], 1, ',');
      put_label(lines[i], "summary", name ? name : "");
      sqlite3_str_appendf(lines[i], "} %s\n", value);
    }
  engine_finalize(engine, rows);
  for (int i = 0; i < SUMMARY_METRICS; i++) {
    char *text = engine_finish(engine, lines[i]);
    if (!engine_ok(engine) || !*text) continue;
    put_head(out, summary_metrics[i].name, summary_metrics[i].help);
    sqlite3_str_appendall(out, text);
  }
  return engine_ok(engine);
}

/* Other commands leave the summaries to the file of refresh: of two files with the same metric, node_exporter
   would take none. */
static bool tells_of_summaries(const struct settings *settings) {
  return strcmp(settings->verb, "refresh") == 0;
}

/* True if the summaries could be read. */
static bool put_database(struct engine *engine, sqlite3_str *out) {
  if (!engine->db) return false;
  if (!tells_of_summaries(engine->settings))
    return engine_int(engine, sql_text(engine, "metrics_readable", 0)) >= 0 && engine_ok(engine);
  if (put_summaries(engine, out, "metrics")) return true;
  sqlite3_free(engine_recover(engine, 0));
  return put_summaries(engine, out, "metrics_own");
}

static char *compose(struct engine *engine, int code, double started_s) {
  const struct settings *settings = engine->settings;
  sqlite3_str *out = sqlite3_str_new(0), *summaries = sqlite3_str_new(0);
  long long now = (long long)time(0);
  bool up = put_database(engine, summaries);
  long long well = code == CODE_DONE ? now : read_success(engine);
  if (well == 0 && up && tells_of_summaries(settings))
    well = engine_int(engine, sql_text(engine, "metrics_success", 0));
  put_run(out, settings, "almanac_up", "1 if the database and its summaries could be read, else 0.",
          up ? "1" : "0");
  put_run(out, settings, "almanac_exit_code", "The exit code of the last run.",
          engine_printf(engine, "%d", code));
  put_run(out, settings, "almanac_run_duration_seconds", "How long the last run took.",
          engine_printf(engine, "%.3f", engine_clock_s() - started_s));
  put_run(out, settings, "almanac_last_run_timestamp_seconds", "When the last run ended.",
          engine_printf(engine, "%lld", now));
  put_run(out, settings, success, "When the last run ended that had exit code 0; 0: never.",
          engine_printf(engine, "%lld", well));
  char *text = sqlite3_str_finish(summaries);
  if (up && text) sqlite3_str_appendall(out, text);
  sqlite3_free(text);
  return sqlite3_str_finish(out);
}

/* --------------------------------------------------------------------------------------------- the file */

/* Whoever reads meanwhile sees the old file or the new one. The temporary name doesn't end in .prom, so that
   node_exporter passes over it. Returns errno, 0 when all is well. */
static int replace_file(const char *path, const char *text) {
  char *temporary = sqlite3_mprintf("%s.XXXXXX", path);
  int file = temporary ? mkstemp(temporary) : -1;
  FILE *out = file >= 0 ? fdopen(file, "w") : 0;
  bool good = out && fchmod(file, MODE) == 0 && fputs(text, out) >= 0 && fflush(out) == 0;
  int reason = good ? 0 : errno;
  if (out && fclose(out) != 0 && good) reason = errno;
  if (!out && file >= 0) close(file);
  if (reason == 0 && rename(temporary, path) != 0) reason = errno;
  if (reason != 0 && file >= 0) unlink(temporary);
  sqlite3_free(temporary);
  return reason;
}

int textfile_write(struct engine *engine, int code, double started_s) {
  const struct settings *settings = engine->settings;
  if (!settings->textfile || settings->dry_run) return code;
  engine_rollback(engine);
  struct failure failure = engine_suspend(engine);
  engine_last_words(engine, true, code != CODE_LOCKED);
  char *text = compose(engine, code, started_s);
  int reason = text ? replace_file(settings->textfile, text) : ENOMEM;
  sqlite3_free(text);
  engine_last_words(engine, false, true);
  engine_resume(engine, failure);
  if (reason == 0) return code;
  char *error = sqlite3_mprintf("--textfile %s: %s", settings->textfile, strerror(reason));
  talk_error(error ? error : strerror(reason));
  sqlite3_free(error);
  return code ? code : CODE_FAILED;
}
