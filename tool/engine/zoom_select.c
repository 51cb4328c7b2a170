#include "tool/engine/zoom_select.h"
#include "tool/engine/shadow.h"
#include <string.h>

/* What is read, and how far. */
struct reading {
  struct engine *engine;
  const struct definitions *definitions;
  const struct statement *statement;
  struct token_list tokens;
  size_t at;
  bool is_space;
  const char *remedy;
};

static const char remedy_time[] =
    "a zoom is SELECT time, [key, ...] value FROM table [WHERE ...], all of them plain columns of the table";
static const char remedy_space[] =
    "a zoom over space is SELECT [key, ...] x, y FROM table [WHERE ...], all of "
    "them plain columns of the table";

static bool fail_offset(struct reading *r, size_t offset, const char *reason) {
  char *place = definitions_place(r->definitions, r->statement, offset);
  engine_fail(r->engine, CODE_FAILED, "%s: %s: %s", place ? place : "", r->statement->name, reason);
  sqlite3_free(place);
  return false;
}

static bool fail_here(struct reading *r, const char *reason) {
  const struct token *last = &r->tokens.tokens[r->tokens.n - 1];
  const char *at = r->at < r->tokens.n ? r->tokens.tokens[r->at].start : last->start + last->length;
  return fail_offset(r, (size_t)(at - r->statement->select), reason);
}

static bool is(const struct reading *r, const char *word) {
  return r->at < r->tokens.n && token_is(&r->tokens.tokens[r->at], word);
}

static char *text_between(struct reading *r, size_t first, size_t end) {
  const struct token *from = &r->tokens.tokens[first], *last = &r->tokens.tokens[end - 1];
  return engine_printf(r->engine, "%.*s", (int)(last->start + last->length - from->start), from->start);
}

/* ------------------------------------------------------------------------------------------------- the list */

/* One item: column, table.column, either with AS name or a name behind. */
static bool read_item(struct reading *r, struct zoom_select *select) {
  size_t first = r->at;
  if (select->n == ZOOM_COLUMNS_MAX) return fail_here(r, "a zoom has at most 8 key columns");
  if (r->at >= r->tokens.n || !token_is_name(&r->tokens.tokens[r->at])) return fail_here(r, r->remedy);
  r->at++;
  if (is(r, ".")) r->at += 2;
  if (r->at > r->tokens.n) return fail_here(r, r->remedy);
  select->items[select->n++] = text_between(r, first, r->at);
  if (is(r, "as")) r->at++;
  if (r->at < r->tokens.n && !is(r, ",") && !is(r, "from")) {
    if (!token_is_name(&r->tokens.tokens[r->at])) return fail_here(r, r->remedy);
    r->at++;
  }
  return engine_ok(r->engine);
}

static bool read_list(struct reading *r, struct zoom_select *select) {
  if (!is(r, "select")) return fail_here(r, r->remedy);
  do {
    r->at++;
    if (is(r, "distinct") || is(r, "all")) return fail_here(r, r->remedy);
    if (!read_item(r, select)) return false;
  } while (is(r, ","));
  if (select->n < 2)
    return fail_here(r, r->is_space ? "a zoom over space needs two columns at least: SELECT x, y FROM ..."
                                    : "a zoom needs a time and a value at least: SELECT ts, value FROM ...");
  return is(r, "from") || fail_here(r, r->remedy);
}

/* ------------------------------------------------------------------------------------------------- the rest */

/* Does a clause of a SELECT begin here that a zoom can't have? */
static bool is_clause(const struct reading *r) {
  static const char *const words[] = {"group",  "order", "limit",  "having",
                                      "window", "union", "except", "intersect"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (is(r, words[i])) return true;
  return false;
}

static bool read_where(struct reading *r, struct zoom_select *select) {
  select->where = "";
  if (r->at == r->tokens.n) return true;
  if (!is(r, "where")) return fail_here(r, r->remedy);
  size_t first = ++r->at;
  for (int depth = 0; r->at < r->tokens.n; r->at++) {
    if (is(r, "select")) return fail_here(r, "the WHERE of a zoom is about its row alone: no SELECT in it");
    depth += is(r, "(") - is(r, ")");
    if (depth == 0 && is_clause(r)) return fail_here(r, r->remedy);
  }
  if (first == r->at) return fail_here(r, r->remedy);
  select->where = engine_printf(r->engine, "(%s) AND ", text_between(r, first, r->at));
  return engine_ok(r->engine);
}

static bool read_from(struct reading *r, struct zoom_select *select) {
  size_t first = ++r->at;
  if (r->at >= r->tokens.n || !token_is_name(&r->tokens.tokens[r->at])) return fail_here(r, r->remedy);
  char *name = shadow_value(r->engine, &r->tokens.tokens[r->at]), *spelled = 0;
  select->alias = text_between(r, r->at, r->at + 1);
  r->at++;
  if (is(r, "as")) r->at++;
  if (r->at < r->tokens.n && !is(r, "where")) {
    if (is_clause(r) || !token_is_name(&r->tokens.tokens[r->at])) return fail_here(r, r->remedy);
    select->alias = text_between(r, r->at, r->at + 1);
    r->at++;
  }
  select->from = text_between(r, first, r->at);
  if (!read_where(r, select)) return false;
  if (source_object(r->engine, name, &spelled) != OBJECT_TABLE)
    return fail_offset(
        r, (size_t)(r->tokens.tokens[first].start - r->statement->select),
        engine_printf(r->engine, "there is no table %s: a zoom is over a table, whose rows triggers can see",
                      name));
  select->source = source_read(r->engine, spelled);
  return select->source != 0;
}

/* -------------------------------------------------------------------------------------------------- meaning */

static bool is_taken(const char *name) {
  static const char *const taken[] = {"bucket", "n",        "sum",  "min",     "min_at", "max", "max_at",
                                      "first",  "first_at", "last", "last_at", "level",  "iy",  "ix",
                                      "x0",     "x1",       "y0",   "y1",      "nx",     "ny"};
  for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
    if (sqlite3_stricmp(name, taken[i]) == 0) return true;
  return sqlite3_strnicmp(name, "almanac_", 8) == 0;
}

/* Names and columns, as SQLite sees them. */
static bool read_columns(struct reading *r, sqlite3_stmt *statement, struct zoom_select *select) {
  struct engine *engine = r->engine;
  for (size_t i = 0; i < select->n; i++) {
    const char *name = sqlite3_column_name(statement, (int)i),
               *column = sqlite3_column_origin_name(statement, (int)i);
    if (!name) return engine_fail_memory(engine);
    select->names[i] = engine_printf(engine, "%s", name);
    if (!column || !source_find(select->source, column))
      return fail_offset(r, 0,
                         engine_printf(engine, "%s is no column of %s; %s", select->items[i],
                                       select->source->name, r->remedy));
    select->columns[i] = engine_printf(engine, "%s", column);
    for (size_t k = 0; k < i; k++)
      if (sqlite3_stricmp(select->names[k], name) == 0)
        return fail_offset(
            r, 0, engine_printf(engine, "two columns are named %s; give one another name with AS", name));
    const char *type = source_find(select->source, column)->type;
    bool is_key = i >= select->first_key && i < select->first_key + select->n - 2;
    bool is_number = !is_key && (r->is_space || i > 0);
    if (is_number && strcmp(type_affinity(type), "TEXT") == 0)
      return fail_offset(
          r, 0,
          engine_printf(engine, "%s is declared as %s, so that all its values are text; a zoom is of numbers",
                        column, type));
    if (is_key && is_taken(name))
      return fail_offset(
          r, 0,
          engine_printf(engine,
                        "the key %s has the name of one of a zoom's own columns; give it another one with AS",
                        name));
  }
  return engine_ok(engine);
}

/* What SQLite, or the tokens, have to say against it. */
static bool fail_select(struct reading *r, int offset) {
  if (engine_ok(r->engine) || r->engine->of_moment) return false;
  char *reason = engine_recover(r->engine, 0);
  fail_offset(r, offset > 0 ? (size_t)offset : 0, reason ? reason : "out of memory");
  sqlite3_free(reason);
  return false;
}

static bool read(struct reading *r, struct zoom_select *select) {
  struct shadow shadow = {0};
  struct shadow_reads reads;
  int offset = 0;
  bool plain = shadow_read(r->engine, r->statement->select, &shadow);
  shadow_free(&shadow, 0);
  if (!plain) return fail_select(r, 0);
  sqlite3_stmt *statement = shadow_prepare(r->engine, r->statement->select, &reads, &offset);
  if (!statement) return fail_select(r, offset);
  select->first_key = r->is_space ? 0 : 1;
  bool good = read_list(r, select) && read_from(r, select);
  if (good && reads.calls_extension)
    good = fail_offset(r, 0, "it calls functions of the extension, without which its levels must work");
  good = good && read_columns(r, statement, select);
  sqlite3_finalize(statement);
  return good && engine_ok(r->engine);
}

bool zoom_select_read(struct engine *engine, const struct definitions *definitions,
                      const struct statement *statement, bool is_space, struct zoom_select *select) {
  struct reading r = {.engine = engine,
                      .definitions = definitions,
                      .statement = statement,
                      .is_space = is_space,
                      .remedy = is_space ? remedy_space : remedy_time};
  memset(select, 0, sizeof *select);
  if (!tokens_read(statement->select, &r.tokens)) return engine_fail_memory(engine);
  bool good = read(&r, select);
  tokens_free(&r.tokens);
  return good;
}

/* --------------------------------------------------------------------------------------------------- levels */

/* `format` (of a name and an item) for each key, one behind the other. */
static char *for_keys(struct engine *engine, const struct zoom_select *select, const char *before, bool item,
                      bool name, const char *behind) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 1; i + 1 < select->n; i++) {
    sqlite3_str_appendall(out, before);
    if (item) sqlite3_str_appendall(out, select->items[i]);
    if (item && name) sqlite3_str_appendall(out, " AS ");
    if (name) sqlite3_str_appendf(out, "\"%w\"", select->names[i]);
    sqlite3_str_appendall(out, behind);
  }
  return engine_finish(engine, out);
}

static char *bucket_call(struct engine *engine, const struct zoom *zoom, const struct zoom_level *level,
                         const char *time) {
  bool has_unit = strcmp(zoom->unit, "s") != 0 && strcmp(zoom->unit, "text") != 0;
  char *width = engine_printf(engine, level->is_number ? "%s" : "'%s'", level->width_text);
  return engine_printf(engine, has_unit ? "time_bucket(%s, %s, '%s')" : "time_bucket(%s, %s)", width, time,
                       zoom->unit);
}

char *zoom_select_level(struct engine *engine, const struct zoom_select *select, const struct zoom *zoom,
                        size_t i, const char *options) {
  const struct zoom_level *level = &zoom->levels[i];
  const char *time = i > 0 ? "bucket" : select->items[0];
  const struct sql_variable *v = sql_literal(engine, 0, "level_name", quoted(engine, level->name));
  v = sql_literal(engine, v, "zoom", engine_printf(engine, "%Q", zoom->name));
  v = sql_literal(engine, v, "options", options);
  v = sql_literal(engine, v, "bucket", bucket_call(engine, zoom, level, time));
  v = sql_literal(engine, v, "keys", for_keys(engine, select, ", ", false, true, ""));
  v = sql_literal(engine, v, "from", i > 0 ? quoted(engine, zoom->levels[i - 1].name) : select->from);
  if (i > 0) return sql_text(engine, "zoom_level_next", v);
  v = sql_literal(engine, v, "key_items", for_keys(engine, select, ", ", true, true, ""));
  v = sql_literal(engine, v, "key_expressions", for_keys(engine, select, ", ", true, false, ""));
  v = sql_literal(engine, v, "key_conditions",
                  for_keys(engine, select, " AND ", true, false, " IS NOT NULL"));
  v = sql_literal(engine, v, "time", time);
  v = sql_literal(engine, v, "value", select->items[select->n - 1]);
  v = sql_literal(engine, v, "where", select->where);
  return sql_text(engine, "zoom_level_first", v);
}

char *zoom_select_view(struct engine *engine, const struct zoom_select *select, const char *name,
                       const char *statement_select) {
  sqlite3_str *columns = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < select->n; i++)
    sqlite3_str_appendf(columns, "%s\"%w\"", i ? ", " : "", select->names[i]);
  const struct sql_variable *v = sql_literal(engine, 0, "name", quoted(engine, name));
  v = sql_literal(engine, v, "columns", engine_finish(engine, columns));
  return sql_text(engine, "zoom_view", sql_literal(engine, v, "select", statement_select));
}
