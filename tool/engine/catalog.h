/* The tables named almanac_*: which summaries there are, and the facts about them that can't be derived. */
#ifndef ALMANAC_CATALOG_H
#define ALMANAC_CATALOG_H
#include "tool/engine/summary.h"

struct zoom;

/* Every declared summary, in the order of declaration. */
struct catalog {
  struct summary **summaries;
  size_t n;
  struct zoom **zooms; /* pyramids of them (zoom.h) */
  size_t n_zooms;
  int64_t schema_version; /* of the database when it was loaded, or changed by us */
};

/* Of the tables; raised when an older tool could not keep them right. With a zoom in it, a catalog is of the next format,
   which adds the tables of zooms and nothing else. */
enum { CATALOG_FORMAT = 2, CATALOG_FORMAT_WITH_ZOOMS = 3 };

/* The format of the database's catalog; 0 where there is none. Fails if a newer tool has made it. Verbs call
   upgrade_require. */
int catalog_format(struct engine *engine);

/* How exact the summary's name is, as almanac_status says it. */
const char *catalog_exact(const struct summary *summary);

/* Loads and derives all summaries. One that can't be derived on today's schema has `broken` set, and its
   kind, track and state only. */
bool catalog_load(struct engine *engine, struct catalog *catalog);

/* Is the catalog still that of the database? Not once another process has declared or dropped a summary: who
   hands out changes without knowing all summaries would lose some. Asked within a write transaction. */
bool catalog_is_current(struct engine *engine, const struct catalog *catalog);

/* Takes the schema as it is now for the catalog's: after changes of our own. */
bool catalog_keep_version(struct engine *engine, struct catalog *catalog);

/* Has it loaded anew before it is used again: after a failure, which may have left it half changed. */
void catalog_distrust(struct catalog *catalog);

struct summary *catalog_find(const struct catalog *catalog, const char *name);

/* Is the summary still in the database, neither dropped nor declared anew by another process? */
bool catalog_has(struct engine *engine, const struct summary *summary);

/* Adds the summary's row, which gives it its id. Its track is set later by catalog_set_track. */
bool catalog_insert(struct engine *engine, struct summary *summary);
bool catalog_set_track(struct engine *engine, const struct summary *summary);
bool catalog_append(struct engine *engine, struct catalog *catalog, struct summary *summary);
void catalog_remove(struct catalog *catalog, const struct summary *summary);

bool catalog_is_paused(struct engine *engine);

/* Fails with the remedy while paused. */
bool catalog_require_running(struct engine *engine);

#endif
