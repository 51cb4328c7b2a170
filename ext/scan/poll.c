/*
** Was the connection interrupted? Asked of SQLite itself by a statement that runs some hundred steps of its virtual
** machine: it ends with SQLITE_INTERRUPT after sqlite3_interrupt(), and its steps count towards those after which the
** host's progress handler is called, across runs. sqlite3_is_interrupted() is newer, and knows no progress handler.
*/
#include "ext/scan/source.h"

int scan_poll_open(struct scan_poll *poll, sqlite3 *db) {
  static const char some_hundred_steps[] =
      "WITH RECURSIVE step(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM step"
      " WHERE i < 16) SELECT max(i) FROM step";
  return sqlite3_prepare_v3(db, some_hundred_steps, -1, SQLITE_PREPARE_PERSISTENT, &poll->statement, NULL);
}

int scan_poll(struct scan_poll *poll) {
  sqlite3_step(poll->statement);
  return sqlite3_reset(poll->statement);
}

void scan_poll_close(struct scan_poll *poll) {
  sqlite3_finalize(poll->statement);
  poll->statement = NULL;
}
