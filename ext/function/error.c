/* How every function says what is wrong: "lttb: n must be ..., not -3". */
#include "ext/function/function.h"
#include <stdarg.h>

/* Sets the error of `context` from an sqlite3_mprintf format. The text starts with the function's name. */
void function_error(sqlite3_context *context, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  if (!text) {
    sqlite3_result_error_nomem(context);
    return;
  }
  sqlite3_result_error(context, text, -1);
  sqlite3_free(text);
}

/* A text, which need not end with a NUL, for a message: quoted, cut after 40 bytes. Freed like the others. */
char *text_for_message(const char *text, uint32_t length) {
  return length > 40 ? sqlite3_mprintf("'%.40s...'", text) : sqlite3_mprintf("'%.*s'", (int)length, text);
}

/*
** The value as an error message shows it: NULL, 7, 1.5, 'text' (cut after 40 bytes) or a blob's size.
** The caller frees it with sqlite3_free; NULL when out of memory, which %s prints as an empty string.
*/
char *value_for_message(sqlite3_value *value) {
  switch (sqlite3_value_type(value)) {
  case SQLITE_NULL:
    return sqlite3_mprintf("NULL");
  case SQLITE_INTEGER:
    return sqlite3_mprintf("%lld", sqlite3_value_int64(value));
  case SQLITE_FLOAT:
    return sqlite3_mprintf("%!.15g", sqlite3_value_double(value));
  case SQLITE_TEXT: {
    const char *text = (const char *)sqlite3_value_text(value);
    return text_for_message(text, (uint32_t)sqlite3_value_bytes(value));
  }
  default:
    return sqlite3_mprintf("a blob of %d bytes", sqlite3_value_bytes(value));
  }
}
