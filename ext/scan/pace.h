/* Asking whether to stop, about every millisecond, at places that are come by more often. On the caller's thread only. */
#ifndef ALMANAC_SCAN_PACE_H
#define ALMANAC_SCAN_PACE_H
#include "ext/scan/source.h"

struct scan_pace {
  struct scan_poll poll;
  int64_t next_ns; /* of the monotonic clock */
};

int scan_pace_open(struct scan_pace *pace, sqlite3 *db);
int scan_pace_check(struct scan_pace *pace); /* SQLITE_OK or SQLITE_INTERRUPT */
void scan_pace_close(struct scan_pace *pace);

#endif
