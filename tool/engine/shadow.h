/*
** Running a user's SELECT over a part of its source, without a parser: the source's name is given another
** meaning by a WITH clause, the calls of time_bucket are found and replaced by tokens, and SQLite's
** authorizer tells what is read, so that nothing reads the source past the part.
*/
#ifndef ALMANAC_SHADOW_H
#define ALMANAC_SHADOW_H
#include "ext/kernel/time_grain.h"
#include "tool/engine/engine.h"
#include "tool/engine/token.h"

/* A call time_bucket(constant, time [, 'constant' ...]) in a SELECT. */
struct bucket_call {
  size_t first;    /* its tokens: the name ... */
  size_t last;     /* ... to the closing parenthesis */
  char *time;      /* the text of the time argument */
  char *column;    /* its name where it is a plain column, else NULL */
  char *qualifier; /* as written before the column and its dot, else NULL */
  char *signature; /* width and modifiers, equal for equal grains */
  char *zone;      /* the modifier that is its zone, else NULL */
  struct time_grain *grain;
};

struct shadow {
  const char *select;
  struct token_list tokens;
  struct bucket_call *calls;
  size_t n_calls;
  bool has_limit;     /* a LIMIT outside parentheses */
  bool joins_by_name; /* NATURAL or USING: reads columns of which the authorizer isn't told */
};

/* What a statement reads and calls, by SQLite's authorizer. */
struct shadow_read {
  char *table;
  char *column; /* "" for a table of which no column is read */
  char *inner;  /* the innermost view or CTE, "" outside */
};

struct shadow_reads {
  struct engine *engine;
  struct shadow_read *reads;
  size_t n;
  char **opened; /* tables whose rows or indexes it opens: NATURAL and USING tell the authorizer nothing */
  size_t n_opened;
  bool calls_extension; /* a function or table of the extension other than time_bucket */
  bool calls_bucket;
  char *unstable; /* a function whose value changes by itself, or NULL */
};

/* Reads the tokens and finds the calls. Fails on what no summary may contain: parameters, main., now,
 * random(). */
bool shadow_read(struct engine *engine, const char *select, struct shadow *shadow);
/* Frees the tokens and the grains but for `kept`, which somebody else frees. */
void shadow_free(struct shadow *shadow, const struct time_grain *kept);

/* The SELECT with call i replaced by replacements[i] (NULL: as it is). */
char *shadow_rewrite(struct engine *engine, const struct shadow *shadow, char *const *replacements);

/* Prepares `sql` and logs what it reads. NULL on failure, in which *offset is the mistake's place or -1. */
sqlite3_stmt *shadow_prepare(struct engine *engine, const char *sql, struct shadow_reads *reads, int *offset);

/* `expression` with each name of a column of `columns` qualified by {row}: a template. NULL where it names no
 * column. */
char *shadow_expression(struct engine *engine, const char *expression, char *const *columns,
                        size_t n_columns);

/* The token's name or text, as token_value, in the arena. */
char *shadow_value(struct engine *engine, const struct token *token);

/* Splits 'a, b(c, d)' at its outer commas into trimmed texts. */
char **shadow_split(struct engine *engine, const char *list, size_t *n);

#endif
