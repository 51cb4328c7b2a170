/*
** A strict reader of JSON (RFC 8259), one value after the other, without building a tree.
** Errors stick: `problem` says what is wrong at byte `at`, and every further call fails.
** Plain C: no SQLite here.
*/
#ifndef ALMANAC_JSON_READ_H
#define ALMANAC_JSON_READ_H
#include "ext/kernel/json_write.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MOST 100 /* arrays and objects within each other */

struct json_reader {
  const char *text;
  size_t length, at;
  const char *problem; /* NULL while all is well */
};

enum json_kind { JSON_BAD, JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_number {
  bool is_integer; /* no point, no exponent, and it fits */
  int64_t integer;
  double real; /* the nearest double, in both cases */
};

/* What the next value is, by its first character; JSON_BAD (and a problem) if none can start here. */
enum json_kind json_peek(struct json_reader *reader);

/* Enters an array or object whose kind json_peek has told. */
void json_enter(struct json_reader *reader);
/*
** In an array or object that ends with `close`: true if another element (or key) follows, false at its end,
** which is then passed, and on errors. `count` is 0 at first and counts the elements.
*/
bool json_more(struct json_reader *reader, char close, size_t *count);
/* After a key: passes the colon. */
void json_colon(struct json_reader *reader);

bool json_read_number(struct json_reader *reader, struct json_number *number);
/* Appends the string's content to `out` (NULL: only checks it). */
bool json_read_string(struct json_reader *reader, struct json_text *out);
/* Passes any value, and checks it. */
bool json_skip(struct json_reader *reader);
/* Checks that nothing but blanks follows. */
bool json_end(struct json_reader *reader);
/* Sets the problem, unless there is one; returns false. */
bool json_fail(struct json_reader *reader, const char *problem);

#endif
