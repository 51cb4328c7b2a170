#include "tool/engine/sql_text.h"
#include <ctype.h>
#include <string.h>

enum { NESTING_MAX = 16 }; /* templates within templates: deeper is a loop */

static void expand(struct engine *engine, sqlite3_str *out, const char *text, size_t length,
                   const struct sql_variable *variables, int depth);

static const struct sql_variable *add(struct engine *engine, const struct sql_variable *variables,
                                      const char *name, const char *value, bool is_template) {
  struct sql_variable *variable = engine_alloc(engine, sizeof *variable);
  if (!variable) return variables;
  *variable = (struct sql_variable){name, value, is_template, variables};
  return variable;
}

const struct sql_variable *sql_literal(struct engine *engine, const struct sql_variable *variables,
                                       const char *name, const char *value) {
  return add(engine, variables, name, value, false);
}

const struct sql_variable *sql_template(struct engine *engine, const struct sql_variable *variables,
                                        const char *name, const char *value) {
  return add(engine, variables, name, value, true);
}

static const char *section_text(const char *name) {
  for (const struct sql_text *section = sql_texts; section->name; section++)
    if (strcmp(section->name, name) == 0) return section->text;
  return 0;
}

/* The length without the line breaks at the end, which separate sections. */
static size_t text_length(const char *text) {
  size_t n = strlen(text);
  while (n > 0 && text[n - 1] == '\n') n--;
  return n;
}

/* The length of the part at `text` up to a blank or the closing brace, nested braces included. */
static size_t argument_length(const char *text, const char *end) {
  int depth = 0;
  const char *at = text;
  for (; at < end; at++) {
    if (*at == '{') depth++;
    if (*at == '}' && depth-- == 0) break;
    if (isspace((unsigned char)*at) && depth == 0) break;
  }
  return (size_t)(at - text);
}

/* Expands what stands between two braces: a name, then name=value pairs. */
static void expand_reference(struct engine *engine, sqlite3_str *out, const char *text, size_t length,
                             const struct sql_variable *variables, int depth) {
  const char *end = text + length;
  size_t name_length = argument_length(text, end);
  char *name = engine_printf(engine, "%.*s", (int)name_length, text);
  const struct sql_variable *scope = variables;
  for (const char *at = text + name_length; at < end;) {
    if (isspace((unsigned char)*at)) {
      at++;
      continue;
    }
    size_t n = argument_length(at, end);
    const char *equals = memchr(at, '=', n);
    if (!equals) {
      engine_fail(engine, CODE_FAILED, "SQL template {%.*s}: no = in an argument", (int)length, text);
      return;
    }
    /* A value is expanded where it is written, not where it is used. */
    sqlite3_str *value = sqlite3_str_new(engine->db);
    expand(engine, value, equals + 1, n - (size_t)(equals + 1 - at), variables, depth + 1);
    scope = sql_literal(engine, scope, engine_printf(engine, "%.*s", (int)(equals - at), at),
                        engine_finish(engine, value));
    at += n;
  }
  for (const struct sql_variable *variable = variables; variable; variable = variable->outer) {
    if (strcmp(variable->name, name) != 0) continue;
    if (variable->is_template)
      expand(engine, out, variable->value, strlen(variable->value), scope, depth + 1);
    else
      sqlite3_str_appendall(out, variable->value);
    return;
  }
  const char *section = section_text(name);
  if (section)
    expand(engine, out, section, text_length(section), scope, depth + 1);
  else
    engine_fail(engine, CODE_FAILED, "SQL template {%s}: no such section or variable", name);
}

static void expand(struct engine *engine, sqlite3_str *out, const char *text, size_t length,
                   const struct sql_variable *variables, int depth) {
  if (depth > NESTING_MAX) {
    engine_fail(engine, CODE_FAILED, "SQL template: nested too deeply");
    return;
  }
  const char *end = text + length;
  while (text < end && engine_ok(engine)) {
    const char *brace = memchr(text, '{', (size_t)(end - text));
    size_t plain = (size_t)((brace ? brace : end) - text);
    sqlite3_str_append(out, text, (int)plain);
    if (!brace) return;
    const char *inside = brace + 1, *close = inside;
    for (int open = 1; close < end; close++) {
      if (*close == '{') open++;
      if (*close == '}' && --open == 0) break;
    }
    expand_reference(engine, out, inside, (size_t)(close - inside), variables, depth);
    text = close < end ? close + 1 : end;
  }
}

char *sql_text(struct engine *engine, const char *section, const struct sql_variable *variables) {
  const char *text = section_text(section);
  if (!text) {
    engine_fail(engine, CODE_FAILED, "SQL template %s: no such section", section);
    return "";
  }
  sqlite3_str *out = sqlite3_str_new(engine->db);
  expand(engine, out, text, text_length(text), variables, 0);
  return engine_finish(engine, out);
}

bool sql_run(struct engine *engine, const char *section, const struct sql_variable *variables) {
  return engine_exec(engine, sql_text(engine, section, variables));
}

bool sql_run_bound(struct engine *engine, const char *section, const struct sql_variable *variables,
                   int64_t first, int64_t second) {
  sqlite3_stmt *statement = engine_prepare(engine, sql_text(engine, section, variables));
  if (statement) {
    sqlite3_bind_int64(statement, 1, first);
    sqlite3_bind_int64(statement, 2, second);
  }
  engine_step(engine, statement);
  engine_finalize(engine, statement);
  return engine_ok(engine);
}
