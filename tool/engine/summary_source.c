#include "tool/engine/deriving.h"
#include <string.h>

static bool is_named(char *const *names, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (sqlite3_stricmp(names[i], name) == 0) return true;
  return false;
}

char **deriving_add_name(struct engine *engine, char **names, size_t *n, char *name) {
  if (is_named(names, *n, name)) return names;
  names = engine_grow(engine, names, n, sizeof *names);
  if (names) names[(*n)++] = name;
  return names;
}

/* Tables, views and summaries that the SELECT itself names, not those behind a view. */
char **deriving_objects(struct engine *engine, const struct deriving *d, size_t *n) {
  char **names = 0;
  *n = 0;
  for (size_t i = 0; i < d->reads.n && engine_ok(engine); i++) {
    char *spelled = 0;
    const struct shadow_read *read = &d->reads.reads[i];
    const struct summary *summary = chain_read(d->catalog, read->table, read->inner);
    bool through_view = *read->inner && source_object(engine, read->inner, &spelled) == OBJECT_VIEW;
    if (summary)
      names = deriving_add_name(engine, names, n, summary->name);
    else if (through_view)
      names = deriving_add_name(engine, names, n, spelled);
    else if (source_object(engine, read->table, &spelled) != OBJECT_NONE)
      names = deriving_add_name(engine, names, n, spelled);
  }
  return names;
}

/* The name where the text is one and no more, without its quotes; else NULL. */
char *deriving_single_name(struct engine *engine, const char *text) {
  struct token_list list = {0};
  if (!tokens_read(text, &list)) engine_fail_memory(engine);
  char *name = list.n == 1 && token_is_name(&list.tokens[0]) ? shadow_value(engine, &list.tokens[0]) : 0;
  tokens_free(&list);
  return name;
}

/* Does the table, view or summary have the column? */
bool deriving_has_column(struct engine *engine, const struct deriving *d, const char *object,
                         const char *column) {
  const struct summary *summary = catalog_find(d->catalog, object);
  for (size_t i = 0; summary && i < summary->n_columns; i++)
    if (sqlite3_stricmp(summary->columns[i].name, column) == 0) return true;
  return !summary &&
         engine_int(
             engine,
             engine_printf(engine,
                           "SELECT count(*) FROM pragma_table_xinfo(%Q, 'main') WHERE lower(name)=lower(%Q)",
                           object, column)) > 0;
}

/* The source is a summary: its partitions are those of the table at its root. */
static bool find_parent(struct engine *engine, struct deriving *d, struct summary *parent,
                        struct source **found) {
  if (parent->broken) return engine_ok(engine); /* read_parents says so */
  if (parent->kind != KIND_TIME || !parent->partition_shown)
    return deriving_whole_unless_asked(
        engine, d,
        engine_printf(engine, "its source %s is a summary without a bucket in its result", parent->name));
  /* Of an empty table the buckets in a zone have no plain form yet; it waits for rows, and so does this one. */
  bool waits = parent->shape.is_guess && parent->zone;
  if (!parent->live && !waits)
    return engine_fail(
        engine, CODE_FAILED,
        "%s calls functions of the extension, so that it shows the rows of its last refresh; summarize %s",
        parent->name, parent->source->name);
  d->summary->parent = parent;
  *found = parent->source;
  return engine_ok(engine);
}

/* The one table that is partitioned: as WITH (source = ...) says, or the only one that has the column. */
bool deriving_find_source(struct engine *engine, struct deriving *d, const char *column,
                          struct source **found) {
  size_t n, n_having = 0;
  char **objects = deriving_objects(engine, d, &n);
  const char *name = 0;
  *found = 0;
  if (d->source) {
    name = deriving_single_name(engine, d->source->value);
    if (!name) name = d->source->value;
    if (!is_named(objects, n, name))
      return engine_fail(engine, CODE_FAILED, "WITH (source = %s): the SELECT doesn't read it",
                         d->source->value);
    n_having = 1;
  }
  for (size_t i = 0; i < n && !d->source; i++) {
    if (column && !deriving_has_column(engine, d, objects[i], column)) continue;
    name = objects[i];
    n_having++;
  }
  if (n_having > 1)
    return deriving_whole_unless_asked(
        engine, d, "several tables could be the source; say which with WITH (source = ...)");
  if (n_having == 0) return deriving_whole_unless_asked(engine, d, "no table of the SELECT has that column");
  struct summary *parent = catalog_find(d->catalog, name);
  if (parent) return find_parent(engine, d, parent, found);
  char *spelled = 0;
  enum object_type type = source_object(engine, name, &spelled);
  if (type == OBJECT_VIEW)
    return deriving_whole_unless_asked(
        engine, d,
        engine_printf(engine,
                      "its source %s is a view, whose changes can't be told apart by "
                      "partition; summarize the table behind it",
                      spelled));
  if (type != OBJECT_TABLE)
    return engine_fail(engine, CODE_FAILED, "%s is a virtual table, whose changes no trigger can see", name);
  struct source *source = source_read(engine, spelled);
  for (size_t i = 0; source && i < source->n_uniques; i++)
    if (source->uniques[i].has_expression)
      return deriving_whole_unless_asked(
          engine, d,
          engine_printf(engine,
                        "the unique index %s of %s is over an expression, through "
                        "which REPLACE could remove rows unseen",
                        source->uniques[i].index, spelled));
  *found = source;
  return source != 0;
}

/* Is it the table that stands for the part of a chain while that is checked? */
static bool is_part(const struct summary *s, const char *table) {
  size_t n = s->parent ? strlen(s->parent->name) : 0;
  return s->parent && sqlite3_strnicmp(table, s->parent->name, (int)n) == 0 &&
         sqlite3_stricmp(table + n, "_stored") == 0;
}

const char *summary_cause(const struct summary *s) {
  for (size_t i = 0; i < s->n_parents; i++)
    if (s->parents[i]->broken) return summary_cause(s->parents[i]);
  return s->broken;
}

/* Which summaries are read. */
bool deriving_read_parents(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  for (size_t i = 0; i < d->reads.n && engine_ok(engine); i++) {
    struct summary *parent = chain_read(d->catalog, d->reads.reads[i].table, d->reads.reads[i].inner);
    bool known = !parent;
    for (size_t k = 0; k < s->n_parents; k++) known |= s->parents[k] == parent;
    if (known) continue;
    s->parents = engine_grow(engine, s->parents, &s->n_parents, sizeof *s->parents);
    if (s->parents) s->parents[s->n_parents++] = parent;
    if (parent->broken)
      engine_fail(engine, CODE_FAILED, "it reads %s, which fails: %s", parent->name, summary_cause(parent));
  }
  return engine_ok(engine);
}

/* A summary that reads its source through another one as well depends on more of it than its own partition. */
bool deriving_check_parents(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  for (size_t i = 0; i < s->n_parents && s->kind != KIND_WHOLE; i++) {
    bool through = s->parents[i] != s->parent ? chain_depends(s->parents[i], s->source->name) : false;
    for (size_t k = 0; s->parents[i] == s->parent && k < s->parent->n_tables; k++)
      through |= sqlite3_stricmp(s->parent->tables[k], s->source->name) == 0;
    if (through && !deriving_whole_unless_asked(engine, d,
                                                engine_printf(engine, "it reads all of %s through %s",
                                                              s->source->name, s->parents[i]->name)))
      return false;
  }
  return engine_ok(engine);
}

/* A summary that is read changes with the tables that it reads; one that shows the rows of its last refresh changes with
   those. */
static bool add_parent_tables(struct engine *engine, struct summary *s, char *const *fixed, size_t n_fixed) {
  for (size_t i = 0; i < s->n_parents; i++) {
    const struct summary *parent = s->parents[i];
    if (!parent->live) {
      s->tables = deriving_add_name(engine, s->tables, &s->n_tables,
                                    engine_printf(engine, "%s_stored", parent->name));
      continue;
    }
    if (parent->source && parent != s->parent && !is_named(fixed, n_fixed, parent->name))
      s->tables = deriving_add_name(engine, s->tables, &s->n_tables, parent->source->name);
    for (size_t k = 0; k < parent->n_tables && !is_named(fixed, n_fixed, parent->name); k++)
      s->tables = deriving_add_name(engine, s->tables, &s->n_tables, parent->tables[k]);
  }
  return engine_ok(engine);
}

/* Is it read by a summary that is read, or for one? Those have their own tables, which are added for them. Where no column
   is read, as for count(*), SQLite doesn't say through which view. */
static bool is_of_summary(const struct deriving *d, const struct shadow_read *read) {
  if (!*read->column && chain_is_stored(d->catalog, read->table) &&
      !strcasestr(d->summary->select, read->table))
    return true;
  return sqlite3_strnicmp(read->inner, "almanac_", 8) == 0 ||
         chain_read(d->catalog, read->table, read->inner) || is_part(d->summary, read->table);
}

/* Another table that is read: a change there dirties everything. Of a chain so does the root, where it is read beside the
   parent. */
static bool read_table(struct engine *engine, struct summary *s, const char *table, char *const *fixed,
                       size_t n_fixed) {
  char *spelled = 0;
  if (s->source && !s->parent && sqlite3_stricmp(table, s->source->name) == 0) return true;
  if (sqlite3_strnicmp(table, "almanac_", 8) == 0 || is_named(fixed, n_fixed, table)) return true;
  enum object_type type = source_object(engine, table, &spelled);
  if (type == OBJECT_VIRTUAL)
    return engine_fail(
        engine, CODE_FAILED,
        "%s is a virtual table, whose changes no trigger can see; WITH (static = %s) if it never changes",
        table, table);
  if (sqlite3_stricmp(table, "sqlite_master") == 0 || sqlite3_stricmp(table, "sqlite_schema") == 0)
    return engine_fail(engine, CODE_FAILED, "a summary can't read the schema table");
  if (type == OBJECT_TABLE) s->tables = deriving_add_name(engine, s->tables, &s->n_tables, spelled);
  return engine_ok(engine);
}

/* The views of a user's through which the SELECT reads. */
static void read_views(struct engine *engine, struct deriving *d, const struct shadow_reads *reads) {
  struct summary *s = d->summary;
  for (size_t i = 0; i < reads->n; i++) {
    const char *names[] = {reads->reads[i].inner, reads->reads[i].table};
    for (size_t k = 0; k < 2; k++) {
      char *spelled = 0;
      if (*names[k] && sqlite3_strnicmp(names[k], "almanac_", 8) != 0 &&
          source_object(engine, names[k], &spelled) == OBJECT_VIEW && !catalog_find(d->catalog, spelled))
        s->views = deriving_add_name(engine, s->views, &s->n_views, spelled);
    }
  }
}

/* Every other table that is read: a change there dirties everything. */
bool deriving_read_tables(struct engine *engine, struct deriving *d, const struct shadow_reads *reads) {
  read_views(engine, d, reads);
  size_t n_fixed = 0;
  char **fixed = d->fixed ? shadow_split(engine, d->fixed->value, &n_fixed) : 0;
  for (size_t i = 0; i < reads->n && engine_ok(engine); i++)
    if (!is_of_summary(d, &reads->reads[i]))
      read_table(engine, d->summary, reads->reads[i].table, fixed, n_fixed);
  for (size_t i = 0; i < reads->n_opened && engine_ok(engine); i++)
    if (!chain_is_stored(d->catalog, reads->opened[i]))
      read_table(engine, d->summary, reads->opened[i], fixed, n_fixed);
  for (size_t i = 0; i < d->summary->n_tables; i++)
    d->summary->own_tables =
        deriving_add_name(engine, d->summary->own_tables, &d->summary->n_own_tables, d->summary->tables[i]);
  return add_parent_tables(engine, d->summary, fixed, n_fixed);
}

/* Nothing may read the source but the part: a view over it or a qualified name would get the whole table. Of
   the scope's own name SQLite says, too, that no column of it is read; behind a view that is the table. */
bool deriving_check_scope(struct engine *engine, const struct summary *s, const struct shadow_reads *reads,
                          const char *part) {
  for (size_t i = 0; i < reads->n; i++) {
    const struct shadow_read *read = &reads->reads[i];
    if (sqlite3_stricmp(read->table, s->source->name) != 0 && !is_part(s, read->table)) continue;
    if (strcmp(read->inner, part) == 0) continue;
    if (!*read->column && (!*read->inner || source_object(engine, read->inner, 0) != OBJECT_VIEW)) continue;
    return engine_fail(engine, CODE_FAILED,
                       "%s is also read through %s, which always sees the whole table; read the table itself",
                       s->parent ? s->parent->name : s->source->name,
                       *read->inner ? read->inner : "another name");
  }
  return engine_ok(engine);
}
