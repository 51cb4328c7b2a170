#include "tool/engine/scan_form.h"
#include "tool/engine/zoom.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

/* Reading goes forward token by token; the first thing that isn't understood is the reason, after which nothing is
   read any more. */
struct reading {
  struct engine *engine;
  struct summary *summary;
  const struct shadow *shadow;
  struct scan_form *form;
  size_t at;
  const char *reason; /* NULL so far */
};

static bool good(const struct reading *r) {
  return !r->reason && engine_ok(r->engine);
}

static void not_scan(struct reading *r, const char *reason) {
  if (!r->reason) r->reason = reason;
}

/* ------------------------------------------------------------------------------------------------- tokens */

static const struct token *token_at(const struct reading *r, size_t ahead) {
  size_t at = r->at + ahead;
  return at < r->shadow->tokens.n ? &r->shadow->tokens.tokens[at] : 0;
}

static bool sees(const struct reading *r, const char *word) {
  const struct token *token = token_at(r, 0);
  return token && token_is(token, word);
}

static bool skip(struct reading *r, const char *word) {
  bool found = sees(r, word);
  r->at += found;
  return found;
}

/* Is there a name, after which comes `next`? */
static bool sees_name_before(const struct reading *r, const char *next) {
  const struct token *token = token_at(r, 0), *after = token_at(r, 1);
  return token && after && token_is_name(token) && token_is(after, next);
}

/* A column, with its table's name before it or not; NULL, and nothing read, where there is none. */
static const struct source_column *read_column(struct reading *r) {
  size_t start = r->at;
  if (sees_name_before(r, ".")) r->at += 2;
  const struct token *token = token_at(r, 0);
  const struct source_column *column = 0;
  if (token && token_is_name(token)) {
    column = source_find(r->summary->source, shadow_value(r->engine, token));
    r->at++;
  }
  if (!column) r->at = start;
  return column;
}

/* All calls of a summary by time have the same width, modifiers and column. */
static bool skip_bucket_call(struct reading *r) {
  for (size_t i = 0; i < r->shadow->n_calls; i++) {
    if (r->shadow->calls[i].first != r->at) continue;
    r->at = r->shadow->calls[i].last + 1;
    return true;
  }
  return false;
}

/* ------------------------------------------------------------------------------------------ result columns */

static size_t find_name(const char *const *names, size_t n, const char *name) {
  size_t i = 0;
  while (i < n && strcmp(names[i], name) != 0) i++;
  return i;
}

/* The number of a column in a list of names, to which it is added unless it is there. */
static size_t number_of(struct reading *r, const char ***names, size_t *n, const char *name) {
  size_t at = find_name(*names, *n, name);
  if (at < *n) return at;
  *names = engine_grow(r->engine, *names, n, sizeof **names);
  if (*names) (*names)[(*n)++] = name;
  return at;
}

/* An aggregate's call from its name on. */
static void read_aggregate(struct reading *r, size_t result) {
  static const struct {
    const char *name;
    enum scan_result what;
  } all[] = {{"count", RESULT_COUNT}, {"sum", RESULT_SUM}, {"total", RESULT_TOTAL},
             {"avg", RESULT_AVG},     {"min", RESULT_MIN}, {"max", RESULT_MAX}};
  size_t i = 0;
  while (i < sizeof all / sizeof all[0] && !(sees(r, all[i].name) && sees_name_before(r, "("))) i++;
  if (i == sizeof all / sizeof all[0])
    return not_scan(r, "a result column is neither a column that is grouped by nor a plain aggregate of one");
  r->at += 2;
  r->form->results[result].what = all[i].what;
  if (all[i].what == RESULT_COUNT && skip(r, "*"))
    r->form->results[result].what = RESULT_ROWS;
  else {
    const struct source_column *column = read_column(r);
    if (!column) return not_scan(r, "an aggregate is of an expression");
    r->form->results[result].of = number_of(r, &r->form->values, &r->form->n_values, column->name);
    if (all[i].what != RESULT_COUNT && strcmp(type_affinity(column->type), "TEXT") == 0)
      not_scan(r, engine_printf(r->engine, "an aggregate of %s, which holds text", column->name));
  }
  if (!skip(r, ")")) not_scan(r, "an aggregate is of an expression");
}

/* The name that a result column is given. A keyword that ends an expression is none. */
static void read_name(struct reading *r, size_t result) {
  bool is_named = skip(r, "as");
  const struct token *token = token_at(r, 0);
  if (!token || (!is_named && (sees(r, ",") || sees(r, "from")))) return;
  if (strcmp(shadow_value(r->engine, token), r->summary->columns[result].name) != 0)
    not_scan(r, "a result column is an expression");
  r->at++;
}

/* A key gets its number once GROUP BY is read: so far names[result] is its column. */
static void read_result(struct reading *r, size_t result, const char **names) {
  const struct source_column *column;
  r->form->results[result].what = RESULT_BUCKET;
  if (skip_bucket_call(r)) {
  } else if ((column = read_column(r)) != 0) {
    r->form->results[result].what = RESULT_KEY;
    names[result] = column->name;
  } else
    read_aggregate(r, result);
  read_name(r, result);
}

static void read_results(struct reading *r, const char **names) {
  size_t n = 0;
  do {
    if (n == r->summary->n_columns) return not_scan(r, "a result column is *");
    read_result(r, n++, names);
  } while (good(r) && skip(r, ","));
  if (n != r->summary->n_columns) not_scan(r, "a result column is *");
}

static void read_from(struct reading *r) {
  const struct token *token;
  if (!skip(r, "from") || !(token = token_at(r, 0)) || !token_is_name(token))
    return not_scan(r, "it is not a plain SELECT from one table");
  r->at++;
  bool is_named = skip(r, "as");
  if (is_named || !(sees(r, "where") || sees(r, "group"))) r->at++;
  if (!sees(r, "where") && !sees(r, "group")) not_scan(r, "it is not a plain SELECT from one table");
}

/* -------------------------------------------------------------------------------------------------- WHERE */

/* A constant as SQLite reads it. */
static bool read_constant(struct reading *r, struct scan_value *value) {
  size_t sign = sees(r, "-") || sees(r, "+");
  const struct token *token = token_at(r, sign);
  if (!token || (token->type != TOKEN_NUMBER && (sign || token->type != TOKEN_STRING))) return false;
  const struct token *first = token_at(r, 0);
  r->at += sign + 1;
  sqlite3_stmt *constant = engine_prepare(
      r->engine, engine_printf(r->engine, "SELECT %.*s", (int)(token->start + token->length - first->start),
                               first->start));
  if (engine_step(r->engine, constant)) {
    value->type = (enum batch_type)sqlite3_column_type(constant, 0);
    if (value->type == BATCH_INTEGER)
      value->is.integer = sqlite3_column_int64(constant, 0);
    else if (value->type == BATCH_REAL)
      value->is.real = sqlite3_column_double(constant, 0);
    else {
      value->is.bytes = (const unsigned char *)engine_column(r->engine, constant, 0);
      value->length = (uint32_t)sqlite3_column_bytes(constant, 0);
    }
  }
  engine_finalize(r->engine, constant);
  return engine_ok(r->engine);
}

static void add_condition(struct reading *r, const char *column, enum scan_operator operator,
                          const struct scan_value * values, size_t n_values) {
  struct scan_form *form = r->form;
  form->conditions = engine_grow(r->engine, form->conditions, &form->n_conditions, sizeof *form->conditions);
  if (form->conditions)
    form->conditions[form->n_conditions++] = (struct scan_condition){column, operator, values, n_values};
}

/* A constant of its own, kept; NULL where there is none. */
static const struct scan_value *keep_constant(struct reading *r) {
  struct scan_value *value = engine_alloc(r->engine, sizeof *value);
  return value && read_constant(r, value) ? value : 0;
}

/* The list after IN. */
static bool read_list(struct reading *r, const char *column) {
  struct scan_value *values = 0;
  size_t n = 0;
  if (!skip(r, "(")) return false;
  do {
    struct scan_value value = {0};
    if (!read_constant(r, &value)) return false;
    values = engine_grow(r->engine, values, &n, sizeof *values);
    if (!values) return false;
    values[n++] = value;
  } while (skip(r, ","));
  add_condition(r, column, SCAN_EQUAL, values, n);
  return skip(r, ")");
}

static bool read_between(struct reading *r, const char *column) {
  const struct scan_value *low = keep_constant(r), *high = low && skip(r, "and") ? keep_constant(r) : 0;
  if (!high) return false;
  add_condition(r, column, SCAN_GREATER_EQUAL, low, 1);
  add_condition(r, column, SCAN_LESS_EQUAL, high, 1);
  return true;
}

static bool read_comparison(struct reading *r) {
  static const struct {
    const char *text;
    enum scan_operator operator;
  } all[] = {{"=", SCAN_EQUAL}, {"==", SCAN_EQUAL},      {"<>", SCAN_DIFFERS}, {"!=", SCAN_DIFFERS},
             {"<", SCAN_LESS},  {"<=", SCAN_LESS_EQUAL}, {">", SCAN_GREATER},  {">=", SCAN_GREATER_EQUAL}};
  const struct source_column *column = read_column(r);
  if (!column) return false;
  if (skip(r, "in")) return read_list(r, column->name);
  if (skip(r, "between")) return read_between(r, column->name);
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    if (!skip(r, all[i].text)) continue;
    const struct scan_value *value = keep_constant(r);
    if (value) add_condition(r, column->name, all[i].operator, value, 1);
    return value != 0;
  }
  return false;
}

static void read_where(struct reading *r) {
  if (!skip(r, "where")) return;
  do {
    if (!read_comparison(r)) not_scan(r, "its WHERE is more than comparisons of columns with constants");
  } while (good(r) && skip(r, "and"));
  if (!sees(r, "group")) not_scan(r, "its WHERE is more than comparisons of columns with constants");
}

/* ----------------------------------------------------------------------------------------------- GROUP BY */

/* A column's name comes before a result column's. */
static void read_group(struct reading *r, const char *const *names, bool *by_bucket) {
  const struct token *token = token_at(r, 0);
  const struct source_column *column = 0;
  size_t i = r->summary->n_columns;
  const char *key = 0;
  if (token && token->type == TOKEN_NUMBER) {
    char *number = shadow_value(r->engine, token);
    bool is_whole = strspn(number, "0123456789") == strlen(number);
    long position = is_whole ? strtol(number, 0, 10) : 0;
    if (position >= 1 && position <= (long)i) i = (size_t)position - 1;
    r->at++;
  } else if ((column = read_column(r)) != 0)
    key = column->name;
  else if (skip_bucket_call(r)) {
    *by_bucket = true;
    return;
  } else if (token && token_is_name(token)) {
    char *name = shadow_value(r->engine, token);
    for (i = 0; i < r->summary->n_columns && sqlite3_stricmp(r->summary->columns[i].name, name) != 0;) i++;
    r->at++;
  }
  if (!key && i < r->summary->n_columns && r->form->results[i].what == RESULT_BUCKET)
    *by_bucket = true;
  else if (key || (i < r->summary->n_columns && names[i]))
    number_of(r, &r->form->keys, &r->form->n_keys, key ? key : names[i]);
  else
    not_scan(r, "it groups by an expression");
}

static void read_groups(struct reading *r, const char *const *names) {
  bool by_bucket = false;
  if (!skip(r, "group") || !skip(r, "by")) return not_scan(r, "it is not a plain SELECT from one table");
  do read_group(r, names, &by_bucket);
  while (good(r) && skip(r, ","));
  if (!by_bucket) not_scan(r, "it doesn't group by the bucket");
  /* What order they come in doesn't matter. */
  if (r->at < r->shadow->tokens.n && !sees(r, "order"))
    not_scan(r, "it groups by an expression, or has a HAVING");
}

/* Result columns that are keys get their numbers; all keys must be told apart as bytes and numbers are. */
static void check_keys(struct reading *r, const char *const *names) {
  for (size_t i = 0; good(r) && i < r->summary->n_columns; i++) {
    if (!names[i]) continue;
    r->form->results[i].of = find_name(r->form->keys, r->form->n_keys, names[i]);
    if (r->form->results[i].of == r->form->n_keys)
      not_scan(r, engine_printf(r->engine, "it doesn't group by %s", names[i]));
  }
  for (size_t k = 0; good(r) && k < r->form->n_keys; k++) {
    const struct source_column *column = source_find(r->summary->source, r->form->keys[k]);
    if (sqlite3_stricmp(column->collation, "BINARY") != 0)
      not_scan(r,
               engine_printf(r->engine, "the key %s has the collation %s", column->name, column->collation));
  }
}

/* ------------------------------------------------------------------------------------------------- a zoom */

/* Goes on behind the first of these words; false where there is none. */
static bool find(struct reading *r, const char *word, const char *next) {
  for (r->at = 0; token_at(r, 1); r->at++)
    if (sees(r, word) && token_is(token_at(r, 1), next)) {
      r->at += 2;
      return true;
    }
  return false;
}

/* A finite number. */
static void add_finite(struct reading *r, const char *column) {
  struct scan_value *ends = engine_alloc(r->engine, 2 * sizeof *ends);
  if (!ends) return;
  ends[0] = (struct scan_value){.type = BATCH_REAL, .is.real = -DBL_MAX};
  ends[1] = (struct scan_value){.type = BATCH_REAL, .is.real = DBL_MAX};
  add_condition(r, column, SCAN_GREATER_EQUAL, &ends[0], 1);
  add_condition(r, column, SCAN_LESS_EQUAL, &ends[1], 1);
}

/* `value AS almanac_v`, of which all is told. */
static void read_zoomed(struct reading *r) {
  const struct source_column *column = 0;
  if (find(r, "as", "almanac_v")) {
    r->at -= 3;
    column = read_column(r);
  }
  if (!column) return not_scan(r, "its value is no plain column");
  number_of(r, &r->form->values, &r->form->n_values, column->name);
  add_finite(r, column->name);
}

/* The user's own WHERE stands in parentheses before the tool's. */
static void read_zoom_where(struct reading *r) {
  if (!find(r, "where", "(")) return;
  do {
    if (!read_comparison(r)) not_scan(r, "its WHERE is more than comparisons of columns with constants");
  } while (good(r) && skip(r, "and"));
  if (!skip(r, ")")) not_scan(r, "its WHERE is more than comparisons of columns with constants");
}

/* The columns of a level: its bucket, its keys, and what it tells of the value. */
static void read_zoom(struct reading *r, const char **names) {
  static const enum scan_result results[ZOOM_VALUES] = {
      RESULT_COUNT,  RESULT_SUM,   RESULT_MIN,      RESULT_MIN_AT, RESULT_MAX,
      RESULT_MAX_AT, RESULT_FIRST, RESULT_FIRST_AT, RESULT_LAST,   RESULT_LAST_AT};
  const struct summary *s = r->summary;
  size_t n_keys = s->n_columns - 1 - ZOOM_VALUES;
  r->form->zoom_bucket = s->bucket_signature;
  r->form->results[0].what = RESULT_BUCKET;
  for (size_t i = 1; i <= n_keys; i++) {
    const struct source_column *column = s->columns[i].source;
    if (!column)
      return not_scan(r, engine_printf(r->engine, "the key %s is no plain column", s->columns[i].name));
    r->form->results[i].what = RESULT_KEY;
    names[i] = column->name;
    number_of(r, &r->form->keys, &r->form->n_keys, column->name);
  }
  for (size_t i = 0; i < ZOOM_VALUES; i++) r->form->results[1 + n_keys + i].what = results[i];
  read_zoomed(r);
  read_zoom_where(r);
}

/* ---------------------------------------------------------------------------------------------- the whole */

static void read_select(struct reading *r, const char **names) {
  if (!skip(r, "select")) not_scan(r, "it is not a plain SELECT from one table");
  if (good(r)) read_results(r, names);
  if (good(r)) read_from(r);
  if (good(r)) read_where(r);
  if (good(r)) read_groups(r, names);
}

static const char *reason_of_kind(struct engine *engine, const struct summary *s) {
  if (s->kind != KIND_TIME) return "it has no time_bucket for its partition";
  if (s->parent)
    return engine_printf(engine, "its source %s is a summary, of which only what changed is read",
                         s->parent->name);
  if (s->n_tables > 0 || s->n_views > 0) return "it reads other tables";
  if (!s->additive) return "it is not a plain SELECT from one table";
  const struct source_column *time = source_find(s->source, s->time);
  if (s->shape.is_text && sqlite3_stricmp(time->collation, "BINARY") != 0)
    return engine_printf(engine, "the time %s has the collation %s", s->time, time->collation);
  return 0;
}

bool scan_form_read(struct engine *engine, struct summary *s, const struct shadow *shadow) {
  struct reading r = {.engine = engine, .summary = s, .shadow = shadow};
  r.form = engine_alloc(engine, sizeof *r.form);
  const char **names = engine_alloc(engine, (s->n_columns + 1) * sizeof *names);
  if (!engine_ok(engine)) return false;
  r.form->results = engine_alloc(engine, (s->n_columns + 1) * sizeof *r.form->results);
  r.reason = reason_of_kind(engine, s);
  if (good(&r)) (s->zoom ? read_zoom : read_select)(&r, names);
  check_keys(&r, names);
  s->scan = r.reason ? 0 : r.form;
  s->not_scan = r.reason;
  return engine_ok(engine);
}
