#include "ext/version.h"
#include "ext/function/function.h"

/* almanac_version(): the extension's version, as text, such as '0.1.0'. */
void almanac_version_call(sqlite3_context *context, int n, sqlite3_value **values) {
  (void)n;
  (void)values;
  sqlite3_result_text(context, ALMANAC_VERSION, -1, SQLITE_STATIC);
}
