#include "tool/engine/boundary.h"
#include <string.h>

/* Buckets that meet at all meet within that many steps back: 1,009 s and 1,013 s do after 1,012. */
enum { STEPS_MAX = 2000 };

static const struct moment none = {.type = SQLITE_NULL};

/* ---------------------------------------------------------------------------------------------- moments */

bool moment_less(const struct moment *a, const struct moment *b) {
  if (a->type == SQLITE_TEXT && b->type == SQLITE_TEXT) return strcmp(a->text, b->text) < 0;
  if (a->type == SQLITE_INTEGER && b->type == SQLITE_INTEGER) return a->integer < b->integer;
  if (a->type == SQLITE_TEXT || b->type == SQLITE_TEXT) return b->type == SQLITE_TEXT;
  return a->real < b->real;
}

struct moment moment_column(struct engine *engine, sqlite3_stmt *statement, int i) {
  struct moment moment = {.type = sqlite3_column_type(statement, i)};
  if (moment.type == SQLITE_TEXT) moment.text = engine_column(engine, statement, i);
  if (moment.type == SQLITE_INTEGER) moment.integer = sqlite3_column_int64(statement, i);
  if (moment.type == SQLITE_INTEGER || moment.type == SQLITE_FLOAT)
    moment.real = sqlite3_column_double(statement, i);
  return moment;
}

void moment_bind(struct engine *engine, sqlite3_stmt *statement, int i, const struct moment *moment) {
  if (!statement) return;
  if (moment->type == SQLITE_TEXT)
    engine_bind_text(engine, statement, i, moment->text);
  else if (moment->type == SQLITE_INTEGER)
    sqlite3_bind_int64(statement, i, moment->integer);
  else if (moment->type == SQLITE_FLOAT)
    sqlite3_bind_double(statement, i, moment->real);
}

struct moment moment_ask(struct engine *engine, const char *section, const struct sql_variable *v,
                         const struct moment *first, int64_t second) {
  struct moment result = none;
  sqlite3_stmt *statement = engine_prepare(engine, sql_text(engine, section, v));
  int n = statement ? sqlite3_bind_parameter_count(statement) : 0;
  if (first && n > 0) moment_bind(engine, statement, 1, first);
  if (n > 1) sqlite3_bind_int64(statement, 2, second);
  if (engine_step(engine, statement)) result = moment_column(engine, statement, 0);
  engine_finalize(engine, statement);
  return result;
}

/* ------------------------------------------------------------------------------------------- boundaries */

bool boundaries_open(struct engine *engine, const struct catalog *catalog, int64_t track,
                     struct boundaries *b) {
  memset(b, 0, sizeof *b);
  b->summaries = engine_alloc(engine, (catalog->n + 1) * sizeof *b->summaries);
  b->variables = engine_alloc(engine, (catalog->n + 1) * sizeof *b->variables);
  b->before = engine_alloc(engine, (catalog->n + 1) * sizeof *b->before);
  b->after = engine_alloc(engine, (catalog->n + 1) * sizeof *b->after);
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    const struct summary *s = catalog->summaries[i];
    if (s->track != track || s->broken || s->kind != KIND_TIME || s->parent) continue;
    const struct sql_variable *v = summary_variables(engine, s);
    bool bounds = s->grain.kind == GRAIN_BOUNDS;
    b->summaries[b->n] = s;
    b->variables[b->n] = v;
    b->before[b->n] =
        engine_prepare(engine, sql_text(engine, bounds ? "boundary_before_bounds" : "boundary_before", v));
    b->after[b->n] =
        engine_prepare(engine, sql_text(engine, bounds ? "boundary_after_bounds" : "boundary_after", v));
    b->n++;
  }
  return engine_ok(engine);
}

void boundaries_close(struct engine *engine, struct boundaries *b) {
  for (size_t i = 0; i < b->n; i++) {
    engine_finalize(engine, b->before[i]);
    engine_finalize(engine, b->after[i]);
  }
  memset(b, 0, sizeof *b);
}

static struct moment step(struct engine *engine, sqlite3_stmt *statement, const struct moment *at) {
  struct moment result = none;
  moment_bind(engine, statement, 1, at);
  if (engine_step(engine, statement)) result = moment_column(engine, statement, 0);
  sqlite3_reset(statement);
  return result;
}

/* Goes back until `at` is a boundary of all summaries, or of two of them; *meet tells if they have one. */
static struct moment floor_of(struct engine *engine, const struct boundaries *b, const size_t *two,
                              struct moment at, bool *meet) {
  *meet = true;
  for (int i = 0; i < STEPS_MAX && engine_ok(engine); i++) {
    bool moved = false;
    for (size_t k = 0; k < (two ? 2 : b->n); k++) {
      struct moment start = step(engine, b->before[two ? two[k] : k], &at);
      if (start.type == SQLITE_NULL) return none;
      moved |= moment_less(&start, &at);
      at = start;
    }
    if (!moved) return at;
  }
  *meet = false;
  return none;
}

static bool fail_apart(struct engine *engine, const struct boundaries *b, struct moment at) {
  size_t two[2] = {0, b->n - 1};
  bool meet = true;
  for (size_t i = 0; i < b->n && meet; i++)
    for (size_t k = i + 1; k < b->n && meet; k++) {
      two[0] = i, two[1] = k;
      floor_of(engine, b, two, at, &meet);
    }
  return engine_fail(
      engine, CODE_FAILED,
      "the buckets of %s and %s never start at the same time, so that no raw rows are in whole buckets of "
      "both; give them widths and origins that meet, or drop one",
      b->summaries[two[0]]->name, b->summaries[two[1]]->name);
}

struct moment boundary_floor(struct engine *engine, const struct boundaries *b, struct moment at) {
  bool meet;
  struct moment result = floor_of(engine, b, 0, at, &meet);
  if (engine_ok(engine) && !meet) fail_apart(engine, b, at);
  return result;
}

struct moment boundary_next(struct engine *engine, const struct boundaries *b, struct moment at,
                            struct moment limit) {
  at = step(engine, b->after[0], &at);
  for (bool moved = true; moved && engine_ok(engine);) {
    moved = false;
    for (size_t k = 0; k < b->n; k++) {
      if (at.type == SQLITE_NULL || !moment_less(&at, &limit)) return limit;
      struct moment start = step(engine, b->before[k], &at);
      if (start.type != SQLITE_NULL && !moment_less(&start, &at)) continue;
      at = step(engine, b->after[k], &at);
      moved = true;
    }
  }
  return at;
}

struct moment boundary_of_seconds(struct engine *engine, const struct boundaries *b, int64_t seconds) {
  const struct moment at = {.type = SQLITE_INTEGER, .integer = seconds, .real = (double)seconds};
  return moment_ask(
      engine, b->summaries[0]->shape.is_text ? "boundary_of_seconds_text" : "boundary_of_seconds_number",
      b->variables[0], &at, 0);
}

char *boundary_shown(struct engine *engine, const struct boundaries *b, const struct moment *moment) {
  const char *section = b->summaries[0]->shape.is_text ? "boundary_shown_text" : "boundary_shown_number";
  return moment_ask(engine, section, b->variables[0], moment, 0).text;
}
