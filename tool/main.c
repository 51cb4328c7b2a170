/*
** almanac: keeps summaries ready in tables of a SQLite database. One table dispatches the commands; each is a
** file of its own (verb.h), works on an engine that is opened here, and has its failure said here.
*/
#include "ext/kernel/json_write.h"
#include "ext/version.h"
#include "tool/jobs.h"
#include "tool/options.h"
#include "tool/refresh.h"
#include "tool/talk.h"
#include "tool/textfile.h"
#include "tool/verb.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {"apply", verb_apply, "DATABASE FILE.sql...", 1, -1,
     OPTION_DATABASE | OPTION_DRY_RUN | OPTION_MAX_TIME | OPTION_LOCK_MS | OPTION_JOBS,
     "declare the summaries of definitions files",
     "Runs the files' statements as one transaction: CREATE MATERIALIZED VIEW declares a\n"
     "summary or rebuilds a changed one, DROP MATERIALIZED VIEW removes one, other SQL runs\n"
     "as it stands. REFRESH MATERIALIZED VIEW runs after the commit. A file named - is\n"
     "standard input."},
    {"refresh", verb_refresh, "DATABASE [NAME...]", 0, -1,
     OPTION_DATABASE | OPTION_DRY_RUN | OPTION_MAX_TIME | OPTION_LOCK_MS | OPTION_FULL | OPTION_EVERY |
         OPTION_DUTY | OPTION_JOBS | OPTION_TEXTFILE,
     "recompute what has changed",
     "Recomputes the changed partitions of the named summaries, or of all, newest first. It\n"
     "can be stopped anywhere: the next run carries on. For cron:\n"
     "  * * * * *  almanac refresh DATABASE --max-time 50s"},
    {"status", verb_status, "DATABASE", 0, 0, OPTION_DATABASE, "show the summaries and how fresh they are",
     "One line for each summary: when it was refreshed, up to where its rows are stored, how\n"
     "many, how many partitions have changed since, the share that has not, and for how long\n"
     "changes wait; then what is amiss. --verbose and --json tell all, also sizes and who is at\n"
     "work. The view almanac_status in the database holds most of it."},
    {"verify", verb_verify, "DATABASE [NAME...]", 0, -1,
     OPTION_DATABASE | OPTION_MAX_TIME | OPTION_LOCK_MS | OPTION_TEXTFILE | OPTION_VERIFY,
     "compare what is stored with what the queries give",
     "Recomputes partitions of the named summaries, or of all, and compares their rows with\n"
     "those that are stored and those that the name shows. Prints a line for each partition\n"
     "that differs, marks it as changed, so that the next refresh repairs it, and exits 1. It\n"
     "finds what no trigger saw: changes with triggers switched off, or stored rows changed\n"
     "by hand. Partitions that are known to have changed are left out."},
    {"plan", verb_plan, "DATABASE NAME", 1, 1, OPTION_DATABASE, "show what a refresh of a summary would do",
     "Shows the partitions that a refresh would recompute and the query plans with which it\n"
     "would do so, and names the index that would help where one is missing."},
    {"prune", verb_prune, "DATABASE", 0, 0,
     OPTION_DATABASE | OPTION_DRY_RUN | OPTION_MAX_TIME | OPTION_LOCK_MS | OPTION_TEXTFILE,
     "delete raw rows that are old and summarized",
     "Deletes the raw rows that are older than WITH (keep_raw = ...) of a summary says, once every\n"
     "summary of their table has stored them, and freezes what is stored of their time. With\n"
     "--dry-run it only says what would go. For cron, after a backup:\n"
     "  30 3 * * *  almanac prune DATABASE"},
    {"drop", verb_drop, "DATABASE NAME... | --all", 1, -1, OPTION_DATABASE | OPTION_DRY_RUN | OPTION_ALL,
     "remove summaries, with all that belongs to them",
     "Removes the named summaries: the view, the stored rows and, with the last one on a table,\n"
     "its triggers. With --all nothing of Almanac stays in the database."},
    {"pause", verb_pause, "DATABASE", 0, 0, OPTION_DATABASE | OPTION_DRY_RUN,
     "take triggers and views away for a table rebuild",
     "Migrations that rebuild a table (Alembic's batch mode, Django, `ALTER TABLE` by copying)\n"
     "fail on triggers and views that name it. pause takes them away; `almanac resume` puts\n"
     "them back and marks everything as changed."},
    {"resume", verb_resume, "DATABASE", 0, 0, OPTION_DATABASE | OPTION_DRY_RUN,
     "put back what pause took away",
     "Puts the triggers and views back that `almanac pause` took away. As nobody watched the\n"
     "tables meanwhile, everything counts as changed: the next refresh recomputes it."},
    {"help", NULL, "[COMMAND]", 0, 1, 0, "show this overview, or the help of a command",
     "`almanac COMMAND --help` does the same."},
    {"version", NULL, "", 0, 0, 0, "show the versions of Almanac and SQLite",
     "`almanac --version` does the same."},
    {0},
};

static void print_overview(FILE *out) {
  fprintf(out,
          "almanac %s keeps summaries ready in tables of a SQLite database.\n\n"
          "usage: almanac COMMAND DATABASE ... [options]\n\n",
          ALMANAC_VERSION);
  for (const struct command *command = commands; command->name; command++)
    fprintf(out, "  %-8s  %s\n", command->name, command->summary);
  fputs("\n`almanac help COMMAND` tells more. The exit code is 0 when all is done, 1 after a failure, 2 for\n"
        "a mistake on the command line, 3 when some summaries failed, 10 without a database, 11 when it\n"
        "stayed locked, 130 when interrupted.\n",
        out);
}

static void print_help(const struct command *command) {
  printf("usage: almanac %s %s%s[options]\n\n%s\n\noptions:\n", command->name, command->operands,
         *command->operands ? " " : "", command->description);
  options_print(command);
}

/* Says the error; where a program asked for JSON, on standard output as well. */
static int report(const struct settings *settings, const char *error, int code) {
  if (!error) error = "out of memory";
  talk_error(error);
  if (!settings->json) return code;
  struct json_text json = {0};
  json_put_text(&json, "{\"error\":");
  json_put_string(&json, error);
  json_put_text(&json, ",\"code\":");
  json_put_integer(&json, code);
  json_put_text(&json, "}\n");
  if (!json.failed) fwrite(json.text, 1, json.length, stdout);
  json_free(&json);
  return code;
}

static int help(const struct settings *settings) {
  if (settings->n_operands == 0) {
    print_overview(stdout);
    return CODE_DONE;
  }
  const struct command *command = options_find(commands, settings->operands[0]);
  if (command) {
    print_help(command);
    return CODE_DONE;
  }
  char *error = options_unknown(commands, settings->operands[0]);
  int code = report(settings, error, CODE_USAGE);
  sqlite3_free(error);
  return code;
}

static int version(const struct settings *settings) {
  const char *format =
      settings->json ? "{\"almanac\":\"%s\",\"sqlite\":\"%s\"}\n" : "almanac %s, SQLite %s\n";
  printf(format, ALMANAC_VERSION, sqlite3_libversion());
  return CODE_DONE;
}

/* Opened for writing whatever the command: after a crash even `status` cannot read before SQLite has rolled
   the journal back. A file that cannot be written is opened for reading by SQLite itself. */
static int run(const struct command *command, struct settings *settings) {
  struct engine engine;
  struct jobs jobs;
  int code = CODE_FAILED;
  if (!jobs_fork(&jobs, settings)) return refresh_by_order(&jobs, settings);
  double started_s = engine_clock_s();
  bool opened = engine_open(&engine, settings);
  if (opened) code = command->run(&engine);
  if (settings->every_s > 0 && engine_interrupted())
    code = CODE_DONE; /* a signal is how it is ended, wherever it came */
  else if (!engine_ok(&engine))
    code = report(settings, engine.error, engine.code);
  /* With --every each run has written its own. */
  if (!opened || settings->every_s <= 0) code = textfile_write(&engine, code, started_s);
  engine_close(&engine);
  jobs_dismiss(&jobs);
  return code;
}

/* Output that did not arrive, on a full disk, say, is no success. */
static int finish(int code) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  fprintf(stderr, "almanac: cannot write to standard output: %s\n", strerror(errno));
  return code ? code : CODE_FAILED;
}

int main(int n_arguments, char **arguments) {
  struct settings settings;
  char *error;
  setvbuf(stdout, NULL, _IOLBF,
          0); /* who reads `refresh --every --json` wants each line when it is written */
  if (n_arguments < 2) {
    print_overview(stderr);
    return CODE_USAGE;
  }
  const struct command *command = options_read(n_arguments, arguments, commands, &settings, &error);
  if (!command) {
    int code = report(&settings, error, CODE_USAGE);
    sqlite3_free(error);
    return finish(code);
  }
  if (command->run) return finish(run(command, &settings));
  return finish(strcmp(command->name, "help") == 0 ? help(&settings) : version(&settings));
}
