/*
** The extension's entry point and the one table that registers everything in it.
**
** A new function is one file in function/ or table/ (or a place in its family's file), its declaration in
** function/function.h or table/table.h, one row here, one test and one line in README.md.
*/
#include "ext/init.h"
#include "ext/function/function.h"
#include "ext/kernel/time_zone.h"
#include "ext/settings.h"
#include "ext/table/table.h"
#include "ext/version.h"
#include <stddef.h>
#include <string.h>

SQLITE_EXTENSION_INIT1

/* Added in SQLite 3.45; older versions ignore the bit. */
#ifndef SQLITE_RESULT_SUBTYPE
#define SQLITE_RESULT_SUBTYPE 0x001000000
#endif

#define PURE (SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS)
#define JSON (PURE | SQLITE_RESULT_SUBTYPE)
#define RUNS (SQLITE_UTF8 | SQLITE_DIRECTONLY)
#define ZONE (PURE | GETS_ZONES)
#define SETS (RUNS | GETS_SETTINGS)

/* Not SQLite's: the function's user data is a cache of time zones, or the connection's settings. */
#define GETS_ZONES    0x40000000
#define GETS_SETTINGS 0x20000000

typedef void (*sql_function)(sqlite3_context *, int, sqlite3_value **);
typedef void (*sql_result)(sqlite3_context *);

/*
** Scalars have `call`; aggregates `step` and `final`; window functions `value` and `inverse` as well.
** sqlite3_user_data() of scalars and aggregates is their name (with GETS_ZONES: the zones; with GETS_SETTINGS:
** the settings).
*/
static const struct {
  const char *name;
  int n_arg;
  int flags;
  sql_function call;
  sql_function step;
  sql_result final;
  sql_result value;
  sql_function inverse;
} functions[] = {
    {"density_grid", 4, JSON, 0, density_grid_step, density_grid_final, 0, 0},
    {"density_grid", 8, JSON, 0, density_grid_step_range, density_grid_final, 0, 0},
    {"density_grid", 9, JSON, 0, density_grid_step_weight, density_grid_final, 0, 0},
    {"density_grid_trace", 4, JSON, 0, density_grid_step, density_grid_trace_final, 0, 0},
    {"density_grid_trace", 8, JSON, 0, density_grid_step_range, density_grid_trace_final, 0, 0},
    {"density_grid_trace", 9, JSON, 0, density_grid_step_weight, density_grid_trace_final, 0, 0},
    {"drawdown", 1, PURE, 0, drawdown_step, drawdown_final, drawdown_value, drawdown_inverse},
    {"drawdown", 2, PURE, 0, drawdown_step, drawdown_final, drawdown_value, drawdown_inverse},
    {"rolling_drawdown", 1, PURE, 0, rolling_drawdown_step, rolling_drawdown_final, rolling_drawdown_value,
     drawdown_inverse},
    {"rolling_drawdown", 2, PURE, 0, rolling_drawdown_step, rolling_drawdown_final, rolling_drawdown_value,
     drawdown_inverse},
    {"lttb", 3, JSON, 0, lttb_step, lttb_final, 0, 0},
    {"time_bucket", 2, ZONE, time_bucket_call, 0, 0, 0, 0},
    {"time_bucket", 3, ZONE, time_bucket_call, 0, 0, 0, 0},
    {"time_bucket", 4, ZONE, time_bucket_call, 0, 0, 0, 0},
    {"time_bucket", 5, ZONE, time_bucket_call, 0, 0, 0, 0},
    {"time_bucket", 6, ZONE, time_bucket_call, 0, 0, 0, 0},
    {"local_time", 2, ZONE, local_time_call, 0, 0, 0, 0},
    {"local_time", 3, ZONE, local_time_call, 0, 0, 0, 0},
    {"almanac_live", 0, RUNS, almanac_live_call, 0, 0, 0, 0},
    {"almanac_threads", 0, SETS, almanac_threads_call, 0, 0, 0, 0},
    {"almanac_threads", 1, SETS, almanac_threads_call, 0, 0, 0, 0},
    /* Last: where it is registered, everything is. */
    {"almanac_version", 0, PURE, almanac_version_call, 0, 0, 0, 0},
};

static const struct {
  const char *name;
  const sqlite3_module *module;
} tables[] = {
    {"density_grid_each", &density_grid_each_module},
    {"density_grid_scan", &density_grid_scan_module},
    {"drawdown_scan", &drawdown_scan_module},
    {"lttb_each", &lttb_each_module},
    {"lttb_scan", &lttb_scan_module},
    {"rollup_scan", &rollup_scan_module},
    {"zoom_buckets", &zoom_buckets_module},
    {"zoom_grid", &zoom_grid_module},
    {"zoom_points", &zoom_points_module},
};

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* Whether this version of the extension is on `db` already. */
static int is_loaded(sqlite3 *db) {
  sqlite3_stmt *statement = 0;
  int same = 0;
  if (sqlite3_prepare_v2(db, "SELECT almanac_version()", -1, &statement, 0) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    const char *version = (const char *)sqlite3_column_text(statement, 0);
    same = version && strcmp(version, ALMANAC_VERSION) == 0;
  }
  sqlite3_finalize(statement);
  return same;
}

static void free_zones(void *zones) {
  time_zones_free(zones);
}

/* What almanac_threads() was set to by who loaded the extension before. */
static int threads_now(sqlite3 *db) {
  sqlite3_stmt *statement = 0;
  int threads = 1;
  if (sqlite3_prepare_v2(db, "SELECT almanac_threads()", -1, &statement, 0) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW)
    threads = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  return threads >= 1 && threads <= THREADS_MAX ? threads : 1;
}

/* A scalar function with a cache of zones of its own. */
static int register_zoned(sqlite3 *db, size_t i) {
  struct time_zones *zones = time_zones_new();
  if (!zones) return SQLITE_NOMEM;
  return sqlite3_create_function_v2(db, functions[i].name, functions[i].n_arg,
                                    functions[i].flags & ~GETS_ZONES, zones, functions[i].call, 0, 0,
                                    free_zones);
}

static int register_function(sqlite3 *db, struct settings *settings, size_t i) {
  if (functions[i].value)
    return sqlite3_create_window_function(db, functions[i].name, functions[i].n_arg, functions[i].flags, 0,
                                          functions[i].step, functions[i].final, functions[i].value,
                                          functions[i].inverse, 0);
  if (functions[i].flags & GETS_ZONES) return register_zoned(db, i);
  if (functions[i].flags & GETS_SETTINGS)
    return sqlite3_create_function_v2(db, functions[i].name, functions[i].n_arg,
                                      functions[i].flags & ~GETS_SETTINGS, settings_share(settings),
                                      functions[i].call, 0, 0, settings_release);
  return sqlite3_create_function_v2(db, functions[i].name, functions[i].n_arg, functions[i].flags,
                                    (void *)functions[i].name, functions[i].call, functions[i].step,
                                    functions[i].final, 0);
}

/* Functions before tables: where SQLite refuses to replace the former, the latter keep sharing their settings. */
static int register_all(sqlite3 *db, struct settings *settings) {
  const size_t last = sizeof functions / sizeof functions[0] - 1;
  int rc = SQLITE_OK;
  for (size_t i = 0; i < last && rc == SQLITE_OK; i++) rc = register_function(db, settings, i);
  for (size_t i = 0; i < sizeof tables / sizeof tables[0] && rc == SQLITE_OK; i++)
    rc = sqlite3_create_module_v2(db, tables[i].name, tables[i].module, settings_share(settings),
                                  settings_release);
  return rc == SQLITE_OK ? register_function(db, settings, last) : rc;
}

/*
** Registers every function and table on `db`. Loading twice registers the same again, which is harmless. While a
** statement runs (SELECT load_extension() is one), SQLite refuses to replace a function: then there is nothing
** to do if they are ours.
*/
EXPORT int sqlite3_almanac_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  SQLITE_EXTENSION_INIT2(api);
  (void)api;
  if (sqlite3_libversion_number() < 3034000) {
    *error = sqlite3_mprintf("almanac: needs SQLite 3.34 or later, this is %s", sqlite3_libversion());
    return SQLITE_ERROR;
  }
  struct settings *settings = settings_new(threads_now(db));
  if (!settings) return SQLITE_NOMEM;
  int rc = register_all(db, settings);
  settings_release(settings);
  if (rc == SQLITE_OK) return SQLITE_OK;
  char *message = sqlite3_mprintf("almanac: %s", sqlite3_errmsg(db));
  if (rc == SQLITE_BUSY && is_loaded(db)) {
    sqlite3_free(message);
    return SQLITE_OK;
  }
  *error = message;
  return rc;
}

int almanac_owns(const char *name) {
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
    if (sqlite3_stricmp(functions[i].name, name) == 0) return 1;
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
    if (sqlite3_stricmp(tables[i].name, name) == 0) return 1;
  return 0;
}
