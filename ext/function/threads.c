/*
** almanac_threads(n): how many threads a scan of this connection may use (rollup_scan and its like); returns n.
** almanac_threads(): what it is.
**
** T1  n is a whole number from 1 to 64, else an error. 1 until it is set.
** T2  The connection's alone, and for as long as it is open; loading the extension again does not change it.
** T3  Results are the same with any number, but for the last digits of sums of reals.
*/
#include "ext/function/function.h"
#include "ext/settings.h"

void almanac_threads_call(sqlite3_context *context, int n_arg, sqlite3_value **args) {
  struct settings *settings = sqlite3_user_data(context);
  int64_t n;
  if (n_arg == 1) {
    if (!parameter_whole(args[0], &n) || n < 1 || n > THREADS_MAX) {
      char *shown = value_for_message(args[0]);
      function_error(context, "almanac_threads: n must be a whole number from 1 to %d, not %s", THREADS_MAX,
                     shown);
      sqlite3_free(shown);
      return;
    }
    settings->threads = (int)n;
  }
  sqlite3_result_int(context, settings->threads);
}
