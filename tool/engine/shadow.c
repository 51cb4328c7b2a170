#include "tool/engine/shadow.h"
#include "ext/init.h"
#include <string.h>

/* Since SQLite 3.38; weak, so that the tool runs with an older library too. */
extern int sqlite3_error_offset(sqlite3 *db) __attribute__((weak));

static char *text_between(struct engine *engine, const struct token *first, const struct token *last) {
  return engine_printf(engine, "%.*s", (int)(last->start + last->length - first->start), first->start);
}

char *shadow_value(struct engine *engine, const struct token *token) {
  char *value = token_value(token);
  if (!value) engine_fail_memory(engine);
  char *kept = engine_printf(engine, "%s", value ? value : "");
  sqlite3_free(value);
  return kept;
}

/* The index of the parenthesis that closes the one at `open`. */
static size_t closing(const struct token_list *list, size_t open) {
  int depth = 0;
  for (size_t i = open; i < list->n; i++) {
    if (token_is(&list->tokens[i], "(")) depth++;
    if (token_is(&list->tokens[i], ")") && --depth == 0) return i;
  }
  return list->n;
}

/* ----------------------------------------------------------------------------- what no summary may contain
 */

static bool refuse(struct engine *engine, const struct token *token, const char *reason) {
  return engine_fail(engine, CODE_FAILED, "%.*s: %s", (int)token->length, token->start, reason);
}

static bool is_call_without_time(const struct token_list *list, size_t i) {
  static const char *const all[] = {"date", "time", "datetime", "julianday", "unixepoch", "strftime"};
  const struct token *token = &list->tokens[i];
  if (i + 2 >= list->n || !token_is(token + 1, "(")) return false;
  for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
    if (!token_is(token, all[k])) continue;
    size_t close = closing(list, i + 1);
    return close == i + 2 || (k == 5 && close == i + 3);
  }
  return false;
}

static bool check_token(struct engine *engine, const struct token_list *list, size_t i) {
  const struct token *token = &list->tokens[i];
  bool qualifies = i + 1 < list->n && token_is(token + 1, ".");
  if (token->type == TOKEN_PARAMETER)
    return refuse(engine, token, "a summary has no parameters; write the value");
  if (qualifies && token_is_name(token) && !(i > 0 && token_is(token - 1, "."))) {
    char *name = shadow_value(engine, token);
    if (sqlite3_stricmp(name, "main") == 0 || sqlite3_stricmp(name, "temp") == 0)
      return refuse(engine, token,
                    "write the table's name without its schema: the file may be attached under another name");
  }
  static const char *const clocks[] = {"current_timestamp", "current_date", "current_time"};
  for (size_t k = 0; k < 3; k++)
    if (token_is(token, clocks[k]))
      return refuse(
          engine, token,
          "changes by itself, so a stored result can't stay right; filter by time when reading the summary");
  if (is_call_without_time(list, i))
    return refuse(
        engine, token,
        "without a time it means now, which changes by itself; filter by time when reading the summary");
  if (token->type == TOKEN_STRING) {
    char *text = shadow_value(engine, token);
    if (sqlite3_stricmp(text, "now") == 0 || sqlite3_stricmp(text, "localtime") == 0)
      return refuse(
          engine, token,
          "changes by itself, so a stored result can't stay right; filter by time when reading the summary");
  }
  return true;
}

/* ------------------------------------------------------------------------------------- calls of time_bucket
 */

static bool parse_grain(struct engine *engine, const struct token_list *list, size_t first, size_t comma,
                        const size_t *modifiers, size_t n_modifiers, struct bucket_call *call) {
  const struct token *width = &list->tokens[first];
  struct time_width parsed = {0};
  char *text = width->type == TOKEN_STRING ? shadow_value(engine, width)
                                           : text_between(engine, width, &list->tokens[comma - 1]);
  if (width->type == TOKEN_STRING) {
    parsed.text = text;
    parsed.length = strlen(text);
  } else {
    sqlite3_stmt *number = engine_prepare(engine, engine_printf(engine, "SELECT %s", text));
    if (engine_step(engine, number)) {
      parsed.is_real = sqlite3_column_type(number, 0) == SQLITE_FLOAT;
      parsed.integer = sqlite3_column_int64(number, 0);
      parsed.real = sqlite3_column_double(number, 0);
    }
    engine_finalize(engine, number);
  }
  struct time_modifier texts[8];
  call->signature = text;
  for (size_t i = 0; i < n_modifiers; i++) {
    texts[i].text = shadow_value(engine, &list->tokens[modifiers[i]]);
    texts[i].length = strlen(texts[i].text);
    call->signature = engine_printf(engine, "%s,%s", call->signature, texts[i].text);
    if (!strchr(texts[i].text, '=') && !time_unit_parse(texts[i].text, texts[i].length))
      call->zone = (char *)texts[i].text;
  }
  call->grain = engine_alloc(engine, sizeof *call->grain);
  if (!engine_ok(engine)) return false;
  if (!time_grain_parse(call->grain, parsed, texts, (int)n_modifiers, 0))
    return engine_fail(engine, CODE_FAILED, "time_bucket: %s", call->grain->error);
  return true;
}

/* Reads the call whose name is token i, if its width and modifiers are constants; *found tells. */
static bool read_call(struct engine *engine, const struct token_list *list, size_t i,
                      struct bucket_call *call, bool *found) {
  size_t close = closing(list, i + 1), commas[10], n = 0;
  int depth = 0;
  *found = false;
  for (size_t k = i + 2; k < close; k++) {
    if (token_is(&list->tokens[k], "(")) depth++;
    if (token_is(&list->tokens[k], ")")) depth--;
    if (depth == 0 && token_is(&list->tokens[k], ",") && n < 9) commas[n++] = k;
  }
  if (close >= list->n || n == 0 || n >= 9 || commas[0] == i + 2 ||
      commas[0] + 1 == (n > 1 ? commas[1] : close))
    return true;
  const struct token *width = &list->tokens[i + 2];
  bool number = width->type == TOKEN_NUMBER ||
                ((token_is(width, "-") || token_is(width, "+")) && width[1].type == TOKEN_NUMBER);
  if (!(width->type == TOKEN_STRING && commas[0] == i + 3) && !number) return true;
  size_t modifiers[8];
  for (size_t m = 1; m < n; m++) {
    size_t next = m + 1 < n ? commas[m + 1] : close;
    if (next != commas[m] + 2 || list->tokens[commas[m] + 1].type != TOKEN_STRING) return true;
    modifiers[m - 1] = commas[m] + 1;
  }
  *call = (struct bucket_call){.first = i, .last = close};
  const struct token *time = &list->tokens[commas[0] + 1],
                     *end = &list->tokens[(n > 1 ? commas[1] : close) - 1];
  call->time = text_between(engine, time, end);
  bool plain = end == time && token_is_name(time);
  bool qualified = end == time + 2 && token_is_name(time) && token_is(time + 1, ".") && token_is_name(end);
  if (plain || qualified) call->column = shadow_value(engine, end);
  if (qualified) call->qualifier = text_between(engine, time, time);
  *found = true;
  return parse_grain(engine, list, i + 2, commas[0], modifiers, n - 1, call);
}

bool shadow_read(struct engine *engine, const char *select, struct shadow *shadow) {
  memset(shadow, 0, sizeof *shadow);
  shadow->select = select;
  if (!tokens_read(select, &shadow->tokens)) return engine_fail_memory(engine);
  int depth = 0;
  for (size_t i = 0; i < shadow->tokens.n; i++) {
    const struct token *token = &shadow->tokens.tokens[i];
    if (!check_token(engine, &shadow->tokens, i)) return false;
    if (token_is(token, "(")) depth++;
    if (token_is(token, ")")) depth--;
    if (depth == 0 && token_is(token, "limit")) shadow->has_limit = true;
    if (token_is(token, "natural") || token_is(token, "using")) shadow->joins_by_name = true;
    if (!token_is(token, "time_bucket") || i + 1 >= shadow->tokens.n || !token_is(token + 1, "(")) continue;
    struct bucket_call call;
    bool found;
    if (!read_call(engine, &shadow->tokens, i, &call, &found)) return false;
    if (!found) continue;
    shadow->calls = engine_grow(engine, shadow->calls, &shadow->n_calls, sizeof call);
    if (!shadow->calls) return false;
    shadow->calls[shadow->n_calls++] = call;
  }
  return engine_ok(engine);
}

void shadow_free(struct shadow *shadow, const struct time_grain *kept) {
  for (size_t i = 0; i < shadow->n_calls; i++)
    if (shadow->calls[i].grain && shadow->calls[i].grain != kept) time_grain_free(shadow->calls[i].grain);
  shadow->n_calls = 0;
  tokens_free(&shadow->tokens);
}

char *shadow_rewrite(struct engine *engine, const struct shadow *shadow, char *const *replacements) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  const char *at = shadow->select;
  for (size_t i = 0; i < shadow->n_calls; i++) {
    const struct bucket_call *call = &shadow->calls[i];
    const struct token *first = &shadow->tokens.tokens[call->first],
                       *last = &shadow->tokens.tokens[call->last];
    if (!replacements[i] || first->start < at) continue; /* inside a call that was replaced as a whole */
    sqlite3_str_append(out, at, (int)(first->start - at));
    sqlite3_str_appendall(out, replacements[i]);
    at = last->start + last->length;
  }
  sqlite3_str_appendall(out, at);
  return engine_finish(engine, out);
}

/* -------------------------------------------------------------------------------------------- authorizer */

static const char *const unstable_functions[] = {"random",        "randomblob",        "changes",
                                                 "total_changes", "last_insert_rowid", "current_timestamp",
                                                 "current_date",  "current_time"};

static int on_authorize(void *context, int action, const char *a, const char *b, const char *schema,
                        const char *inner) {
  struct shadow_reads *log = context;
  if (action == SQLITE_FUNCTION && b) {
    for (size_t i = 0; i < sizeof unstable_functions / sizeof unstable_functions[0]; i++)
      if (sqlite3_stricmp(b, unstable_functions[i]) == 0) log->unstable = (char *)unstable_functions[i];
    if (sqlite3_stricmp(b, "time_bucket") == 0)
      log->calls_bucket = true;
    else if (almanac_owns(b))
      log->calls_extension = true;
  }
  if (action != SQLITE_READ || !a) return SQLITE_OK;
  if (almanac_owns(a)) log->calls_extension = true;
  if (schema && strcmp(schema, "main") != 0) return SQLITE_OK;
  if (!b) b = "";
  if (!inner) inner = "";
  for (size_t i = 0; i < log->n; i++)
    if (strcmp(log->reads[i].table, a) == 0 && strcmp(log->reads[i].column, b) == 0 &&
        strcmp(log->reads[i].inner, inner) == 0)
      return SQLITE_OK;
  log->reads = engine_grow(log->engine, log->reads, &log->n, sizeof *log->reads);
  if (!log->reads) return SQLITE_DENY;
  log->reads[log->n++] =
      (struct shadow_read){engine_printf(log->engine, "%s", a), engine_printf(log->engine, "%s", b),
                           engine_printf(log->engine, "%s", inner)};
  return SQLITE_OK;
}

/* The tables that the statement's program opens, itself or by an index. */
static void read_opened(struct engine *engine, const char *sql, struct shadow_reads *reads) {
  sqlite3_stmt *program = engine_prepare(engine, engine_printf(engine, "EXPLAIN %s", sql));
  while (engine_step(engine, program)) {
    const char *step = (const char *)sqlite3_column_text(program, 1);
    if (!step || (strcmp(step, "OpenRead") != 0 && strcmp(step, "ReopenIdx") != 0)) continue;
    if (sqlite3_column_int(program, 4) != 0) continue; /* another schema than main */
    char *table =
        engine_string(engine, engine_printf(engine, "SELECT tbl_name FROM sqlite_master WHERE rootpage=%d",
                                            sqlite3_column_int(program, 3)));
    if (!table) continue;
    reads->opened = engine_grow(engine, reads->opened, &reads->n_opened, sizeof *reads->opened);
    if (!reads->opened) break;
    reads->opened[reads->n_opened++] = table;
  }
  engine_finalize(engine, program);
}

sqlite3_stmt *shadow_prepare(struct engine *engine, const char *sql, struct shadow_reads *reads,
                             int *offset) {
  memset(reads, 0, sizeof *reads);
  reads->engine = engine;
  *offset = -1;
  if (!engine_ok(engine)) return 0;
  sqlite3_stmt *statement = 0;
  const char *rest = 0;
  sqlite3_set_authorizer(engine->db, on_authorize, reads);
  int rc = sqlite3_prepare_v2(engine->db, sql, -1, &statement, &rest);
  sqlite3_set_authorizer(engine->db, 0, 0);
  if (rc != SQLITE_OK) {
    if (sqlite3_error_offset) *offset = sqlite3_error_offset(engine->db);
    engine_fail_sqlite(engine);
    return 0;
  }
  if (!statement || !sqlite3_stmt_readonly(statement) || sqlite3_column_count(statement) == 0)
    engine_fail(engine, CODE_FAILED, "a summary is one SELECT");
  if (reads->unstable)
    engine_fail(engine, CODE_FAILED, "%s() changes by itself, so a stored result can't stay right",
                reads->unstable);
  if (engine_ok(engine)) read_opened(engine, sql, reads);
  if (engine_ok(engine)) return statement;
  sqlite3_finalize(statement);
  return 0;
}

/* ------------------------------------------------------------------------------------------- expressions */

char *shadow_expression(struct engine *engine, const char *expression, char *const *columns,
                        size_t n_columns) {
  struct token_list list;
  if (!tokens_read(expression, &list)) {
    engine_fail_memory(engine);
    return 0;
  }
  sqlite3_str *out = sqlite3_str_new(engine->db);
  size_t found = 0;
  for (size_t i = 0; i < list.n; i++) {
    const struct token *token = &list.tokens[i];
    if (i > 0) sqlite3_str_appendall(out, " ");
    bool call = i + 1 < list.n && token_is(token + 1, "(");
    char *name = token_is_name(token) && !call ? shadow_value(engine, token) : 0;
    const char *column = 0;
    for (size_t k = 0; name && k < n_columns; k++)
      if (sqlite3_stricmp(columns[k], name) == 0) column = columns[k];
    if (column) {
      sqlite3_str_appendf(out, "{row}.\"%w\"", column);
      found++;
    } else
      sqlite3_str_append(out, token->start, (int)token->length);
  }
  tokens_free(&list);
  char *text = engine_finish(engine, out);
  return found ? text : 0;
}

char **shadow_split(struct engine *engine, const char *text, size_t *n) {
  struct token_list list;
  char **parts = 0;
  *n = 0;
  if (!tokens_read(text, &list)) {
    engine_fail_memory(engine);
    return 0;
  }
  int depth = 0;
  size_t first = 0;
  for (size_t i = 0; i <= list.n; i++) {
    if (i < list.n && token_is(&list.tokens[i], "(")) depth++;
    if (i < list.n && token_is(&list.tokens[i], ")")) depth--;
    if (i < list.n && !(depth == 0 && token_is(&list.tokens[i], ","))) continue;
    if (i > first) {
      parts = engine_grow(engine, parts, n, sizeof *parts);
      if (!parts) break;
      parts[(*n)++] = text_between(engine, &list.tokens[first], &list.tokens[i - 1]);
    }
    first = i + 1;
  }
  tokens_free(&list);
  return parts;
}
