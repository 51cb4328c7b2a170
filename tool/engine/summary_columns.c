#include "tool/engine/additive.h"
#include "tool/engine/deriving.h"
#include <stdlib.h>
#include <string.h>

bool deriving_read_names(struct engine *engine, struct deriving *d, sqlite3_stmt *statement) {
  struct summary *s = d->summary;
  s->n_columns = (size_t)sqlite3_column_count(statement);
  s->columns = engine_alloc(engine, s->n_columns * sizeof *s->columns);
  for (size_t i = 0; s->columns && i < s->n_columns; i++) {
    const char *name = sqlite3_column_name(statement, (int)i);
    if (!name) return engine_fail_memory(engine);
    s->columns[i].name = engine_printf(engine, "%s", name);
    s->columns[i].partition = -1;
    for (size_t k = 0; k < i; k++)
      if (sqlite3_stricmp(s->columns[k].name, s->columns[i].name) == 0)
        return engine_fail(engine, CODE_FAILED,
                           "two result columns are named %s; give one another name with AS",
                           s->columns[i].name);
    if (sqlite3_strnicmp(s->columns[i].name, "almanac_", 8) == 0)
      return engine_fail(
          engine, CODE_FAILED,
          "the result column %s: names that start with almanac_ are the tool's own; rename it with AS",
          s->columns[i].name);
  }
  return engine_ok(engine);
}

/* Does the plan join several SELECTs into one result, here or behind a view? Then a column's origin is that
   of one of them only. */
static bool is_compound(struct engine *engine, const char *select) {
  sqlite3_stmt *steps = engine_prepare(engine, engine_printf(engine, "EXPLAIN QUERY PLAN %s", select));
  bool compound = false;
  while (engine_step(engine, steps)) {
    const char *step = (const char *)sqlite3_column_text(steps, 3);
    compound |= step && (strstr(step, "COMPOUND") || strstr(step, "MERGE (") || strstr(step, "UNION"));
  }
  engine_finalize(engine, steps);
  return compound;
}

/* How many of the tables and views that the SELECT names have a column of that name. */
static size_t count_having(struct engine *engine, const struct deriving *d, const char *name) {
  size_t n, n_having = 0;
  char **objects = deriving_objects(engine, d, &n);
  for (size_t i = 0; i < n; i++) n_having += deriving_has_column(engine, d, objects[i], name);
  return n_having;
}

/* Is it a call of time_bucket? Of a summary by time all of them are its bucket. */
static bool is_bucket(const struct deriving *d, const struct token *first, const struct token *last) {
  const struct token *tokens = d->shadow.tokens.tokens;
  for (size_t i = 0; i < d->shadow.n_calls; i++)
    if (tokens + d->shadow.calls[i].first == first && tokens + d->shadow.calls[i].last == last)
      return d->summary->kind == KIND_TIME;
  return false;
}

/* Marks the result columns that one item of GROUP BY names: a position, a column, a result column's own name, or the
   bucket's call. Any other expression over a column groups by something coarser. */
static void mark_grouped(struct engine *engine, struct deriving *d, const struct token *first,
                         const struct token *last) {
  struct summary *s = d->summary;
  bool qualified = last == first + 2 && token_is(first + 1, ".");
  for (size_t i = 0; i < s->n_columns && is_bucket(d, first, last); i++)
    s->columns[i].grouped |= s->columns[i].partition == 0;
  if (first != last && !qualified) return;
  char *name = token_value(last);
  int64_t position = name && last->type == TOKEN_NUMBER ? strtol(name, 0, 10) : 0;
  /* A column's name comes before a result column's; of which table `o.k` is can't be told where several have a k. */
  size_t n_having = name && !position ? count_having(engine, d, name) : 0;
  if (qualified && n_having != 1) position = -1;
  bool is_column = n_having > 0;
  for (size_t i = 0; name && i < s->n_columns; i++) {
    const struct source_column *column = s->columns[i].source;
    bool named = is_column ? column && sqlite3_stricmp(name, column->name) == 0
                           : sqlite3_stricmp(name, s->columns[i].name) == 0;
    s->columns[i].grouped |= position == (int64_t)i + 1 || (!position && named);
  }
  sqlite3_free(name);
}

/* Reads the last GROUP BY; false where there is none. */
static bool read_grouping(struct engine *engine, struct deriving *d) {
  const struct token_list *list = &d->shadow.tokens;
  static const char *const ends[] = {"having", "window",    "order",  "limit",
                                     "union",  "intersect", "except", ")"};
  size_t at = list->n;
  for (size_t i = 0; i + 1 < list->n; i++)
    if (token_is(&list->tokens[i], "group") && token_is(&list->tokens[i + 1], "by")) at = i + 2;
  if (at >= list->n) return false;
  int depth = 0;
  for (size_t first = at; at <= list->n; at++) {
    const struct token *token = at < list->n ? &list->tokens[at] : 0;
    bool end = !token;
    for (size_t k = 0; depth == 0 && !end && k < sizeof ends / sizeof ends[0]; k++)
      end = token_is(token, ends[k]);
    if (!end && token_is(token, "(")) depth++;
    if (!end && token_is(token, ")")) depth--;
    if (!end && !(depth == 0 && token_is(token, ","))) continue;
    if (at > first) mark_grouped(engine, d, &list->tokens[first], &list->tokens[at - 1]);
    first = at + 1;
    if (end) break;
  }
  return engine_ok(engine);
}

/* Which result columns are looked for: those that are grouped by, else the plain ones that are no
 * measurements. */
static void read_indexed(struct engine *engine, struct deriving *d) {
  struct summary *s = d->summary;
  bool has_groups = read_grouping(engine, d);
  for (size_t i = 0; i < s->n_columns; i++) {
    const struct source_column *column = s->columns[i].source;
    s->columns[i].indexed =
        column && (has_groups ? s->columns[i].grouped : strcmp(type_affinity(column->type), "REAL") != 0);
  }
}

/* Which result columns are plain columns of a table, by their origin, and which of them are the partition. */
void deriving_read_origins(struct engine *engine, struct deriving *d, sqlite3_stmt *statement,
                           const char *list) {
  struct summary *s = d->summary;
  s->partition_shown = s->kind != KIND_WHOLE;
  s->never_additive = additive_never(&d->shadow.tokens);
  if (!s->n_clustered && is_compound(engine, sqlite3_sql(statement))) {
    s->partition_shown = false;
    return;
  }
  bool shown[KEYS_MAX] = {false};
  for (size_t i = 0; i < s->n_columns && engine_ok(engine); i++) {
    const char *table = sqlite3_column_table_name(statement, (int)i),
               *column = sqlite3_column_origin_name(statement, (int)i);
    const char *schema = sqlite3_column_database_name(statement, (int)i);
    int partition = table && strcmp(table, list) == 0 ? 0 : -1;
    if (table && column && schema && strcmp(schema, "main") == 0) {
      const struct source *source =
          s->source && sqlite3_stricmp(table, s->source->name) == 0 ? s->source : source_read(engine, table);
      if (source) s->columns[i].source = source_find(source, column);
      for (size_t k = 0; s->kind == KIND_KEY && source == s->source && k < s->n_partition; k++)
        if (s->key_columns[k] && sqlite3_stricmp(s->key_columns[k], column) == 0) partition = (int)k;
    }
    /* One result column is enough for each partition column; a second one is a plain column. */
    if (partition >= 0 && !shown[partition]) {
      s->columns[i].partition = partition;
      shown[partition] = true;
    }
  }
  for (size_t k = 0; k < s->n_partition; k++) s->partition_shown &= shown[k];
  read_indexed(engine, d);
  /* A zoom's level partitions its windows by what it groups by, the bucket among it. */
  s->additive = s->zoom || s->n_clustered || additive_by_form(s, &d->shadow.tokens);
}
