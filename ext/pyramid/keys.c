/* The value of the key: as it is for one key column, a JSON array for several. */
#include "ext/function/function.h"
#include "ext/kernel/json_read.h"
#include "ext/pyramid/pyramid.h"
#include <stdlib.h>

/* "sensor_id", "site, sensor_id"; to be freed by sqlite3_free. */
static char *key_names(const struct pyramid *zoom) {
  char *names = sqlite3_mprintf("%s", zoom->n_keys ? zoom->keys[0] : "");
  for (int key = 1; key < zoom->n_keys && names; key++)
    names = sqlite3_mprintf("%z, %s", names, zoom->keys[key]);
  return names;
}

static bool fail_key(struct pyramid_call *call, sqlite3_value *given) {
  char *names = key_names(call->zoom), *shown = given ? value_for_message(given) : NULL;
  const char *name = call->zoom->name;
  if (call->zoom->n_keys == 0)
    pyramid_fail(call, "%s has no key columns: leave the key out, %s", name, shown);
  else if (call->zoom->n_keys == 1)
    pyramid_fail(call, "%s is kept for each %s apart: give its value as the last argument", name, names);
  else
    pyramid_fail(
        call,
        "%s is kept for each (%s) apart: give a JSON array of their %d values as the last argument, not %s",
        name, names, call->zoom->n_keys, shown ? shown : "NULL");
  sqlite3_free(names);
  sqlite3_free(shown);
  return false;
}

static void key_of_value(struct pyramid_key *key, sqlite3_value *value) {
  *key = (struct pyramid_key){.type = sqlite3_value_type(value)};
  if (key->type == SQLITE_INTEGER) {
    key->integer = sqlite3_value_int64(value);
  } else if (key->type == SQLITE_FLOAT) {
    key->real = sqlite3_value_double(value);
  } else {
    key->bytes =
        key->type == SQLITE_TEXT ? (const char *)sqlite3_value_text(value) : sqlite3_value_blob(value);
    key->length = sqlite3_value_bytes(value);
  }
}

/* A number or a string of the array; the strings are put one behind the other. */
static bool read_element(struct json_reader *reader, struct pyramid_key *key, struct json_text *texts) {
  struct json_number number;
  enum json_kind kind = json_peek(reader);
  if (kind == JSON_NUMBER) {
    if (!json_read_number(reader, &number)) return false;
    *key = (struct pyramid_key){.type = number.is_integer ? SQLITE_INTEGER : SQLITE_FLOAT,
                                .integer = number.integer,
                                .real = number.real};
    return true;
  }
  if (kind != JSON_STRING) return json_fail(reader, "a key is a number or a string");
  size_t before = texts->length;
  if (!json_read_string(reader, texts)) return false;
  *key = (struct pyramid_key){.type = SQLITE_TEXT, .length = (int)(texts->length - before)};
  return true;
}

static bool read_array(struct pyramid_call *call, sqlite3_value *value) {
  const char *json = (const char *)sqlite3_value_text(value);
  if (!json) return pyramid_check(call, SQLITE_NOMEM);
  struct json_reader reader = {.text = json, .length = (size_t)sqlite3_value_bytes(value)};
  struct json_text texts = {0};
  size_t count = 0, wanted = (size_t)call->zoom->n_keys;
  bool fine = json_peek(&reader) == JSON_ARRAY;
  if (fine) json_enter(&reader);
  while (fine && json_more(&reader, ']', &count))
    fine = count <= wanted && read_element(&reader, &call->keys[count - 1], &texts);
  fine = fine && count == wanted && json_end(&reader);
  call->key_texts = texts.text;
  if (texts.failed) return pyramid_check(call, SQLITE_NOMEM);
  const char *at = texts.text ? texts.text : "";
  for (size_t key = 0; fine && key < wanted; key++) {
    if (call->keys[key].type != SQLITE_TEXT) continue;
    call->keys[key].bytes = at;
    at += call->keys[key].length;
  }
  return fine || fail_key(call, value);
}

bool pyramid_take_key(struct pyramid_call *call, sqlite3_value *key) {
  int n_keys = call->zoom->n_keys;
  if (n_keys == 0) return !key || fail_key(call, key);
  if (!key) return fail_key(call, NULL);
  if (n_keys > 1)
    return (sqlite3_value_type(key) == SQLITE_TEXT && read_array(call, key)) || fail_key(call, key);
  key_of_value(&call->keys[0], key);
  return true;
}

bool pyramid_bind_keys(struct pyramid_call *call, sqlite3_stmt *statement) {
  int rc = SQLITE_OK;
  for (int i = 0; i < call->zoom->n_keys && rc == SQLITE_OK; i++) {
    const struct pyramid_key *key = &call->keys[i];
    switch (key->type) {
    case SQLITE_INTEGER:
      rc = sqlite3_bind_int64(statement, i + 1, key->integer);
      break;
    case SQLITE_FLOAT:
      rc = sqlite3_bind_double(statement, i + 1, key->real);
      break;
    case SQLITE_TEXT:
      rc = sqlite3_bind_text(statement, i + 1, key->bytes, key->length, SQLITE_STATIC);
      break;
    default:
      rc = sqlite3_bind_blob(statement, i + 1, key->length ? key->bytes : "", key->length, SQLITE_STATIC);
    }
  }
  return pyramid_check(call, rc);
}
