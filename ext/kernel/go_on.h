/* How a kernel that takes long asks whether it may go on. Plain C: no SQLite here. */
#ifndef ALMANAC_GO_ON_H
#define ALMANAC_GO_ON_H
#include <stdbool.h>

/* Asked every few milliseconds by what takes long; false: stop. NULL: nobody to ask. */
struct go_on {
  bool (*ask)(void *state);
  void *state;
};

static inline bool go_on_asked(const struct go_on *go_on) {
  return !go_on || go_on->ask(go_on->state);
}

#endif
