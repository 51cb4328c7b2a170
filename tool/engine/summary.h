/*
** A summary: what its definition means on the schema as it is now. Nothing of it is stored but the definition
** and the few facts of catalog.h: the rest is derived each time, so that it can't disagree with the schema.
*/
#ifndef ALMANAC_SUMMARY_H
#define ALMANAC_SUMMARY_H
#include "tool/engine/definitions.h"
#include "tool/engine/grain.h"
#include "tool/engine/shadow.h"
#include "tool/engine/source.h"

enum summary_kind { KIND_TIME, KIND_KEY, KIND_WHOLE };

enum { KEYS_MAX = 8 };

struct catalog;
struct scan_form;

struct result_column {
  char *name;
  const struct source_column *source; /* a plain column of the source, else NULL */
  int partition;                      /* which partition column it is, else -1 */
  bool grouped;                       /* the SELECT groups by it */
  bool indexed; /* a plain column by which rows are looked for: grouped by, or not REAL */
};

/* A span of time as an option says it: either months or seconds. */
struct kept_span {
  char *text; /* as written; NULL where the option is not there */
  int64_t months;
  int64_t seconds;
};

struct summary {
  int64_t id;
  char *name;
  char *definition; /* the whole CREATE statement */
  char *select;     /* as written */
  enum summary_kind kind;
  char *whole_reason; /* KIND_WHOLE: why, for the user */
  bool live;          /* its view needs no extension; otherwise it shows the rows as of the last refresh */
  char *index;        /* WITH (index = ...), or NULL */
  struct kept_span keep_raw; /* WITH (keep_raw = ...): prune may delete older raw rows (prune.h) */
  struct kept_span keep;     /* WITH (keep = ...): older rows are not stored (keep.h) */
  int64_t keep_newest;       /* ... of a key summary: how many keys are; else 0 */
  char *zoom;                /* of the zoom that it is a level of (zoom.h), else NULL */
  int n_clustered; /* its first columns are the key by which its rows are stored (of a zoom over space), else 0 */

  struct source *source; /* NULL for KIND_WHOLE; of a chain the table at its root */
  char *time;            /* KIND_TIME: the column of the source */
  struct summary
      *parent;  /* KIND_TIME of a chain (chain.h): the summary whose rows its parts are made of, else NULL */
  char *bucket; /* ... and the parent's result column that is its bucket */
  struct summary **parents; /* every summary that it reads by itself */
  size_t n_parents;
  struct time_shape shape;
  struct grain grain;
  struct time_grain *zone_grain; /* GRAIN_BOUNDS: the parsed grain, from which its bounds are made */
  char *zone;                    /* GRAIN_BOUNDS: its zone */
  char *bucket_signature;        /* KIND_TIME: width and modifiers as written */
  char *keys[KEYS_MAX];          /* KIND_KEY: expressions over {row} */
  char *key_columns[KEYS_MAX];   /* KIND_KEY: the column where a key is one, else NULL */
  size_t n_partition;            /* partition columns: 1 for time, the keys' number, 0 for whole */
  bool partition_shown; /* all of them are result columns, so that many partitions can be computed at once */

  const struct scan_form *scan; /* how a scan computes it (scan_form.h), or NULL: through SQL, ... */
  const char *not_scan;         /* ... for this reason */

  bool additive;       /* it is the sum of its partitions, as its form tells: no need to try */
  bool never_additive; /* it is not, as its form tells */

  char *select_part; /* the SELECT over the part: buckets are the part's column almanac_bucket */
  char *select_live; /* the SELECT in plain SQL over the tables themselves */
  struct result_column *columns;
  size_t n_columns;
  char **source_columns; /* those of the source that are read, in its order; of a chain all of the parent's */
  size_t n_source_columns;
  char **tables; /* other tables: any change there dirties everything */
  size_t n_tables;
  char **own_tables; /* those of them that it reads by itself, not through another summary */
  size_t n_own_tables;
  char **views; /* views through which it reads: another definition there changes what it means */
  size_t n_views;

  /* From the catalog, for a summary that is declared. */
  int64_t track;
  int64_t unit, unit_offset;
  bool frozen;  /* its track is, before some time (prune.h) */
  int64_t late; /* how many changes came for frozen time, on the whole track */
  int state;
  bool proven;
  bool postponed; /* changes wait in a region, for somebody is computing a summary from before them */
  char *broken;   /* why it could not be derived, or NULL */
  bool renamed;   /* its definition follows a rename of which the catalog doesn't know yet */
  bool outdated;  /* broken, but can be declared again as it stands: it has other columns or partitions now */
  bool rebound;   /* a name in it means another column of the source than it did */
};

/* The kind's name in the catalog and in messages. */
const char *summary_kind_name(enum summary_kind kind);

/* Derives the summary from its CREATE statement; `catalog` holds those that it may read, `known_shape` is its track's
   shape, or NULL to look at the rows. Fails with FILE:LINE:COLUMN and the remedy. */
bool summary_derive(struct engine *engine, const struct catalog *catalog,
                    const struct definitions *definitions, const struct statement *statement,
                    const char *known_shape, struct summary *summary);

/* As summary_derive, but only what the name needs to be its query: columns, select_live, live. For a summary that
   summary_derive fails on. */
bool summary_derive_query(struct engine *engine, const struct catalog *catalog,
                          const struct definitions *definitions, const struct statement *statement,
                          struct summary *summary);

/* Makes a whole summary of one that is not the sum of its partitions. */
bool summary_become_whole(struct engine *engine, struct summary *summary, const char *reason);

/* The variables of every SQL text about the summary. */
const struct sql_variable *summary_variables(struct engine *engine, const struct summary *summary);

/* Why a broken one fails: of a chain what fails at its root. */
const char *summary_cause(const struct summary *summary);

/* Does the SELECT read rows of the table by itself, not through another summary? Not those that are said to be static. */
bool summary_reads(const struct summary *summary, const char *table);

/* The first summary of a chain, which reads the table at its root; itself where it is in none. */
const struct summary *summary_root(const struct summary *summary);

/* Are its rows stored in the order of a key, and have no rowid? */
bool summary_is_clustered(const struct summary *summary);

/* Names in the database that follow from the summary's. */
char *summary_object(struct engine *engine, const struct summary *summary, const char *what);

#endif
