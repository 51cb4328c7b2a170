/*
** Zooms: pyramids that are declared as one summary, WITH (zoom = ...). A zoom's levels are ordinary summaries, one a
** width, each of the level below (chain.h), so that refreshing, verifying and the rest know nothing of zooms; its own name
** is a plain view, the raw rows. This is what the catalog knows of them: the tables almanac_zoom and almanac_zoom_level,
** which are there while a zoom is.
*/
#ifndef ALMANAC_ZOOM_H
#define ALMANAC_ZOOM_H
#include "tool/engine/catalog.h"

enum { ZOOM_LEVELS_MAX = 16, ZOOM_VALUES = 10 /* a level's columns behind its keys: n ... last_at */ };

struct zoom_level {
  char *name;       /* of the summary */
  char *width_text; /* as time_bucket takes it, a plain number where is_number */
  bool is_number;
  int64_t width,
      phase; /* in the unit of the time, for text in seconds: a bucket starts at k * width + phase */
};

struct zoom {
  char *name;
  char *definition; /* the whole CREATE statement, as it was declared */
  char *view_sql;   /* what makes its view */
  char *unit;       /* of its times: s, ms, us, ns, text */
  bool guessed; /* there were too few rows to tell its widths or its unit by: the next refresh looks again */
  struct zoom_level levels[ZOOM_LEVELS_MAX]; /* the finest first */
  size_t n_levels;
};

/* Within catalog_load. */
bool zoom_load(struct engine *engine, struct catalog *catalog);

struct zoom *zoom_find(const struct catalog *catalog, const char *name);

/* The zoom that has a level of that name, or NULL. */
struct zoom *zoom_of_level(const struct catalog *catalog, const char *name);

/* Is the summary of that name the summary that is asked for, or a level of the zoom that is? */
bool zoom_covers(const struct catalog *catalog, const char *asked, const char *name);

/* Fails where the summary of that name is a level of a zoom, which is dropped as a whole. */
bool zoom_check_alone(struct engine *engine, const struct catalog *catalog, const char *name);

/* Within a write transaction: makes or drops the catalog's rows and the view. The levels are not touched. `columns` are
   those of the view: the time, the keys, the value. */
bool zoom_insert(struct engine *engine, struct catalog *catalog, struct zoom *zoom, char *const *columns,
                 size_t n_columns);
bool zoom_forget(struct engine *engine, struct catalog *catalog, struct zoom *zoom);

/* Within a write transaction: removes a zoom with its levels. */
bool zoom_drop(struct engine *engine, struct catalog *catalog, struct zoom *zoom);

/* Takes the views of all zooms away, as they are written now, and makes those anew that aren't there: pause and resume. */
bool zoom_park(struct engine *engine, const struct catalog *catalog);
bool zoom_arm(struct engine *engine, const struct catalog *catalog);

#endif
