/* The settings of a connection; see settings.h. */
#include "ext/settings.h"
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3

struct settings *settings_new(int threads) {
  struct settings *settings = sqlite3_malloc(sizeof *settings);
  if (settings) *settings = (struct settings){.references = 1, .threads = threads};
  return settings;
}

struct settings *settings_share(struct settings *settings) {
  settings->references++;
  return settings;
}

void settings_release(void *released) {
  struct settings *settings = released;
  if (--settings->references == 0) sqlite3_free(settings);
}
