/*
** Every SQL text of the engine lives in the sql folder; this is how the tool gets at it.
**
** A section is a template: {name} stands for a variable or, where there is none of that name, for another
** section; {name x=d.p lo={time}} gives it further variables. A variable is a literal (names of the user's)
** or a template itself (an expression with an {x} in it).
*/
#ifndef ALMANAC_SQL_TEXT_H
#define ALMANAC_SQL_TEXT_H
#include "tool/engine/engine.h"

struct sql_text {
  const char *name;
  const char *text;
};

/* All sections; the last has no name. Made from the sql folder by the build. */
extern const struct sql_text sql_texts[];

struct sql_variable {
  const char *name;
  const char *value;
  bool is_template;
  const struct sql_variable *outer; /* what to look at next */
};

/* The section with its variables replaced, in the arena. An unknown name fails the engine: a bug, not a
 * user's. */
char *sql_text(struct engine *engine, const char *section, const struct sql_variable *variables);

/* `variables` with one more in front, from the arena. */
const struct sql_variable *sql_literal(struct engine *engine, const struct sql_variable *variables,
                                       const char *name, const char *value);
const struct sql_variable *sql_template(struct engine *engine, const struct sql_variable *variables,
                                        const char *name, const char *value);

/* sql_text, run. */
bool sql_run(struct engine *engine, const char *section, const struct sql_variable *variables);

/* The section is one statement, with ?1 and ?2. */
bool sql_run_bound(struct engine *engine, const char *section, const struct sql_variable *variables,
                   int64_t first, int64_t second);

#endif
