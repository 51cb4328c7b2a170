/*
** The command line: `almanac COMMAND DATABASE ...` with options anywhere, read into struct settings.
*/
#ifndef ALMANAC_OPTIONS_H
#define ALMANAC_OPTIONS_H
#include "tool/engine/engine.h"

/* The options that only some commands have. */
enum option_set {
  OPTION_FULL = 1 << 0,
  OPTION_EVERY = 1 << 1,
  OPTION_DUTY = 1 << 2,
  OPTION_MAX_TIME = 1 << 3,
  OPTION_LOCK_MS = 1 << 4,
  OPTION_ALL = 1 << 5,
  OPTION_DRY_RUN = 1 << 6,
  OPTION_DATABASE = 1 << 7, /* what every command has that works on a database */
  OPTION_JOBS = 1 << 8,
  OPTION_TEXTFILE = 1 << 9,
  OPTION_VERIFY = 1 << 10 /* which partitions to look at */
};

/* One command of the tool: a row of the table in main.c. */
struct command {
  const char *name;
  int (*run)(struct engine *engine); /* NULL for help and version, which need no database */
  const char *operands;              /* what follows the command's name, for the usage line */
  int operands_min;                  /* after the database */
  int operands_max;                  /* -1: any number */
  unsigned options;                  /* of enum option_set */
  const char *summary;               /* one line for the overview */
  const char *description;           /* what `almanac help COMMAND` says below the usage line */
};

/*
** Reads the command line. The result is the command to run; help and version have no database to open, and
** `almanac COMMAND --help` gives help with the command as its operand. NULL after a mistake, with the reason
** and the remedy in *error (sqlite3_malloc'ed, NULL when out of memory). The settings point into `arguments`.
** `commands` ends with a row without a name.
*/
const struct command *options_read(int n_arguments, char **arguments, const struct command *commands,
                                   struct settings *settings, char **error);

/* The command of that name, or NULL. */
const struct command *options_find(const struct command *commands, const char *name);

/* The mistake of a name that is no command, with the nearest one; sqlite3_malloc'ed. */
char *options_unknown(const struct command *commands, const char *name);

/* Prints one line for every option that the command has. */
void options_print(const struct command *command);

#endif
