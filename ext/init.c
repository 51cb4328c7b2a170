/*
** The extension's entry point and the one table that registers everything in it.
**
** A new function is one file in function/ or table/ (or a place in its family's file), its declaration in
** function/function.h or table/table.h, one row here, one test and one line in README.md.
*/
#include "ext/function/function.h"
#include "ext/table/table.h"
#include <stddef.h>

SQLITE_EXTENSION_INIT1

/* Added in SQLite 3.45; older versions ignore the bit. */
#ifndef SQLITE_RESULT_SUBTYPE
#define SQLITE_RESULT_SUBTYPE 0x001000000
#endif

#define PURE (SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS)
#define JSON (PURE | SQLITE_RESULT_SUBTYPE)
#define RUNS (SQLITE_UTF8 | SQLITE_DIRECTONLY)

typedef void (*sql_function)(sqlite3_context *, int, sqlite3_value **);
typedef void (*sql_result)(sqlite3_context *);

/* Scalars have `call`; aggregates `step` and `final`; window functions `value` and `inverse` as well. */
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
    {"almanac_version", 0, PURE, almanac_version_call, 0, 0, 0, 0},
    {"drawdown", 1, PURE, 0, drawdown_step, drawdown_final, drawdown_value, drawdown_inverse},
    {"drawdown", 2, PURE, 0, drawdown_step, drawdown_final, drawdown_value, drawdown_inverse},
    {"rolling_drawdown", 1, PURE, 0, rolling_drawdown_step, rolling_drawdown_final, rolling_drawdown_value,
     drawdown_inverse},
    {"rolling_drawdown", 2, PURE, 0, rolling_drawdown_step, rolling_drawdown_final, rolling_drawdown_value,
     drawdown_inverse},
};

static const struct {
  const char *name;
  const sqlite3_module *module;
} tables[] = {
    {0, 0},
};

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* Registers every function and table on `db`. Loading twice registers the same again, which is harmless. */
EXPORT int sqlite3_almanac_init(sqlite3 *db, char **error, const sqlite3_api_routines *api) {
  SQLITE_EXTENSION_INIT2(api);
  (void)api;
  if (sqlite3_libversion_number() < 3034000) {
    *error = sqlite3_mprintf("almanac: needs SQLite 3.34 or later, this is %s", sqlite3_libversion());
    return SQLITE_ERROR;
  }
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    int rc = functions[i].value
                 ? sqlite3_create_window_function(
                       db, functions[i].name, functions[i].n_arg, functions[i].flags, 0, functions[i].step,
                       functions[i].final, functions[i].value, functions[i].inverse, 0)
                 : sqlite3_create_function_v2(db, functions[i].name, functions[i].n_arg, functions[i].flags,
                                              0, functions[i].call, functions[i].step, functions[i].final, 0);
    if (rc != SQLITE_OK) return rc;
  }
  for (size_t i = 0; i < sizeof tables / sizeof tables[0] && tables[i].name; i++) {
    int rc = sqlite3_create_module_v2(db, tables[i].name, tables[i].module, 0, 0);
    if (rc != SQLITE_OK) return rc;
  }
  return SQLITE_OK;
}
