#include "tool/options.h"
#include "tool/jobs.h"
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values: each reader fills the settings, or returns what the value should have been ---- */

/* A plain decimal number at the start of *text, which is moved behind it. strtod alone would take "inf", hex
   digits and a leading blank as well. */
static bool read_decimal(const char **text, double *value) {
  size_t n = strspn(*text, "0123456789.");
  char *end;
  *value = strtod(*text, &end);
  bool whole = n > 0 && end == *text + n;
  *text += n;
  return whole;
}

static bool read_duration(const char *text, double *seconds) {
  static const struct {
    const char *name;
    double seconds;
  } units[] = {{"ms", 0.001}, {"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}};
  double count;
  if (!read_decimal(&text, &count)) return false;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    if (strcmp(text, units[i].name) != 0) continue;
    *seconds = count * units[i].seconds;
    return true;
  }
  return false;
}

static const char a_duration[] = "a time above zero with its unit, such as 500ms, 30s, 5m or 1h";

static const char *read_max_time(struct settings *settings, const char *text) {
  return read_duration(text, &settings->max_time_s) && settings->max_time_s > 0 ? NULL : a_duration;
}

static const char *read_every(struct settings *settings, const char *text) {
  return read_duration(text, &settings->every_s) && settings->every_s > 0 ? NULL : a_duration;
}

static const char *read_busy_timeout(struct settings *settings, const char *text) {
  double seconds;
  if (!read_duration(text, &seconds)) return "a time with its unit, such as 0s, 500ms, 30s or 5m";
  if (seconds >= INT_MAX / 1000) return "at most 24d";
  settings->busy_timeout_ms = (int)(seconds * 1000 + 0.5);
  return NULL;
}

static const char *read_lock_ms(struct settings *settings, const char *text) {
  double ms;
  if (!read_decimal(&text, &ms) || *text || ms < 1 || ms > 60000 || ms != (int)ms)
    return "a whole number of milliseconds from 1 to 60000";
  settings->lock_ms = (int)ms;
  return NULL;
}

static const char *read_jobs(struct settings *settings, const char *text) {
  double jobs;
  if (!read_decimal(&text, &jobs) || *text || jobs < 1 || jobs > JOBS_MAX || jobs != (int)jobs)
    return "a whole number of processes from 1 to 64";
  settings->jobs = (int)jobs;
  return NULL;
}

static const char *read_share(double *share, const char *text) {
  double percent;
  if (!read_decimal(&text, &percent) || strcmp(text, "%") != 0 || percent <= 0 || percent > 100)
    return "a share above 0% and up to 100%, such as 50%";
  *share = percent / 100;
  return NULL;
}

static const char *read_duty(struct settings *settings, const char *text) {
  return read_share(&settings->duty, text);
}

static const char *read_sample(struct settings *settings, const char *text) {
  return read_share(&settings->sample, text);
}

static const char *read_seed(struct settings *settings, const char *text) {
  double seed;
  if (!read_decimal(&text, &seed) || *text || seed < 1 || seed > 1e15 || seed != (double)(int64_t)seed)
    return "a whole number from 1 on";
  settings->seed = (int64_t)seed;
  return NULL;
}

/* A number as the time column has them, or ISO text; SQLite looks closer. */
static const char *read_since(struct settings *settings, const char *text) {
  const char *number = text + (*text == '-');
  double value;
  bool is_date = strspn(text, "0123456789") == 4 && text[4] == '-';
  settings->since = text;
  return is_date || (read_decimal(&number, &value) && !*number)
             ? NULL
             : "a time such as 2026-01-31 or '2026-01-31 18:00:00', or a number as the time column has them";
}

static const char *read_textfile(struct settings *settings, const char *text) {
  settings->textfile = text;
  return *text ? NULL : "the path of a file, such as /var/lib/prometheus/node-exporter/almanac.prom";
}

/* ---- the options ---- */

static const struct option_row {
  const char *name;
  const char *value; /* what the help calls its value; NULL for a flag */
  unsigned commands; /* the bit of the commands that have it; 0: all */
  size_t flag;       /* where in the settings a flag is; 0 for what is none, for the verb stands there */
  const char *(*read)(struct settings *settings, const char *text);
  const char *help;
} rows[] = {
    {"full", NULL, OPTION_FULL, offsetof(struct settings, full), NULL,
     "recompute every partition, not only the changed ones"},
    {"every", "30s", OPTION_EVERY, 0, read_every, "stay and refresh again and again, until SIGTERM"},
    {"sample", "5%", OPTION_VERIFY, 0, read_sample, "look at this share of the partitions, at random"},
    {"seed", "1", OPTION_VERIFY, 0, read_seed, "of that randomness, to have the same sample again"},
    {"since", "2026-01-31", OPTION_VERIFY, 0, read_since, "look at the partitions from this time on"},
    {"duty", "50%", OPTION_DUTY, 0, read_duty, "work at most this share of the time"},
    {"max-time", "30s", OPTION_MAX_TIME, 0, read_max_time, "stop after this time; the next run carries on"},
    {"lock-ms", "50", OPTION_LOCK_MS, 0, read_lock_ms, "hold the write lock about this long at most"},
    {"jobs", "2", OPTION_JOBS, 0, read_jobs, "share the work among this many processes"},
    {"textfile", "PATH", OPTION_TEXTFILE, 0, read_textfile, "write metrics for Prometheus' node_exporter"},
    {"all", NULL, OPTION_ALL, offsetof(struct settings, all), NULL,
     "drop every summary and every trace of Almanac"},
    {"dry-run", NULL, OPTION_DRY_RUN, offsetof(struct settings, dry_run), NULL,
     "print the SQL and change nothing"},
    {"busy-timeout", "5s", OPTION_DATABASE, 0, read_busy_timeout, "wait this long for a locked database"},
    {"json", NULL, 0, offsetof(struct settings, json), NULL, "write JSON to standard output"},
    {"quiet", NULL, 0, offsetof(struct settings, quiet), NULL, "say nothing but errors"},
    {"verbose", NULL, 0, offsetof(struct settings, verbose), NULL,
     "say what is done, also where no terminal listens"},
    {"help", NULL, 0, 0, NULL, "show the help of the command"},
    {"version", NULL, 0, 0, NULL, NULL},
};

enum { N_ROWS = sizeof rows / sizeof *rows, FIRST_LONG = 256, NAME_MAX_LENGTH = 32 };

/* What is known while the command line is read. */
struct reading {
  const struct command *commands;
  struct settings *settings;
  char **error;
  bool given[N_ROWS];
};

/* Always false, for `return fail(...)`. */
static bool fail(struct reading *reading, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  *reading->error = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  return false;
}

/* ---- names that are nearly right ---- */

static int least(int a, int b) {
  return a < b ? a : b;
}

/* Letters to insert, remove, replace or swap with their neighbour to make `a` into `b`. */
static int distance(const char *a, const char *b) {
  int d[NAME_MAX_LENGTH + 1][NAME_MAX_LENGTH + 1];
  int n = (int)strlen(a), m = (int)strlen(b);
  if (n > NAME_MAX_LENGTH || m > NAME_MAX_LENGTH) return INT_MAX;
  for (int i = 0; i <= n; i++) {
    for (int k = 0; k <= m; k++) {
      d[i][k] = i + k;
      if (i == 0 || k == 0) continue;
      d[i][k] = least(d[i - 1][k - 1] + (a[i - 1] != b[k - 1]), least(d[i - 1][k], d[i][k - 1]) + 1);
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
        d[i][k] = least(d[i][k], d[i - 2][k - 2] + 1);
    }
  }
  return d[n][m];
}

/* Two slips, or the start of the name. */
static bool is_near(const char *given, const char *name) {
  size_t n = strlen(given);
  return distance(given, name) <= (n > 3 ? 2 : 1) || (n >= 2 && strncmp(given, name, n) == 0);
}

char *options_unknown(const struct command *commands, const char *name) {
  const struct command *nearest = NULL;
  for (const struct command *command = commands; command->name; command++)
    if (is_near(name, command->name) &&
        (!nearest || distance(name, command->name) < distance(name, nearest->name)))
      nearest = command;
  if (nearest) return sqlite3_mprintf("unknown command %s: did you mean %s?", name, nearest->name);
  return sqlite3_mprintf("unknown command %s: `almanac help` lists them", name);
}

static bool fail_unknown_option(struct reading *reading, const char *given) {
  const char *name = given + strspn(given, "-");
  for (size_t i = 0; i < N_ROWS; i++)
    if (is_near(name, rows[i].name))
      return fail(reading, "unknown option %s: did you mean --%s?", given, rows[i].name);
  return fail(reading, "unknown option %s: `almanac help COMMAND` lists them", given);
}

const struct command *options_find(const struct command *commands, const char *name) {
  for (; commands->name; commands++)
    if (strcmp(commands->name, name) == 0) return commands;
  return NULL;
}

/* ---- reading ---- */

static bool read_option(struct reading *reading, size_t row, const char *text) {
  reading->given[row] = true;
  if (rows[row].flag) *(bool *)((char *)reading->settings + rows[row].flag) = true;
  const char *expected = rows[row].read ? rows[row].read(reading->settings, text) : NULL;
  return !expected || fail(reading, "--%s must be %s, not '%s'", rows[row].name, expected, text);
}

static size_t row_of(const char *name) {
  size_t row = 0;
  while (strcmp(rows[row].name, name) != 0) row++;
  return row;
}

static bool read_options(struct reading *reading, int n_arguments, char **arguments) {
  struct option longs[N_ROWS + 1] = {0};
  for (int i = 0; i < N_ROWS; i++)
    longs[i] =
        (struct option){rows[i].name, rows[i].value ? required_argument : no_argument, NULL, FIRST_LONG + i};
  opterr = 0; /* the messages are ours */
  for (;;) {
    int read = getopt_long(n_arguments, arguments, ":hqv", longs, NULL);
    size_t row = (size_t)(read - FIRST_LONG);
    if (read == -1) return true;
    if (read == ':' || (read == '?' && optopt >= FIRST_LONG)) {
      const struct option_row *option = &rows[optopt - FIRST_LONG];
      if (read == '?') return fail(reading, "--%s takes no value", option->name);
      return fail(reading, "--%s needs a value, such as --%s %s", option->name, option->name, option->value);
    }
    if (read == '?' && optopt) return fail(reading, "unknown option -%c: `almanac help` lists them", optopt);
    if (read == '?') return fail_unknown_option(reading, arguments[optind - 1]);
    if (read == 'h') row = row_of("help");
    if (read == 'q') row = row_of("quiet");
    if (read == 'v') row = row_of("verbose");
    if (!read_option(reading, row, optarg)) return false;
  }
}

static bool check_options(struct reading *reading, const struct command *command) {
  for (size_t i = 0; i < N_ROWS; i++) {
    if (!reading->given[i] || !rows[i].commands || (rows[i].commands & command->options)) continue;
    const struct command *other = reading->commands;
    while (!(other->options & rows[i].commands)) other++;
    return fail(reading, "%s has no --%s: that is for %s", command->name, rows[i].name, other->name);
  }
  if (reading->settings->quiet && reading->settings->verbose)
    return fail(reading, "--quiet and --verbose: choose one");
  return true;
}

static bool check_operands(struct reading *reading, const struct command *command) {
  const struct settings *settings = reading->settings;
  if (!settings->database && command->run)
    return fail(reading, "which database? almanac %s %s", command->name, command->operands);
  if (settings->all && settings->n_operands)
    return fail(reading, "--all and %s: choose one", settings->operands[0]);
  if (settings->n_operands < command->operands_min && !settings->all)
    return fail(reading, "%s needs more: almanac %s %s", command->name, command->name, command->operands);
  if (command->operands_max >= 0 && settings->n_operands > command->operands_max)
    return fail(reading, "'%s' is too much: almanac %s %s", settings->operands[command->operands_max],
                command->name, command->operands);
  return true;
}

/* The command is the first operand; --help and --version stand for commands of their names. */
static const struct command *find_command(struct reading *reading, int n, char **operands) {
  const char *name = n ? operands[0] : NULL;
  bool is_help = reading->given[row_of("help")];
  if (is_help || reading->given[row_of("version")]) {
    reading->settings->operands = operands;
    reading->settings->n_operands = is_help && n ? 1 : 0;
    return options_find(reading->commands, is_help ? "help" : "version");
  }
  const struct command *command = name ? options_find(reading->commands, name) : NULL;
  if (!name) {
    fail(reading, "which command? `almanac help` lists them");
  } else if (!command && n > 1 && options_find(reading->commands, operands[1])) {
    fail(reading, "the command comes first: almanac %s %s", operands[1], operands[0]);
  } else if (!command) {
    *reading->error = options_unknown(reading->commands, name);
  } else {
    int database = command->run && n > 1;
    reading->settings->database = database ? operands[1] : NULL;
    reading->settings->operands = operands + 1 + database;
    reading->settings->n_operands = n - 1 - database;
  }
  return command;
}

const struct command *options_read(int n_arguments, char **arguments, const struct command *commands,
                                   struct settings *settings, char **error) {
  *settings = (struct settings){.duty = 1, .sample = 1, .busy_timeout_ms = 5000, .lock_ms = 50, .jobs = 1};
  *error = NULL;
  struct reading reading = {.commands = commands, .settings = settings, .error = error};
  if (!read_options(&reading, n_arguments, arguments)) return NULL;
  const struct command *command = find_command(&reading, n_arguments - optind, arguments + optind);
  if (!command) return NULL;
  settings->verb = command->name;
  if (reading.given[row_of("help")]) return command;
  return check_options(&reading, command) && check_operands(&reading, command) ? command : NULL;
}

void options_print(const struct command *command) {
  for (size_t i = 0; i < N_ROWS; i++) {
    if (!rows[i].help || (rows[i].commands && !(rows[i].commands & command->options))) continue;
    char left[NAME_MAX_LENGTH];
    const char *value = rows[i].value;
    snprintf(left, sizeof left, "--%s%s%s", rows[i].name, value ? " " : "", value ? value : "");
    printf("  %-18s  %s\n", left, rows[i].help);
  }
}
