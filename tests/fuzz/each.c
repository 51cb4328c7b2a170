/*
** A libFuzzer target: any bytes as the argument of lttb_each and density_grid_each. Texts that are accepted
** must be JSON to SQLite, too.
**
**   sources="ext/init.c $(ls ext/kernel/[a-z]*.c ext/function/[a-z]*.c ext/table/[a-z]*.c)"
**   clang -g -O1 -std=c11 -D_GNU_SOURCE -DSQLITE_CORE -fsanitize=fuzzer,address,undefined -I. \
**     -o each tests/fuzz/each.c $sources -lsqlite3 -lm
**   ./each -max_len=300 -max_total_time=60
*/
#include "ext/init.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const queries[] = {
    "SELECT count(*), sum(x), sum(y) FROM lttb_each(?)",
    "SELECT count(*), sum(x), sum(y), sum(value) FROM density_grid_each(?)",
    "SELECT count(*), sum(x), sum(y), sum(value) FROM density_grid_each(?, 0, 1, -5, 5)",
    "SELECT json_valid(?)",
};
enum { QUERIES = sizeof queries / sizeof *queries };

/* Any bytes may follow: this function is called in a loop, on one connection. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static sqlite3 *db;
  static sqlite3_stmt *statements[QUERIES];
  int accepted = 0, valid = 0;
  if (!size) return 0; /* it may come without an address */
  if (!db) {
    char *error = NULL;
    if (sqlite3_open(":memory:", &db) || sqlite3_almanac_init(db, &error, NULL)) abort();
    for (int i = 0; i < QUERIES; i++)
      if (sqlite3_prepare_v2(db, queries[i], -1, &statements[i], NULL)) abort();
  }
  for (int i = 0; i < QUERIES; i++) {
    sqlite3_bind_text(statements[i], 1, (const char *)data, (int)size, SQLITE_STATIC);
    int rc = sqlite3_step(statements[i]);
    if (i < QUERIES - 1) accepted |= rc == SQLITE_ROW;
    if (i == QUERIES - 1) valid = sqlite3_column_int(statements[i], 0);
    sqlite3_reset(statements[i]);
  }
  if (accepted && !valid) abort();
  return 0;
}
