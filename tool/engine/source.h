/* What the schema says of a table: columns, keys, unique indexes. */
#ifndef ALMANAC_SOURCE_H
#define ALMANAC_SOURCE_H
#include "tool/engine/engine.h"

struct source_column {
  char *name;
  char *type;      /* as declared, "" if not */
  char *collation; /* "BINARY" and so on */
  bool generated;
  bool has_null_default; /* NOT NULL with a default, which REPLACE puts in the place of a NULL */
  char *null_default;    /* ... as an expression for triggers; NULL where it isn't fit for one */
};

/* A constraint through which REPLACE can evict a row: a unique index, or the rowid. */
struct source_unique {
  char *index; /* NULL for the rowid */
  char **columns;
  char **collations; /* the index's own, which may differ from the columns' */
  size_t n_columns;
  bool has_expression; /* then `columns` doesn't tell it */
  bool has_generated;  /* a BEFORE UPDATE trigger doesn't know their new values */
  bool is_partial;     /* a row may enter it by a change of any column */
};

struct source {
  char *name; /* as the schema spells it */
  struct source_column *columns;
  size_t n_columns;
  struct source_unique *uniques;
  size_t n_uniques;
  bool without_rowid;
  bool has_generated;
  char *integer_primary_key; /* the column that is the rowid, or NULL */
};

enum object_type { OBJECT_NONE, OBJECT_TABLE, OBJECT_VIRTUAL, OBJECT_VIEW, OBJECT_OTHER };

/* What `name` is in the main schema; *spelled gets its own spelling. */
enum object_type source_object(struct engine *engine, const char *name, char **spelled);

/* Reads the table `name` (an OBJECT_TABLE); NULL on failure. */
struct source *source_read(struct engine *engine, const char *name);

const struct source_column *source_find(const struct source *source, const char *name);

/* The affinity of a declared type, by SQLite's rules: INTEGER, TEXT, REAL, NUMERIC or "" (none). */
const char *type_affinity(const char *declared);

/* A column definition's type and collation, such as `VARCHAR(20) COLLATE NOCASE`: the declared type where it
   is made of plain words, else its affinity. With `plain`, the affinity in any case. */
char *type_definition(struct engine *engine, const struct source_column *column, bool plain);

/* Does the table have a full index whose first columns are these, or is the column its rowid? */
bool source_has_index(struct engine *engine, const struct source *source, char *const *columns, size_t n);

/* The columns by which a row is found again: its rowid under a name that is free, or the primary key, separated by commas. */
char *source_row_id(struct engine *engine, const struct source *source);

/* `name` with the quotes that make any name an identifier. */
char *quoted(struct engine *engine, const char *name);

#endif
