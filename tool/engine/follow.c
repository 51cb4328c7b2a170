#include "tool/engine/follow.h"
#include "tool/engine/capture.h"
#include <string.h>

/* ----------------------------------------------------------------------------------------------- the view */

static bool is_call_of_bucket(const struct token_list *list, size_t i) {
  return token_is(&list->tokens[i], "time_bucket") && i + 1 < list->n && token_is(&list->tokens[i + 1], "(");
}

/* `text` with each token replaced by what `replace` gives for it; NULL leaves it. */
static char *replace_tokens(struct engine *engine, const char *text, const struct token_list *list,
                            const char *(*replace)(const void *context, size_t i), const void *context) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  const char *at = text;
  for (size_t i = 0; i < list->n; i++) {
    const char *new = replace(context, i);
    if (!new) continue;
    sqlite3_str_append(out, at, (int)(list->tokens[i].start - at));
    sqlite3_str_appendall(out, new);
    at = list->tokens[i].start + list->tokens[i].length;
  }
  sqlite3_str_appendall(out, at);
  return engine_finish(engine, out);
}

static const char *without_bucket(const void *context, size_t i) {
  return is_call_of_bucket(context, i) ? "coalesce" : 0;
}

/* The SELECT in plain SQL, token for token: coalesce takes any two arguments and more, as time_bucket does. */
static char *plain_select(struct engine *engine, const char *select) {
  struct token_list list;
  if (!tokens_read(select, &list)) {
    engine_fail_memory(engine);
    return 0;
  }
  char *plain = replace_tokens(engine, select, &list, without_bucket, &list);
  tokens_free(&list);
  return plain;
}

/* Do names of tables or columns stand in the option's value? */
static bool has_names(const struct definition_option *option) {
  return strcmp(option->name, "partition") == 0 || strcmp(option->name, "source") == 0 ||
         strcmp(option->name, "static") == 0;
}

/* An option as something to select from: `(SELECT ` and ` FROM ...)` around expressions, `(SELECT 1 FROM ` and `)` around
 * tables. */
static char *mention(struct engine *engine, const struct definition_option *option, const char *source) {
  if (strcmp(option->name, "partition") == 0)
    return source ? engine_printf(engine, ", (SELECT %s FROM \"%w\")", option->value, source) : "";
  return engine_printf(engine, ", (SELECT 1 FROM %s)", option->value);
}

static char *view_text(struct engine *engine, const struct summary *s, const struct statement *statement,
                       const char *source) {
  sqlite3_str *mentions = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < statement->n_options; i++)
    if (has_names(&statement->options[i]))
      sqlite3_str_appendall(mentions, mention(engine, &statement->options[i], source));
  const struct sql_variable *v = sql_literal(engine, 0, "query_view", summary_object(engine, s, "query"));
  v = sql_literal(engine, v, "select", plain_select(engine, statement->select));
  return sql_text(engine, "view_names", sql_literal(engine, v, "mentions", engine_finish(engine, mentions)));
}

/* The definition's only statement; NULL on failure. Free `definitions` in any case. */
static const struct statement *read_statement(struct engine *engine, const struct summary *s,
                                              const char *text, struct definitions *definitions) {
  *definitions = (struct definitions){0};
  bool good = definitions_read(engine, s->name, text, definitions) && definitions->n == 1;
  return good ? &definitions->statements[0] : 0;
}

bool follow_create(struct engine *engine, const struct summary *s, const char *source) {
  struct definitions definitions;
  const struct statement *statement = read_statement(engine, s, s->definition, &definitions);
  if (statement) engine_exec(engine, view_text(engine, s, statement, source));
  definitions_free(&definitions);
  return engine_ok(engine);
}

/* ------------------------------------------------------------------------------------------- what is renamed */

/* The name as one writes it: without the quotes that SQLite puts around any. */
static char *written(struct engine *engine, const struct token *token) {
  char *name = shadow_value(engine, token);
  bool plain = !sqlite3_keyword_check(name, (int)strlen(name)) && !(*name >= '0' && *name <= '9');
  for (const char *at = name; *at; at++)
    plain &=
        *at == '_' || (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
  return plain && *name ? name : engine_printf(engine, "%.*s", (int)token->length, token->start);
}

/* Two texts of the view, token by token. */
struct comparison {
  struct token_list made, now;
  char **renamed; /* for each token its new text, or NULL */
  size_t n_renamed;
  size_t from; /* where the part that is looked at starts */
};

/* False where they differ in more than names. */
static bool compare(struct engine *engine, struct comparison *c) {
  if (c->made.n != c->now.n) return false;
  c->renamed = engine_alloc(engine, (c->made.n + 1) * sizeof *c->renamed);
  for (size_t i = 0; c->renamed && i < c->made.n; i++) {
    const struct token *made = &c->made.tokens[i], *now = &c->now.tokens[i];
    if (made->length == now->length && memcmp(made->start, now->start, made->length) == 0) continue;
    if (!token_is_name(made) || !token_is_name(now)) return false;
    c->renamed[i] = written(engine, now);
    c->n_renamed++;
  }
  return engine_ok(engine);
}

static const char *renamed_in_part(const void *context, size_t i) {
  const struct comparison *c = context;
  return c->renamed[c->from + i];
}

/* `text`, whose tokens are those of the view from c->from on, with the new names; c->from moves past it. */
static char *rename_part(struct engine *engine, struct comparison *c, const char *text) {
  struct token_list list;
  if (!tokens_read(text, &list)) {
    engine_fail_memory(engine);
    return 0;
  }
  char *new = replace_tokens(engine, text, &list, renamed_in_part, c);
  c->from += list.n;
  tokens_free(&list);
  return new;
}

/* ------------------------------------------------------------------------------- the same names of the result */

/* Writes `AS name` behind the items of the first list of results whose names have changed with a column's. */
static char *keep_names(struct engine *engine, const char *select, char *const *names, size_t n) {
  sqlite3_stmt *statement = engine_prepare(engine, select);
  if (!statement || (size_t)sqlite3_column_count(statement) != n) {
    engine_finalize(engine, statement);
    return 0;
  }
  struct token_list list = {0};
  if (!tokens_read(select, &list)) engine_fail_memory(engine);
  sqlite3_str *out = sqlite3_str_new(engine->db);
  const char *at = select;
  size_t item = 0, i = 0;
  int depth = 0;
  while (i < list.n && !(depth == 0 && token_is(&list.tokens[i], "select"))) {
    depth += token_is(&list.tokens[i], "(") - token_is(&list.tokens[i], ")");
    i++;
  }
  for (i++; i < list.n && item < n; i++) {
    const struct token *token = &list.tokens[i], *next = token + 1;
    depth += token_is(token, "(") - token_is(token, ")");
    bool ends = i + 1 == list.n ||
                (depth == 0 && (token_is(next, ",") || token_is(next, "from") || token_is(next, "union")));
    if (depth != 0 || !ends || token_is(token, ",")) continue;
    const char *name = sqlite3_column_name(statement, (int)item);
    if (name && sqlite3_stricmp(name, names[item]) != 0) {
      sqlite3_str_append(out, at, (int)(token->start + token->length - at));
      sqlite3_str_appendf(out, " AS \"%w\"", names[item]);
      at = token->start + token->length;
    }
    item++;
    if (i + 1 < list.n && !token_is(next, ",")) break;
  }
  sqlite3_str_appendall(out, at);
  engine_finalize(engine, statement);
  tokens_free(&list);
  char *kept = engine_finish(engine, out);
  return item == n && engine_ok(engine) ? kept : 0; /* a * stands for several */
}

/* The names of the summary's result columns, from its stored rows. */
static char **stored_names(struct engine *engine, const struct summary *s, size_t *n) {
  char **names = 0;
  *n = 0;
  sqlite3_stmt *columns = engine_prepare(
      engine,
      engine_printf(
          engine,
          "SELECT name FROM pragma_table_info('%q_stored') WHERE name NOT LIKE 'almanac%%' ORDER BY cid",
          s->name));
  while (engine_step(engine, columns)) {
    names = engine_grow(engine, names, n, sizeof *names);
    if (!names) break;
    names[(*n)++] = engine_column(engine, columns, 0);
  }
  engine_finalize(engine, columns);
  return names;
}

/* ----------------------------------------------------------------------------------------- the new definition */

enum { TOKENS_BEFORE_SELECT = 8 }; /* CREATE VIEW almanac_query_1 AS SELECT * FROM ( */

/* The CREATE statement up to its AS, with the options' new values. */
static char *header(struct engine *engine, const struct summary *s, const struct statement *statement,
                    char *const *values) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  sqlite3_str_appendf(out, "CREATE MATERIALIZED VIEW \"%w\"", s->name);
  for (size_t i = 0; i < statement->n_options; i++)
    sqlite3_str_appendf(out, "%s%s = %Q", i ? ", " : " WITH (", statement->options[i].name, values[i]);
  sqlite3_str_appendall(out, statement->n_options ? ") AS\n" : " AS\n");
  return engine_finish(engine, out);
}

/* The options' values with the new names; *changed tells whether there are any. */
static char **rename_options(struct engine *engine, struct comparison *c, const struct statement *statement,
                             const char *source, bool *changed) {
  char **values = engine_alloc(engine, (statement->n_options + 1) * sizeof *values);
  *changed = false;
  for (size_t i = 0; values && i < statement->n_options; i++) {
    const struct definition_option *option = &statement->options[i];
    bool partition = strcmp(option->name, "partition") == 0;
    values[i] = option->value;
    if (!has_names(option) || (partition && !source)) continue;
    c->from += partition ? 3 : 5; /* , (SELECT   or   , (SELECT 1 FROM */
    values[i] = rename_part(engine, c, option->value);
    c->from += partition ? 3 : 1; /* FROM source)   or   ) */
    if (!values[i]) return 0;
    *changed |= strcmp(values[i], option->value) != 0;
  }
  return values;
}

static char *rename_definition(struct engine *engine, const struct summary *s,
                               const struct statement *statement, struct comparison *c, const char *source) {
  size_t n;
  char **names = stored_names(engine, s, &n);
  c->from = TOKENS_BEFORE_SELECT;
  char *select = rename_part(engine, c, statement->select);
  c->from++;
  bool options_changed;
  char **values = rename_options(engine, c, statement, source, &options_changed);
  if (!select || !values || !(select = keep_names(engine, select, names, n))) return 0;
  const char *old = strstr(statement->text, statement->select);
  if (options_changed || !old)
    return engine_printf(engine, "%s%s", header(engine, s, statement, values), select);
  return engine_printf(engine, "%.*s%s%s", (int)(old - statement->text), statement->text, select,
                       old + strlen(statement->select));
}

static char *follow(struct engine *engine, const struct summary *s, const struct statement *statement,
                    const char *now, const char *source) {
  struct comparison c = {0};
  char *definition = 0;
  if (!tokens_read(view_text(engine, s, statement, source), &c.made) || !tokens_read(now, &c.now))
    engine_fail_memory(engine);
  else if (compare(engine, &c) && c.n_renamed > 0)
    definition = rename_definition(engine, s, statement, &c, source);
  tokens_free(&c.made);
  tokens_free(&c.now);
  return definition;
}

char *follow_renames(struct engine *engine, const struct summary *s, const char *source) {
  char *now = engine_string(
      engine, engine_printf(engine, "SELECT sql FROM sqlite_master WHERE type='view' AND name=%Q",
                            summary_object(engine, s, "query")));
  if (!now) return 0;
  struct definitions definitions;
  const struct statement *statement = read_statement(engine, s, s->definition, &definitions);
  char *definition = statement ? follow(engine, s, statement, now, source) : 0;
  definitions_free(&definitions);
  if (engine_ok(engine) || engine->of_moment) return engine_ok(engine) ? definition : 0;
  sqlite3_free(engine_recover(engine, 0)); /* what it was renamed to is gone: the definition stays as it is */
  return 0;
}

/* --------------------------------------------------------------------------------------- what is read and given */

/* Would `create` make the table as it is? */
static bool is_made_by(struct engine *engine, const char *table, const char *create) {
  char *text = engine_string(
      engine, engine_printf(engine, "SELECT sql FROM sqlite_master WHERE type='table' AND name=%Q", table));
  return text && strncmp(create, text, strlen(text)) == 0;
}

bool follow_same_tables(struct engine *engine, const struct summary *s) {
  char *stored = engine_printf(engine, "%s_stored", s->name);
  if (!is_made_by(engine, stored, sql_text(engine, "stored_create", summary_variables(engine, s))))
    return false;
  if (s->kind == KIND_WHOLE || !s->track) return true;
  return is_made_by(engine, engine_printf(engine, "almanac_region_%lld", (long long)s->track),
                    capture_region_sql(engine, s));
}

static bool is_read(const struct summary *s, const char *column) {
  for (size_t i = 0; i < s->n_source_columns; i++)
    if (sqlite3_stricmp(s->source_columns[i], column) == 0) return true;
  return false;
}

bool follow_same_columns(struct engine *engine, const struct summary *s) {
  char *part = summary_object(engine, s, "part");
  if (s->kind == KIND_WHOLE || source_object(engine, part, 0) != OBJECT_VIEW) return true;
  sqlite3_stmt *view = engine_prepare(engine, engine_printf(engine, "SELECT * FROM %s", part));
  size_t n = 0;
  bool same = view != 0;
  for (int i = 0; same && i < sqlite3_column_count(view); i++) {
    const char *column = sqlite3_column_origin_name(view, i);
    n += column != 0;
    same = !column || is_read(s, column);
  }
  engine_finalize(engine, view);
  return same && n == s->n_source_columns;
}
