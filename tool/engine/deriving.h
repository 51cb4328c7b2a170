/*
** Deriving a summary, in three files: summary.c decides its partition and rewrites its SELECT, summary_source.c tells what
** the SELECT reads, summary_columns.c what the columns of its result are. Nobody else includes this.
*/
#ifndef ALMANAC_DERIVING_H
#define ALMANAC_DERIVING_H
#include "tool/engine/chain.h"

/* While a summary is derived: where messages point to, and what SQLite said of the SELECT. */
struct deriving {
  const struct definitions *definitions;
  const struct statement *statement;
  const struct catalog *catalog;
  struct stand_ins stand_ins;
  const char *known_shape;
  struct summary *summary;
  bool as_query; /* no partitions */
  struct shadow shadow;
  struct shadow_reads reads;
  const struct bucket_call *partition_call; /* of KIND_TIME */
  const struct time_grain *kept_grain;      /* which the summary keeps */
  const struct definition_option *partition, *source, *fixed;
};

/* ---- summary.c ---- */

/* A reason that makes an inferred partition fall back to whole, but is an error for one that was asked for. */
bool deriving_whole_unless_asked(struct engine *engine, struct deriving *d, const char *reason);

/* ---- summary_source.c ---- */

/* `names` with one more, unless it is there. */
char **deriving_add_name(struct engine *engine, char **names, size_t *n, char *name);

/* Tables, views and summaries that the SELECT itself names, not those behind a view. */
char **deriving_objects(struct engine *engine, const struct deriving *d, size_t *n);

/* The name where the text is one and no more, without its quotes; else NULL. */
char *deriving_single_name(struct engine *engine, const char *text);

/* Does the table, view or summary have the column? */
bool deriving_has_column(struct engine *engine, const struct deriving *d, const char *object,
                         const char *column);

/* The one table that is partitioned: as WITH (source = ...) says, or the only one that has the column. Of a summary it is
   the table at its root, and the summary becomes the parent. */
bool deriving_find_source(struct engine *engine, struct deriving *d, const char *column,
                          struct source **found);

/* Which summaries are read; none may read the source past the partition. */
bool deriving_read_parents(struct engine *engine, struct deriving *d);
bool deriving_check_parents(struct engine *engine, struct deriving *d);

/* Every other table that is read: a change there dirties everything. */
bool deriving_read_tables(struct engine *engine, struct deriving *d, const struct shadow_reads *reads);

/* Fails where anything but the part reads the source. */
bool deriving_check_scope(struct engine *engine, const struct summary *s, const struct shadow_reads *reads,
                          const char *part);

/* ---- summary_columns.c ---- */

/* The result's columns by name. */
bool deriving_read_names(struct engine *engine, struct deriving *d, sqlite3_stmt *statement);

/* Which of them are plain columns of a table, which are the partition, and which are looked for. `list` is the table that
   stands for the part's partitions. */
void deriving_read_origins(struct engine *engine, struct deriving *d, sqlite3_stmt *statement,
                           const char *list);

#endif
