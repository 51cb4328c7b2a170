/*
** The SQL functions of the extension, by owning file. Each is documented at its definition.
** SQLITE_EXTENSION_INIT3 refers to the API pointer that init.c owns (nothing under SQLITE_CORE).
*/
#ifndef ALMANAC_FUNCTION_H
#define ALMANAC_FUNCTION_H
#include "ext/kernel/json_write.h"
#include <sqlite3ext.h>
#include <stdbool.h>
#include <stdint.h>
SQLITE_EXTENSION_INIT3

/* JSON's subtype, as SQLite's own JSON functions mark their results. */
#define JSON_SUBTYPE 74

/* error.c */
void function_error(sqlite3_context *context, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *value_for_message(sqlite3_value *value);
char *text_for_message(const char *text, uint32_t length);

/* parameter.c */
bool parameter_whole(sqlite3_value *value, int64_t *whole);
void json_result(sqlite3_context *context, struct json_text *json);

/* density_grid.c: the steps for 4, 8 and 9 arguments */
void density_grid_step(sqlite3_context *, int, sqlite3_value **);
void density_grid_step_range(sqlite3_context *, int, sqlite3_value **);
void density_grid_step_weight(sqlite3_context *, int, sqlite3_value **);
void density_grid_final(sqlite3_context *);
void density_grid_trace_final(sqlite3_context *);

/* density_grid_parameters.c: NULL among what is given counts as an SQL NULL */
bool grid_bins(const char *name, sqlite3_value *const given[2], double bins[2], char **error);
bool grid_axis_range(const char *name, bool is_y, sqlite3_value *const given[2], double range[2],
                     char **error);
bool grid_range(const char *name, sqlite3_value *const given[4], double range[4], char **error);
bool grid_width_fits(const char *name, const double range[4], char **error);

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

/* lttb.c */
void lttb_step(sqlite3_context *, int, sqlite3_value **);
void lttb_final(sqlite3_context *);

/* time_bucket.c */
void time_bucket_call(sqlite3_context *, int, sqlite3_value **);

/* threads.c: user data is the connection's settings */
void almanac_threads_call(sqlite3_context *, int, sqlite3_value **);

/* live.c */
void almanac_live_call(sqlite3_context *, int, sqlite3_value **);

/* version.c */
void almanac_version_call(sqlite3_context *, int, sqlite3_value **);

#endif
