/* Parameters of functions, and JSON results: what several families share. */
#include "ext/function/function.h"
#include <stdlib.h>

/*
** The whole number that `value` is: an INTEGER, or a REAL such as 100.0 (some clients, better-sqlite3 for
** one, bind every number as REAL). False for everything else; text is not converted.
*/
bool parameter_whole(sqlite3_value *value, int64_t *whole) {
  const double two_to_63 = 9223372036854775808.0;
  int type = sqlite3_value_type(value);
  if (type == SQLITE_INTEGER) {
    *whole = sqlite3_value_int64(value);
    return true;
  }
  if (type != SQLITE_FLOAT) return false;
  double real = sqlite3_value_double(value);
  if (!(real >= -two_to_63 && real < two_to_63)) return false;
  *whole = (int64_t)real;
  return (double)*whole == real;
}

/* Makes the finished text the function's result, with JSON's subtype, and leaves `json` empty. */
void json_result(sqlite3_context *context, struct json_text *json) {
  if (json->failed) {
    json_free(json);
    sqlite3_result_error_nomem(context);
    return;
  }
  sqlite3_result_text64(context, json->text, json->length, free, SQLITE_UTF8);
  sqlite3_result_subtype(context, JSON_SUBTYPE);
  *json = (struct json_text){0};
}
