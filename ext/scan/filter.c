/*
** A filter: conditions as a JSON object.
**
** R-1  {"column": value} is equality, to null: IS NULL; {"column": [value, ...]} to any of them; and {"column":
**      {"<": value, ...}} all of these comparisons: = != < <= > >=. "=" takes a list, too; != null is IS NOT NULL.
** R-2  Values are strings, numbers, true (1), false (0) and null. A number is an INTEGER if it has neither point nor
**      exponent and fits, else a REAL. A column that appears twice must meet both.
** R-3  A mistake is named with the byte at which it was seen, counted from 1.
*/
#include "ext/kernel/json_read.h"
#include "ext/scan/scan.h"
#include <string.h>

struct reading {
  const char *function;
  struct json_reader json;
  struct json_text scratch; /* the string that was read last */
  struct scan_filter *filter;
  size_t n_values;
  char *texts_end;
  char **error;
};

/* ---- Errors ---- */

/* Says what is wrong where the reader stands. */
static int fail(struct reading *reading, const char *column, const char *problem) {
  const struct json_reader *json = &reading->json;
  char *where = sqlite3_mprintf("at byte %lld of %lld%s%!.20s", (sqlite3_int64)json->at + 1,
                                (sqlite3_int64)json->length, json->at < json->length ? ", from here: " : "",
                                json->text + json->at);
  char *of = column ? sqlite3_mprintf("column \"%s\": ", column) : sqlite3_mprintf("");
  *reading->error =
      where && of ? sqlite3_mprintf("%s: filter: %s%s, %s", reading->function, of, problem, where) : NULL;
  sqlite3_free(where);
  sqlite3_free(of);
  return *reading->error ? SQLITE_ERROR : SQLITE_NOMEM;
}

static int fail_json(struct reading *reading) {
  if (reading->scratch.failed) return SQLITE_NOMEM;
  return fail(reading, NULL, reading->json.problem);
}

/* ---- Values ---- */

/* The next string, kept with a NUL at its end. There is room: `texts` is as long as the whole filter. */
static int read_text(struct reading *reading, const char **text, uint32_t *length) {
  reading->scratch.length = 0;
  if (!json_read_string(&reading->json, &reading->scratch) || reading->scratch.failed)
    return fail_json(reading);
  *text = reading->texts_end;
  *length = (uint32_t)reading->scratch.length;
  if (*length) memcpy(reading->texts_end, reading->scratch.text, *length);
  reading->texts_end += *length;
  *reading->texts_end++ = '\0';
  return SQLITE_OK;
}

/* A value that is neither list nor object. */
static int read_value(struct reading *reading, const char *column) {
  struct scan_value *value = &reading->filter->values[reading->n_values];
  struct json_number number;
  const char *text;
  int rc;
  switch (json_peek(&reading->json)) {
  case JSON_NULL:
    value->type = BATCH_NULL;
    break;
  case JSON_BOOLEAN:
    value->type = BATCH_INTEGER;
    value->is.integer = reading->json.text[reading->json.at] == 't';
    break;
  case JSON_NUMBER:
    if (!json_read_number(&reading->json, &number)) return fail_json(reading);
    value->type = number.is_integer ? BATCH_INTEGER : BATCH_REAL;
    if (number.is_integer)
      value->is.integer = number.integer;
    else
      value->is.real = number.real;
    reading->n_values++;
    return SQLITE_OK;
  case JSON_STRING:
    rc = read_text(reading, &text, &value->length);
    value->type = BATCH_TEXT;
    value->is.bytes = (const unsigned char *)text;
    reading->n_values++;
    return rc;
  case JSON_BAD:
    return fail_json(reading);
  default:
    return fail(reading, column,
                "a list or an object within it; write a string, a number, true, false or null");
  }
  reading->n_values++;
  return json_skip(&reading->json) ? SQLITE_OK : fail_json(reading);
}

/* A value or a list of them, which become the condition's. */
static int read_operand(struct reading *reading, const char *column, enum scan_operator operator) {
  struct scan_condition *condition = &reading->filter->conditions[reading->filter->n_conditions];
  size_t before = reading->n_values, count = 0;
  int rc = SQLITE_OK;
  if (json_peek(&reading->json) != JSON_ARRAY) {
    rc = read_value(reading, column);
  } else if (operator!= SCAN_EQUAL) {
    return fail(reading, column, "a list can only be compared by =");
  } else {
    json_enter(&reading->json);
    while (rc == SQLITE_OK && json_more(&reading->json, ']', &count)) rc = read_value(reading, column);
    if (rc == SQLITE_OK && reading->json.problem) rc = fail_json(reading);
  }
  *condition = (struct scan_condition){.column = column,
                                       .operator= operator,
                                       .values = reading->filter->values + before,
                                       .n_values = reading->n_values - before};
  reading->filter->n_conditions++;
  return rc;
}

/* ---- Columns ---- */

static int read_operator(struct reading *reading, const char *column, enum scan_operator *operator) {
  static const char *const names[] = {"=", "!=", "<", "<=", ">", ">="};
  const char *name;
  uint32_t length;
  json_peek(&reading->json); /* passes blanks */
  size_t start = reading->json.at;
  int rc = read_text(reading, &name, &length);
  if (rc != SQLITE_OK) return rc;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    *operator=(enum scan_operator) i;
    json_colon(&reading->json);
    return SQLITE_OK;
  }
  reading->json.at = start;
  return fail(reading, column, "an operator must be one of = != < <= > >=");
}

static int read_column(struct reading *reading) {
  const char *column;
  uint32_t length;
  size_t count = 0;
  enum scan_operator operator= SCAN_EQUAL;
  int rc = read_text(reading, &column, &length);
  if (rc != SQLITE_OK) return rc;
  if (strlen(column) != length) return fail(reading, column, "a NUL in its name");
  json_colon(&reading->json);
  if (json_peek(&reading->json) != JSON_OBJECT) return read_operand(reading, column, SCAN_EQUAL);
  json_enter(&reading->json);
  while (rc == SQLITE_OK && json_more(&reading->json, '}', &count)) {
    rc = read_operator(reading, column, &operator);
    if (rc == SQLITE_OK) rc = read_operand(reading, column, operator);
  }
  return rc == SQLITE_OK && reading->json.problem ? fail_json(reading) : rc;
}

static int read_filter(struct reading *reading) {
  size_t count = 0;
  int rc = SQLITE_OK;
  enum json_kind kind = json_peek(&reading->json);
  if (kind == JSON_BAD) return fail_json(reading);
  if (kind != JSON_OBJECT)
    return fail(reading, NULL, "not a JSON object, such as {\"panel_id\": 7, \"ts\": {\">=\": 100}}");
  json_enter(&reading->json);
  while (rc == SQLITE_OK && json_more(&reading->json, '}', &count)) rc = read_column(reading);
  if (rc == SQLITE_OK && !json_end(&reading->json)) rc = fail_json(reading);
  return rc;
}

/* Room for whatever a text of this length can hold: each value and each condition follows a `:`, `,` or `[`. */
static bool allocate(struct scan_filter *filter, const char *json, size_t length) {
  size_t most = 1;
  for (size_t i = 0; i < length; i++) most += json[i] == ':' || json[i] == ',' || json[i] == '[';
  filter->conditions = sqlite3_malloc64(most * sizeof *filter->conditions);
  filter->values = sqlite3_malloc64(most * sizeof *filter->values);
  filter->texts = sqlite3_malloc64(length + 1);
  return filter->conditions && filter->values && filter->texts;
}

int scan_filter_parse(const char *function, const char *json, struct scan_filter *filter, char **error) {
  *filter = (struct scan_filter){0};
  *error = NULL;
  if (!json) return SQLITE_OK;
  size_t length = strlen(json);
  struct reading reading = {
      .function = function, .json = {.text = json, .length = length}, .filter = filter, .error = error};
  int rc = SQLITE_NOMEM;
  if (allocate(filter, json, length)) {
    reading.texts_end = filter->texts;
    rc = read_filter(&reading);
  }
  json_free(&reading.scratch);
  if (rc != SQLITE_OK) scan_filter_free(filter);
  return rc;
}

void scan_filter_free(struct scan_filter *filter) {
  sqlite3_free(filter->conditions);
  sqlite3_free(filter->values);
  sqlite3_free(filter->texts);
  *filter = (struct scan_filter){0};
}
