/*
** Where buckets start: the boundaries that all time summaries of a track have in common. A time here is a value of the
** source's time column, and so is a boundary.
*/
#ifndef ALMANAC_BOUNDARY_H
#define ALMANAC_BOUNDARY_H
#include "tool/engine/catalog.h"

struct moment {
  int type; /* SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT; SQLITE_NULL: none */
  int64_t integer;
  double real;
  char *text;
};

bool moment_less(const struct moment *a, const struct moment *b);
struct moment moment_column(struct engine *engine, sqlite3_stmt *statement, int i);
void moment_bind(struct engine *engine, sqlite3_stmt *statement, int i, const struct moment *moment);

/* The single value that `section` gives, with ?1 and ?2 bound. */
struct moment moment_ask(struct engine *engine, const char *section, const struct sql_variable *variables,
                         const struct moment *first, int64_t second);

/* The summaries of one track that read its raw rows and can be derived; free with boundaries_close. */
struct boundaries {
  const struct summary **summaries;
  const struct sql_variable **variables;
  sqlite3_stmt **before, **after; /* of each */
  size_t n;
};
bool boundaries_open(struct engine *engine, const struct catalog *catalog, int64_t track,
                     struct boundaries *boundaries);
void boundaries_close(struct engine *engine, struct boundaries *boundaries);

/* The newest boundary of all not after `at`; none where it isn't known (beyond the table of a time zone). Fails where
   two summaries share none. */
struct moment boundary_floor(struct engine *engine, const struct boundaries *boundaries, struct moment at);

/* The oldest boundary of all after `at`, at most `limit`, which is one. */
struct moment boundary_next(struct engine *engine, const struct boundaries *boundaries, struct moment at,
                            struct moment limit);

/* Seconds as a time of the first summary's column, and a time as people read it. */
struct moment boundary_of_seconds(struct engine *engine, const struct boundaries *boundaries,
                                  int64_t seconds);
char *boundary_shown(struct engine *engine, const struct boundaries *boundaries, const struct moment *moment);

#endif
