/*
** Writes JSON into a text that grows. Errors stick: write everything, then look at `failed`.
** Plain C: no SQLite here.
*/
#ifndef ALMANAC_JSON_WRITE_H
#define ALMANAC_JSON_WRITE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: empty. `text` has no NUL at its end; json_free, or free() where it has been handed on. */
struct json_text {
  char *text;
  size_t length, capacity;
  bool failed; /* out of memory */
};

void json_put(struct json_text *json, const char *text, size_t length);
void json_put_text(struct json_text *json, const char *text); /* up to its NUL, as it is */
void json_put_char(struct json_text *json, char c);
void json_put_integer(struct json_text *json, int64_t integer);
/* The shortest decimal that reads back as the same double, with a point or an exponent; it must be finite. */
void json_put_real(struct json_text *json, double real);
void json_put_string(struct json_text *json, const char *text); /* quoted, with escapes */
void json_free(struct json_text *json);                         /* leaves it empty */

#endif
