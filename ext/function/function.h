/*
** The SQL functions of the extension, by owning file. Each is documented at its definition.
** SQLITE_EXTENSION_INIT3 refers to the API pointer that init.c owns (nothing under SQLITE_CORE).
*/
#ifndef ALMANAC_FUNCTION_H
#define ALMANAC_FUNCTION_H
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3

/* JSON's subtype, as SQLite's own JSON functions mark their results. */
#define JSON_SUBTYPE 74

/* error.c */
void function_error(sqlite3_context *context, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *value_for_message(sqlite3_value *value);

/* drawdown.c */
void drawdown_step(sqlite3_context *, int, sqlite3_value **);
void drawdown_inverse(sqlite3_context *, int, sqlite3_value **);
void drawdown_value(sqlite3_context *);
void drawdown_final(sqlite3_context *);
void rolling_drawdown_step(sqlite3_context *, int, sqlite3_value **);
void rolling_drawdown_value(sqlite3_context *);
void rolling_drawdown_final(sqlite3_context *);

/* local_time.c */
void local_time_call(sqlite3_context *, int, sqlite3_value **);

/* time_bucket.c */
void time_bucket_call(sqlite3_context *, int, sqlite3_value **);

/* version.c */
void almanac_version_call(sqlite3_context *, int, sqlite3_value **);

#endif
