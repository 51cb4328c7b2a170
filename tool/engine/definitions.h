/*
** A definitions file: CREATE, REFRESH and DROP MATERIALIZED VIEW, and other SQL as it stands.
*/
#ifndef ALMANAC_DEFINITIONS_H
#define ALMANAC_DEFINITIONS_H
#include "tool/engine/engine.h"
#include <stdbool.h>
#include <stddef.h>

enum statement_type { STATEMENT_CREATE, STATEMENT_REFRESH, STATEMENT_DROP, STATEMENT_SQL };

/* One option of WITH (name = value, ...). The value is what stands after the = up to the comma or the
   closing parenthesis at the same depth, a single string without its quotes: 'panel_id, layer', 90, auto. */
struct definition_option {
  char *name; /* in lower case */
  char *value;
};

struct statement {
  enum statement_type type;
  bool if_exists; /* IF [NOT] EXISTS was written */
  char *name;     /* of the summary, unquoted; NULL for STATEMENT_SQL */
  struct definition_option *options;
  size_t n_options;
  char *select; /* STATEMENT_CREATE: the SELECT as written, without the final semicolon, blanks trimmed */
  char *text;   /* the whole statement as written, without blanks and comments around it and its semicolon */
  int line;     /* where the statement starts in its file, from 1 */
  int column;
  int select_line; /* where the SELECT starts in its file, so that an offset in it can be shown */
  int select_column;
};

struct definitions {
  char *file; /* the file's name, for messages; "-" for standard input */
  struct statement *statements;
  size_t n;
};

/*
** Reads the definitions in `text`. On a mistake engine_fail(engine, CODE_FAILED, "FILE:LINE:COLUMN: ...")
** says what was expected and what was found. `DROP MATERIALIZED VIEW a, b` gives two statements. BEGIN,
** COMMIT, END, ROLLBACK, SAVEPOINT, RELEASE, VACUUM, ATTACH, DETACH, a PRAGMA and parameters are refused:
** "apply runs the file as one transaction". CREATE TRIGGER bodies keep their semicolons. A shell's dot
** command gets a message of its own. engine->db is asked which words are keywords; nothing else is looked
** up.
*/
bool definitions_read(struct engine *engine, const char *file, const char *text, struct definitions *out);
void definitions_free(struct definitions *definitions);

/* The line and column in the file of byte `offset` within statement->select (for statements without one,
   within statement->text), as "FILE:LINE:COLUMN". sqlite3_malloc'ed; NULL when out of memory. */
char *definitions_place(const struct definitions *definitions, const struct statement *statement,
                        size_t offset);

#endif
