/*
** A definitions file is read in one pass over its tokens. Each statement is cut off at its semicolon
** first, so that no mistake in it can swallow the next one, and then read by its first words.
*/
#include "tool/engine/definitions.h"
#include "tool/engine/token.h"
#include <string.h>

enum { SHOWN_MAX = 40 }; /* bytes of a token that a message shows */

struct place {
  int line;
  int column;
};

struct parser {
  struct engine *engine;
  struct definitions *out;
  const char *text;
  struct token_list tokens;
  size_t at;  /* the token that is read next */
  size_t end; /* the token after the statement: its semicolon or the end of the file */
  size_t capacity;
  const char *mark; /* `place` is where this is: positions are counted on from here */
  struct place place;
};

/* ---- places ---- */

/* Counts characters, not bytes: that is what an editor shows. */
static struct place advance(struct place place, const char *from, const char *to) {
  for (; from < to; from++) {
    if (*from == '\n') {
      place.line++;
      place.column = 1;
    } else if (((unsigned char)*from & 0xC0) != 0x80) {
      place.column++;
    }
  }
  return place;
}

/* A byte order mark is no character of the first line. */
static const char *first_character(const char *text) {
  return strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? text + 3 : text;
}

static const struct token *peek(const struct parser *p, size_t ahead) {
  return p->at + ahead < p->end ? &p->tokens.tokens[p->at + ahead] : NULL;
}

/* ---- failing ---- */

static bool fail_memory(struct parser *p) {
  return engine_fail(p->engine, CODE_FAILED, "%s: out of memory",
                     p->out->file ? p->out->file : "definitions");
}

/* Fails at `where` in the file with `message`, which is the caller's sqlite3_mprintf and freed here. */
static bool fail_at(struct parser *p, const char *where, char *message) {
  if (!message) return fail_memory(p);
  const char *first = first_character(p->text);
  struct place place = advance((struct place){1, 1}, first, where);
  engine_fail(p->engine, CODE_FAILED, "%s:%d:%d: %s", p->out->file, place.line, place.column, message);
  sqlite3_free(message);
  return false;
}

/* Where the next token of the statement stands, or where the statement ends. */
static const char *where(const struct parser *p) {
  if (p->at < p->tokens.n) return p->tokens.tokens[p->at].start;
  if (!p->tokens.n) return p->text;
  const struct token *last = &p->tokens.tokens[p->tokens.n - 1];
  return last->start + last->length;
}

/* How many bytes of a token a message shows: no line break, no half character. */
static int shown(const struct token *token) {
  size_t length = token->length < SHOWN_MAX ? token->length : SHOWN_MAX;
  size_t line = strcspn(token->start, "\r\n");
  if (line < length) return (int)line;
  while (length < token->length && length > 0 && ((unsigned char)token->start[length] & 0xC0) == 0x80)
    length--;
  return (int)length;
}

static bool fail_expected(struct parser *p, const char *expected) {
  const struct token *found = peek(p, 0);
  if (!found) {
    const char *end = p->at < p->tokens.n ? "statement" : "file";
    return fail_at(p, where(p), sqlite3_mprintf("expected %s, found the end of the %s", expected, end));
  }
  return fail_at(p, where(p),
                 sqlite3_mprintf("expected %s, found %.*s", expected, shown(found), found->start));
}

/* ---- small steps ---- */

static bool is(const struct parser *p, size_t ahead, const char *word) {
  const struct token *token = peek(p, ahead);
  return token && token_is(token, word);
}

static bool accept(struct parser *p, const char *word) {
  if (!is(p, 0, word)) return false;
  p->at++;
  return true;
}

static bool expect(struct parser *p, const char *word) {
  return accept(p, word) || fail_expected(p, word);
}

/* The text from the token `first` to before the token `end`, without what surrounds it. */
static char *text_between(const struct parser *p, size_t first, size_t end) {
  const char *from = p->tokens.tokens[first].start;
  const struct token *last = &p->tokens.tokens[end - 1];
  size_t length = (size_t)(last->start + last->length - from);
  char *copy = sqlite3_malloc64((sqlite3_uint64)length + 1);
  if (!copy) return NULL;
  memcpy(copy, from, length);
  copy[length] = 0;
  return copy;
}

/* Adds a statement that spans the tokens from `first` to the end; NULL when out of memory. */
static struct statement *add_statement(struct parser *p, enum statement_type type, size_t first) {
  struct definitions *out = p->out;
  if (out->n == p->capacity) {
    size_t wanted = p->capacity ? 2 * p->capacity : 16;
    struct statement *grown = sqlite3_realloc64(out->statements, wanted * sizeof *grown);
    if (!grown) return NULL;
    out->statements = grown;
    p->capacity = wanted;
  }
  struct statement *statement = &out->statements[out->n];
  const char *start = p->tokens.tokens[first].start;
  p->place = advance(p->place, p->mark, start);
  p->mark = start;
  *statement = (struct statement){.type = type, .line = p->place.line, .column = p->place.column};
  statement->text = text_between(p, first, p->end);
  if (!statement->text) return NULL;
  out->n++;
  return statement;
}

/* ---- names ---- */

/* Words such as AS and ORDER are no names unless they are quoted, others such as KEY are: SQLite knows. */
static bool is_reserved(const struct parser *p, const struct token *token) {
  if (token->type != TOKEN_WORD || !sqlite3_keyword_check(token->start, (int)token->length)) return false;
  char sql[64];
  sqlite3_stmt *probe = NULL;
  sqlite3_snprintf(sizeof sql, sql, "SELECT 1 AS %.*s", (int)token->length, token->start);
  int rc = sqlite3_prepare_v2(p->engine->db, sql, -1, &probe, NULL);
  sqlite3_finalize(probe);
  return rc == SQLITE_ERROR;
}

static bool read_name(struct parser *p, char **name) {
  const struct token *token = peek(p, 0);
  if (token && token->type == TOKEN_STRING)
    return fail_expected(p, "the summary's name, in double quotes if it needs any");
  if (!token || !token_is_name(token)) return fail_expected(p, "the summary's name");
  if (is_reserved(p, token)) return fail_expected(p, "the summary's name (a keyword needs double quotes)");
  if (is(p, 1, ".") && peek(p, 2)) {
    const struct token *last = peek(p, 2);
    return fail_at(
        p, token->start,
        sqlite3_mprintf("%.*s.%.*s: write %.*s alone: summaries live in the database that the tool "
                        "is called with",
                        shown(token), token->start, shown(last), last->start, shown(last), last->start));
  }
  *name = token_value(token);
  if (!*name) return fail_memory(p);
  p->at++;
  return true;
}

/* A name that a new summary may have: not one of those that the tool or SQLite make themselves. */
static bool check_new_name(struct parser *p, const struct token *token, const char *name) {
  static const char stored[] = "_stored";
  size_t n = strlen(name);
  size_t n_stored = sizeof stored - 1;
  const char *reason = NULL;
  if (n == 0)
    reason = "a summary needs a name";
  else if (sqlite3_strnicmp(name, "almanac_", 8) == 0)
    reason = "names that start with almanac_ are kept for the tool's own tables: choose another";
  else if (sqlite3_strnicmp(name, "sqlite_", 7) == 0)
    reason = "names that start with sqlite_ are kept for SQLite: choose another";
  else if (n >= n_stored && sqlite3_stricmp(name + n - n_stored, stored) == 0)
    reason = "names that end in _stored are kept for the tables with the stored rows: choose another";
  if (!reason) return true;
  return fail_at(p, token->start, sqlite3_mprintf("%.*s: %s", shown(token), token->start, reason));
}

/* ---- WITH (name = value, ...) ---- */

/* Is all from `first` to before `end` in one pair of parentheses, as in index = (a, b)? */
static bool is_enclosed(const struct parser *p, size_t first, size_t end) {
  int depth = 0;
  for (size_t i = first; i < end; i++) {
    depth += token_is(&p->tokens.tokens[i], "(") - token_is(&p->tokens.tokens[i], ")");
    if (depth == 0) return i > first + 1 && i + 1 == end;
  }
  return false;
}

/* The value ends at a comma or parenthesis that no parenthesis inside it holds. */
static bool read_value(struct parser *p, char **value) {
  size_t first = p->at;
  int depth = 0;
  for (; p->at < p->end; p->at++) {
    if (depth == 0 && (is(p, 0, ",") || is(p, 0, ")"))) break;
    depth += is(p, 0, "(") - is(p, 0, ")");
  }
  if (p->at == p->end) return fail_expected(p, "a ) after the options");
  if (p->at == first) return fail_expected(p, "a value after =");
  const struct token *token = &p->tokens.tokens[first];
  bool is_string = p->at == first + 1 && token->type == TOKEN_STRING;
  int inside = is_enclosed(p, first, p->at);
  *value = is_string ? token_value(token) : text_between(p, first + inside, p->at - inside);
  return *value ? true : fail_memory(p);
}

static void lower(char *text) {
  for (; *text; text++)
    if (*text >= 'A' && *text <= 'Z') *text += 'a' - 'A';
}

static bool read_option(struct parser *p, struct statement *statement) {
  const struct token *token = peek(p, 0);
  if (!token || !token_is_name(token)) return fail_expected(p, "the name of an option");
  struct definition_option *grown =
      sqlite3_realloc64(statement->options, (statement->n_options + 1) * sizeof *grown);
  if (!grown) return fail_memory(p);
  statement->options = grown;
  struct definition_option *option = &grown[statement->n_options];
  *option = (struct definition_option){token_value(token), NULL};
  statement->n_options++;
  if (!option->name) return fail_memory(p);
  lower(option->name);
  for (size_t i = 0; i + 1 < statement->n_options; i++)
    if (strcmp(grown[i].name, option->name) == 0)
      return fail_at(p, token->start, sqlite3_mprintf("option %s is given twice", option->name));
  p->at++;
  return expect(p, "=") && read_value(p, &option->value);
}

static bool read_options(struct parser *p, struct statement *statement) {
  if (!accept(p, "WITH")) return true;
  if (!expect(p, "(")) return false;
  do {
    if (!read_option(p, statement)) return false;
  } while (accept(p, ","));
  return expect(p, ")");
}

/* ---- statements ---- */

static bool expect_end(struct parser *p) {
  return p->at == p->end || fail_expected(p, "a semicolon");
}

/* Takes WITH DATA off the end of a CREATE. A name gives its rows before the first refresh as well, by running
   its query, so that PostgreSQL's NO DATA, which makes reads fail, has no counterpart. */
static bool read_with_data(struct parser *p, size_t *end) {
  size_t n = *end - p->at;
  if (n > 2 && is(p, n - 2, "WITH") && is(p, n - 1, "DATA")) {
    *end -= 2;
  } else if (n > 3 && is(p, n - 3, "WITH") && is(p, n - 2, "NO") && is(p, n - 1, "DATA")) {
    return fail_at(p, peek(p, n - 3)->start,
                   sqlite3_mprintf("WITH NO DATA: leave it out: until the first refresh a summary's name "
                                   "gives its query's rows from the source"));
  }
  return true;
}

/* A forgotten semicolon would otherwise show as a puzzling syntax error far behind it. */
static bool check_no_statement_inside(struct parser *p) {
  for (size_t i = 0; peek(p, i + 2); i++) {
    bool starts = is(p, i, "CREATE") || is(p, i, "REFRESH") || is(p, i, "DROP");
    if (starts && is(p, i + 1, "MATERIALIZED") && is(p, i + 2, "VIEW"))
      return fail_at(p, peek(p, i)->start,
                     sqlite3_mprintf("a semicolon is missing before this %.*s MATERIALIZED VIEW",
                                     (int)peek(p, i)->length, peek(p, i)->start));
  }
  return true;
}

static bool read_select(struct parser *p, struct statement *statement) {
  if (!is(p, 0, "SELECT") && !is(p, 0, "WITH") && !is(p, 0, "VALUES"))
    return fail_expected(p, "SELECT, WITH or VALUES");
  size_t end = p->end;
  if (!check_no_statement_inside(p) || !read_with_data(p, &end)) return false;
  const char *start = peek(p, 0)->start;
  p->place = advance(p->place, p->mark, start);
  p->mark = start;
  statement->select_line = p->place.line;
  statement->select_column = p->place.column;
  statement->select = text_between(p, p->at, end);
  return statement->select ? true : fail_memory(p);
}

/* CREATE MATERIALIZED VIEW, of which the first two words are read. */
static bool read_create(struct parser *p, size_t first) {
  struct statement *statement = add_statement(p, STATEMENT_CREATE, first);
  if (!statement) return fail_memory(p);
  if (!expect(p, "VIEW")) return false;
  if (is(p, 0, "IF") && is(p, 1, "NOT")) {
    p->at += 2;
    if (!expect(p, "EXISTS")) return false;
    statement->if_exists = true;
  }
  const struct token *name = peek(p, 0);
  if (!read_name(p, &statement->name) || !check_new_name(p, name, statement->name)) return false;
  if (is(p, 0, "("))
    return fail_at(
        p, where(p),
        sqlite3_mprintf("a list of columns is not read here: write the names with AS in the SELECT"));
  if (!read_options(p, statement)) return false;
  if (!accept(p, "AS")) return fail_expected(p, statement->n_options ? "AS" : "AS or WITH (");
  return read_select(p, statement);
}

static bool read_refresh(struct parser *p, size_t first) {
  struct statement *statement = add_statement(p, STATEMENT_REFRESH, first);
  if (!statement) return fail_memory(p);
  if (!expect(p, "MATERIALIZED") || !expect(p, "VIEW")) return false;
  /* Readers are never kept waiting, so that CONCURRENTLY asks for nothing more. */
  if (is(p, 0, "CONCURRENTLY") && peek(p, 1)) p->at++;
  if (!read_name(p, &statement->name)) return false;
  const char *with = where(p);
  if (accept(p, "WITH")) {
    if (accept(p, "NO"))
      return fail_at(p, with,
                     sqlite3_mprintf("WITH NO DATA would empty the summary, but its name always gives its "
                                     "query's rows: write DROP MATERIALIZED VIEW %s to be rid of it",
                                     statement->name));
    if (!expect(p, "DATA")) return false;
  }
  return expect_end(p);
}

/* DROP MATERIALIZED VIEW, of which the first two words are read. Each name is a statement of its own. */
static bool read_drop(struct parser *p, size_t first) {
  if (!expect(p, "VIEW")) return false;
  bool if_exists = is(p, 0, "IF") && is(p, 1, "EXISTS");
  if (if_exists) p->at += 2;
  do {
    struct statement *statement = add_statement(p, STATEMENT_DROP, first);
    if (!statement) return fail_memory(p);
    statement->if_exists = if_exists;
    if (!read_name(p, &statement->name)) return false;
  } while (accept(p, ","));
  const char *cascade = where(p);
  if (accept(p, "CASCADE"))
    return fail_at(p, cascade,
                   sqlite3_mprintf("CASCADE: name the summaries to drop, those that read others first"));
  accept(p, "RESTRICT");
  return expect_end(p);
}

/* Statements that would break out of the file's transaction, or reach out of the database. */
static bool check_allowed(struct parser *p) {
  static const char *const refused[] = {"BEGIN",     "START",   "COMMIT", "END",    "ROLLBACK",
                                        "SAVEPOINT", "RELEASE", "VACUUM", "ATTACH", "DETACH"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (is(p, 0, refused[i]))
      return fail_at(p, where(p),
                     sqlite3_mprintf("%s is refused: apply runs the file as one transaction on one database: "
                                     "leave it out, or run it with sqlite3",
                                     refused[i]));
  if (is(p, 0, "PRAGMA"))
    return fail_at(p, where(p),
                   sqlite3_mprintf("PRAGMA is refused: apply runs the file as one transaction, in which most "
                                   "pragmas do nothing: run it with sqlite3"));
  if (is(p, 0, "ALTER") && is(p, 1, "MATERIALIZED"))
    return fail_at(p, where(p),
                   sqlite3_mprintf("ALTER MATERIALIZED VIEW is refused: change the CREATE MATERIALIZED VIEW: "
                                   "apply rebuilds a changed definition by itself"));
  return true;
}

static bool check_create_words(struct parser *p) {
  if (is(p, 1, "OR") && is(p, 2, "REPLACE") && is(p, 3, "MATERIALIZED"))
    return fail_at(
        p, peek(p, 1)->start,
        sqlite3_mprintf("OR REPLACE: leave it out: apply rebuilds a changed definition by itself"));
  if ((is(p, 1, "TEMP") || is(p, 1, "TEMPORARY")) && is(p, 2, "MATERIALIZED"))
    return fail_at(p, peek(p, 1)->start,
                   sqlite3_mprintf("%.*s: leave it out: a summary is kept in the database file",
                                   (int)peek(p, 1)->length, peek(p, 1)->start));
  return true;
}

static bool read_statement(struct parser *p) {
  size_t first = p->at;
  if (!check_allowed(p)) return false;
  if (is(p, 0, "CREATE") && !check_create_words(p)) return false;
  if (is(p, 1, "MATERIALIZED") && (is(p, 0, "CREATE") || is(p, 0, "DROP"))) {
    bool creates = is(p, 0, "CREATE");
    p->at += 2;
    return creates ? read_create(p, first) : read_drop(p, first);
  }
  if (accept(p, "REFRESH")) return read_refresh(p, first);
  return add_statement(p, STATEMENT_SQL, first) ? true : fail_memory(p);
}

/* ---- the file ---- */

/* What a definitions file cannot hold, whatever the statement; NULL for all other tokens. */
static const char *why_refused(const struct token *token) {
  if (token->type == TOKEN_PARAMETER) return "a parameter has no value here: write the value itself";
  if (token->type != TOKEN_ILLEGAL) return NULL;
  switch (*token->start) {
  case '\'':
  case '"':
  case '`':
  case '[':
    return "a quote that is never closed";
  case '/':
    return "a comment that is never closed";
  case 'x':
  case 'X':
    return "a blob needs an even number of hex digits";
  case '\\':
    return "psql's commands are not read here";
  }
  if (*token->start >= '0' && *token->start <= '9') return "neither a number nor a name";
  return "not something that SQL knows";
}

static bool check_token(struct parser *p, const struct token *token) {
  const char *reason = why_refused(token);
  if (!reason) return true;
  return fail_at(p, token->start, sqlite3_mprintf("%.*s: %s", shown(token), token->start, reason));
}

/* The semicolon after the statement that starts at p->at. A trigger's ends with `; END ;`, as the shell has
 * it. */
static bool find_end(struct parser *p) {
  const struct token *tokens = p->tokens.tokens;
  p->end = p->tokens.n;
  size_t skip = is(p, 0, "EXPLAIN") ? (is(p, 1, "QUERY") ? 3 : 1) : 0;
  bool temporary = is(p, skip + 1, "TEMP") || is(p, skip + 1, "TEMPORARY");
  bool trigger = is(p, skip, "CREATE") && is(p, skip + 1 + temporary, "TRIGGER");
  for (size_t i = p->at; i < p->tokens.n; i++) {
    if (!check_token(p, &tokens[i])) return false;
    bool closed =
        !trigger || (i >= p->at + 2 && token_is(&tokens[i - 1], "END") && token_is(&tokens[i - 2], ";"));
    if (token_is(&tokens[i], ";") && closed) {
      p->end = i;
      return true;
    }
  }
  size_t n = p->tokens.n;
  if (trigger && !(token_is(&tokens[n - 1], "END") && n - p->at > 2 && token_is(&tokens[n - 2], ";")))
    return fail_at(p, where(p), sqlite3_mprintf("this CREATE TRIGGER has no END; that closes its BEGIN"));
  return true;
}

static bool read_file(struct parser *p) {
  while (p->at < p->tokens.n) {
    p->end = p->tokens.n;
    if (accept(p, ";")) continue;
    if (is(p, 0, "."))
      return fail_at(
          p, where(p),
          sqlite3_mprintf("dot commands are the sqlite3 shell's: a definitions file holds SQL alone"));
    if (!find_end(p) || !read_statement(p)) return false;
    p->at = p->end;
  }
  return true;
}

bool definitions_read(struct engine *engine, const char *file, const char *text, struct definitions *out) {
  *out = (struct definitions){.file = sqlite3_mprintf("%s", file)};
  struct parser parser = {.engine = engine, .out = out, .text = text, .place = {1, 1}};
  parser.mark = first_character(text);
  bool ok = engine_ok(engine);
  if (ok && (!out->file || !tokens_read(text, &parser.tokens))) ok = fail_memory(&parser);
  ok = ok && read_file(&parser);
  tokens_free(&parser.tokens);
  if (!ok) definitions_free(out);
  return ok;
}

void definitions_free(struct definitions *definitions) {
  for (size_t i = 0; i < definitions->n; i++) {
    struct statement *statement = &definitions->statements[i];
    for (size_t k = 0; k < statement->n_options; k++) {
      sqlite3_free(statement->options[k].name);
      sqlite3_free(statement->options[k].value);
    }
    sqlite3_free(statement->options);
    sqlite3_free(statement->name);
    sqlite3_free(statement->select);
    sqlite3_free(statement->text);
  }
  sqlite3_free(definitions->statements);
  sqlite3_free(definitions->file);
  *definitions = (struct definitions){0};
}

char *definitions_place(const struct definitions *definitions, const struct statement *statement,
                        size_t offset) {
  bool in_select = statement->select != NULL;
  const char *text = in_select ? statement->select : statement->text;
  struct place place = {in_select ? statement->select_line : statement->line,
                        in_select ? statement->select_column : statement->column};
  size_t length = strlen(text);
  place = advance(place, text, text + (offset < length ? offset : length));
  return sqlite3_mprintf("%s:%d:%d", definitions->file, place.line, place.column);
}
