#include "ext/scan/pace.h"
#include <time.h>

enum { STEP_NS = 1000000 };

static int64_t now_ns(void) {
  struct timespec t = {0};
  clock_gettime(CLOCK_MONOTONIC, &t); /* can only fail where there is no such clock */
  return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

int scan_pace_open(struct scan_pace *pace, sqlite3 *db) {
  pace->next_ns = 0;
  return scan_poll_open(&pace->poll, db);
}

int scan_pace_check(struct scan_pace *pace) {
  int64_t now = now_ns();
  if (now < pace->next_ns) return SQLITE_OK;
  pace->next_ns = now + STEP_NS;
  return scan_poll(&pace->poll);
}

void scan_pace_close(struct scan_pace *pace) {
  scan_poll_close(&pace->poll);
}
