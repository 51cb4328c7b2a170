#include "tool/engine/source.h"
#include "tool/engine/token.h"
#include <ctype.h>
#include <string.h>

char *quoted(struct engine *engine, const char *name) {
  return engine_printf(engine, "\"%w\"", name);
}

enum object_type source_object(struct engine *engine, const char *name, char **spelled) {
  enum object_type type = OBJECT_NONE;
  sqlite3_stmt *statement =
      engine_prepare(engine, "SELECT type, name, coalesce(sql, '') FROM sqlite_master "
                             "WHERE lower(name)=lower(?1) AND type IN ('table','view','index','trigger') "
                             "ORDER BY type='table' DESC, type='view' DESC LIMIT 1");
  engine_bind_text(engine, statement, 1, name);
  if (engine_step(engine, statement)) {
    const char *kind = (const char *)sqlite3_column_text(statement, 0);
    const char *sql = (const char *)sqlite3_column_text(statement, 2);
    if (spelled) *spelled = engine_column(engine, statement, 1);
    if (kind && strcmp(kind, "view") == 0)
      type = OBJECT_VIEW;
    else if (!kind || strcmp(kind, "table") != 0)
      type = OBJECT_OTHER;
    else
      type = sql && sqlite3_strnicmp(sql, "CREATE VIRTUAL", 14) == 0 ? OBJECT_VIRTUAL : OBJECT_TABLE;
  }
  engine_finalize(engine, statement);
  return type;
}

/* Would the default work in a trigger, on any connection? Not with functions that some don't have. */
static bool is_fit(const struct token_list *list) {
  static const char *const words[] = {
      "current_timestamp", "current_date", "current_time", "true", "false", "date", "time",
      "datetime",          "strftime",     "julianday"};
  for (size_t i = 0; i < list->n; i++) {
    const struct token *token = &list->tokens[i];
    bool fits = token->type != TOKEN_WORD && token->type != TOKEN_QUOTED;
    for (size_t k = 0; k < sizeof words / sizeof words[0] && !fits; k++) fits = token_is(token, words[k]);
    if (!fits) return false;
  }
  return true;
}

static char *fit_default(struct engine *engine, char *text) {
  struct token_list list = {0};
  if (!tokens_read(text, &list)) engine_fail_memory(engine);
  bool fits = is_fit(&list);
  tokens_free(&list);
  return fits ? text : 0;
}

static void read_columns(struct engine *engine, struct source *source) {
  sqlite3_stmt *rows = engine_prepare(
      engine, engine_printf(engine,
                            "SELECT name, type, pk, hidden, dflt_value FROM pragma_table_xinfo(%Q, 'main') "
                            "ORDER BY cid",
                            source->name));
  int n_keys = 0;
  while (engine_step(engine, rows)) {
    struct source_column column = {.name = engine_column(engine, rows, 0),
                                   .type = engine_column(engine, rows, 1)};
    int hidden = sqlite3_column_int(rows, 3);
    column.generated = hidden == 2 || hidden == 3;
    if (!column.type) column.type = "";
    const char *collation = 0;
    int not_null = 0;
    if (sqlite3_table_column_metadata(engine->db, "main", source->name, column.name, 0, &collation, &not_null,
                                      0, 0) == SQLITE_NOMEM)
      engine_fail_memory(engine);
    column.collation = engine_printf(engine, "%s", collation ? collation : "BINARY");
    char *value = not_null ? engine_column(engine, rows, 4) : 0;
    column.has_null_default = value != 0;
    if (value) column.null_default = fit_default(engine, value);
    if (sqlite3_column_int(rows, 2) > 0) n_keys++;
    if (sqlite3_column_int(rows, 2) == 1 && sqlite3_stricmp(column.type, "INTEGER") == 0)
      source->integer_primary_key = column.name;
    source->has_generated |= column.generated;
    source->columns = engine_grow(engine, source->columns, &source->n_columns, sizeof column);
    if (!source->columns) break;
    source->columns[source->n_columns++] = column;
  }
  engine_finalize(engine, rows);
  if (n_keys != 1) source->integer_primary_key = 0;
}

static struct source_unique *add_unique(struct engine *engine, struct source *source) {
  source->uniques = engine_grow(engine, source->uniques, &source->n_uniques, sizeof *source->uniques);
  if (!source->uniques) return 0;
  struct source_unique *unique = &source->uniques[source->n_uniques++];
  memset(unique, 0, sizeof *unique);
  return unique;
}

static void add_column(struct engine *engine, struct source_unique *unique, char *name, char *collation) {
  unique->collations =
      engine_grow(engine, unique->collations, &unique->n_columns, sizeof *unique->collations);
  if (unique->collations) unique->collations[unique->n_columns] = collation;
  unique->columns = engine_grow(engine, unique->columns, &unique->n_columns, sizeof *unique->columns);
  if (unique->columns && unique->collations) unique->columns[unique->n_columns++] = name;
}

/* A name that the rowid goes by; NULL where there is none. */
static char *rowid_name(const struct source *source) {
  static const char *const names[] = {"rowid", "_rowid_", "oid"};
  if (source->integer_primary_key) return source->integer_primary_key;
  for (size_t i = 0; i < 3 && !source->without_rowid; i++)
    if (!source_find(source, names[i])) return (char *)names[i];
  return 0;
}

static void read_uniques(struct engine *engine, struct source *source) {
  sqlite3_stmt *indexes = engine_prepare(
      engine,
      engine_printf(engine,
                    "SELECT name, partial FROM pragma_index_list(%Q, 'main') WHERE \"unique\" ORDER BY name",
                    source->name));
  while (engine_step(engine, indexes)) {
    struct source_unique *unique = add_unique(engine, source);
    if (!unique) break;
    unique->index = engine_column(engine, indexes, 0);
    unique->is_partial = sqlite3_column_int(indexes, 1) != 0;
    sqlite3_stmt *columns = engine_prepare(
        engine, engine_printf(
                    engine, "SELECT name, coll FROM pragma_index_xinfo(%Q, 'main') WHERE key ORDER BY seqno",
                    unique->index));
    while (engine_step(engine, columns)) {
      char *name = engine_column(engine, columns, 0);
      if (name)
        add_column(engine, unique, name, engine_column(engine, columns, 1));
      else
        unique->has_expression = true;
    }
    engine_finalize(engine, columns);
    size_t n_generated = 0;
    for (size_t i = 0; i < unique->n_columns; i++) {
      const struct source_column *column = source_find(source, unique->columns[i]);
      n_generated += column && column->generated;
    }
    unique->has_generated = n_generated > 0;
    unique->has_expression |= n_generated == unique->n_columns;
  }
  engine_finalize(engine, indexes);
  char *name = rowid_name(source); /* under no name nobody can choose it, and evict a row by it */
  struct source_unique *rowid = name ? add_unique(engine, source) : 0;
  if (rowid) add_column(engine, rowid, name, "BINARY");
}

struct source *source_read(struct engine *engine, const char *name) {
  struct source *source = engine_alloc(engine, sizeof *source);
  if (!source) return 0;
  source->name = engine_printf(engine, "%s", name);
  read_columns(engine, source);
  /* A WITHOUT ROWID table's primary key is the one index that has no b-tree of its own in the schema. */
  source->without_rowid =
      engine_int(engine,
                 engine_printf(
                     engine,
                     "SELECT count(*) FROM pragma_index_list(%Q, 'main') l WHERE l.origin='pk' AND NOT EXISTS"
                     "(SELECT 1 FROM sqlite_master WHERE type='index' AND name=l.name)",
                     name)) > 0;
  if (source->without_rowid) source->integer_primary_key = 0;
  read_uniques(engine, source);
  return engine_ok(engine) ? source : 0;
}

const struct source_column *source_find(const struct source *source, const char *name) {
  for (size_t i = 0; i < source->n_columns; i++)
    if (sqlite3_stricmp(source->columns[i].name, name) == 0) return &source->columns[i];
  return 0;
}

static bool contains(const char *text, const char *word) {
  size_t n = strlen(word);
  for (; *text; text++)
    if (sqlite3_strnicmp(text, word, (int)n) == 0) return true;
  return false;
}

/* https://www.sqlite.org/datatype3.html, 3.1: the first rule that fits. */
const char *type_affinity(const char *declared) {
  if (contains(declared, "INT")) return "INTEGER";
  if (contains(declared, "CHAR") || contains(declared, "CLOB") || contains(declared, "TEXT")) return "TEXT";
  if (contains(declared, "BLOB") || !*declared) return "";
  if (contains(declared, "REAL") || contains(declared, "FLOA") || contains(declared, "DOUB")) return "REAL";
  return "NUMERIC";
}

char *type_definition(struct engine *engine, const struct source_column *column, bool plain) {
  for (const char *at = column->type; *at && !plain; at++)
    if (!isalnum((unsigned char)*at) && !strchr(" _(),", *at)) plain = true;
  const char *type = plain ? type_affinity(column->type) : column->type;
  if (sqlite3_stricmp(column->collation, "BINARY") == 0) return engine_printf(engine, "%s", type);
  return engine_printf(engine, "%s COLLATE \"%w\"", type, column->collation);
}

bool source_has_index(struct engine *engine, const struct source *source, char *const *columns, size_t n) {
  if (n == 1 && source->integer_primary_key && sqlite3_stricmp(columns[0], source->integer_primary_key) == 0)
    return true;
  sqlite3_str *sql = sqlite3_str_new(engine->db);
  sqlite3_str_appendf(sql, "SELECT count(*) FROM pragma_index_list(%Q, 'main') l WHERE NOT l.partial",
                      source->name);
  for (size_t i = 0; i < n; i++)
    sqlite3_str_appendf(sql,
                        " AND EXISTS(SELECT 1 FROM pragma_index_info(l.name, 'main') WHERE seqno=%d AND "
                        "lower(name)=lower(%Q))",
                        (int)i, columns[i]);
  return engine_int(engine, engine_finish(engine, sql)) > 0;
}

char *source_row_id(struct engine *engine, const struct source *source) {
  char *name = rowid_name(source);
  if (name) return quoted(engine, name);
  char *columns = engine_string(
      engine, engine_printf(
                  engine,
                  "SELECT group_concat('\"'||replace(name, '\"', '\"\"')||'\"', ', ') FROM (SELECT name FROM "
                  "pragma_table_info(%Q) WHERE pk ORDER BY pk)",
                  source->name));
  if (!columns)
    engine_fail(engine, CODE_FAILED,
                "rows of %s can't be told apart: it has columns of all the rowid's names", source->name);
  return columns ? columns : "";
}
