/* Reading: the statements, and the pieces of a range. */
#include "ext/pyramid/pyramid.h"

/* ---- Statements ---- */

static bool is_upto(enum pyramid_question question) {
  return question == PYRAMID_ROWS_UPTO || question == PYRAMID_FIRST_UPTO || question == PYRAMID_LAST_UPTO;
}

/* What stands before FROM. */
static void put_columns(sqlite3_str *sql, const struct pyramid_call *call, int level,
                        enum pyramid_question question, const char *time) {
  sqlite3_str_appendf(sql, "SELECT ");
  if (question == PYRAMID_COUNT)
    sqlite3_str_appendf(sql, "count(*) FROM (SELECT 1");
  else if (question == PYRAMID_WEIGHTS)
    sqlite3_str_appendf(sql, "s.\"n\"");
  else if ((question == PYRAMID_ROWS || question == PYRAMID_ROWS_UPTO) && level)
    sqlite3_str_appendf(sql, "%s", call->zooms->level_columns);
  else if (question == PYRAMID_ROWS || question == PYRAMID_ROWS_UPTO)
    sqlite3_str_appendf(sql, "s.\"%w\", s.\"%w\"", time, call->zoom->value);
  else
    sqlite3_str_appendf(sql, "s.\"%w\"", time);
}

static void put_order(sqlite3_str *sql, const struct pyramid_call *call, enum pyramid_question question,
                      const char *time) {
  switch (question) {
  case PYRAMID_COUNT:
    sqlite3_str_appendf(sql, " LIMIT ?%d)", call->zoom->n_keys + 3);
    break;
  case PYRAMID_FIRST:
  case PYRAMID_FIRST_UPTO:
    sqlite3_str_appendf(sql, " ORDER BY s.\"%w\" LIMIT 1", time);
    break;
  case PYRAMID_LAST:
  case PYRAMID_LAST_UPTO:
    sqlite3_str_appendf(sql, " ORDER BY s.\"%w\" DESC LIMIT 1", time);
    break;
  default:
    sqlite3_str_appendf(sql, " ORDER BY s.\"%w\"", time);
  }
}

/* Raw rows are those of the zoom's view; the + keeps SQLite from looking for them by an index of the value. */
static char *question_text(const struct pyramid_call *call, int level, enum pyramid_question question) {
  const struct pyramid *zoom = call->zoom;
  const char *time = level ? "bucket" : zoom->time;
  sqlite3_str *sql = sqlite3_str_new(call->zooms->db);
  put_columns(sql, call, level, question, time);
  if (level)
    sqlite3_str_appendf(sql, " FROM main.\"%w_stored\" s WHERE ", zoom->levels[level].name);
  else
    sqlite3_str_appendf(
        sql,
        " FROM main.\"%w\" s WHERE +s.\"%w\" BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308 AND ",
        zoom->name, zoom->value);
  for (int key = 0; key < zoom->n_keys; key++)
    sqlite3_str_appendf(sql, "s.\"%w\"=?%d AND ", zoom->keys[key], key + 1);
  sqlite3_str_appendf(sql, "s.\"%w\">=?%d AND s.\"%w\"%s?%d", time, zoom->n_keys + 1, time,
                      is_upto(question) ? "<=" : "<", zoom->n_keys + 2);
  put_order(sql, call, question, time);
  return sqlite3_str_finish(sql);
}

sqlite3_stmt *pyramid_ask(struct pyramid_call *call, int level, enum pyramid_question question) {
  sqlite3_stmt **statement = &call->zoom->levels[level].questions[question];
  if (call->rc != SQLITE_OK) return NULL;
  if (!*statement) {
    char *text = question_text(call, level, question);
    int rc = text ? sqlite3_prepare_v3(call->zooms->db, text, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL)
                  : SQLITE_NOMEM;
    sqlite3_free(text);
    if (!pyramid_check(call, rc)) return NULL;
  }
  return pyramid_bind_keys(call, *statement) ? *statement : NULL;
}

/* Lets go of the row and of the keys. */
static void close_question(struct pyramid_call *call, sqlite3_stmt *statement) {
  if (!statement) return;
  pyramid_check(call, sqlite3_reset(statement));
  sqlite3_clear_bindings(statement);
}

/* ---- Pieces ---- */

static int bind_from(struct pyramid_call *call, sqlite3_stmt *statement, int64_t from) {
  int parameter = call->zoom->n_keys + 1;
  if (from != PYRAMID_LO) return pyramid_axis_bind(&call->zoom->axis, statement, parameter, from);
  if (call->lo) return sqlite3_bind_value(statement, parameter, call->lo);
  return pyramid_axis_bind(&call->zoom->axis, statement, parameter, PYRAMID_LEAST);
}

/* Texts of all kinds are below any blob. */
static int bind_to(struct pyramid_call *call, sqlite3_stmt *statement, int64_t to) {
  int parameter = call->zoom->n_keys + 2;
  if (to != PYRAMID_HI) return pyramid_axis_bind(&call->zoom->axis, statement, parameter, to);
  if (call->hi) return sqlite3_bind_value(statement, parameter, call->hi);
  if (call->zoom->axis.is_text) return sqlite3_bind_zeroblob(statement, parameter, 0);
  return pyramid_axis_bind(&call->zoom->axis, statement, parameter, PYRAMID_MOST);
}

/* `question` about a piece; up to hi where it ends there. NULL with the call's error. */
static sqlite3_stmt *ask_piece(struct pyramid_call *call, const struct pyramid_piece *piece,
                               enum pyramid_question question) {
  if (piece->to == PYRAMID_HI && call->hi) question = question + 1; /* its _UPTO */
  sqlite3_stmt *statement = pyramid_ask(call, piece->level, question);
  if (!statement || !pyramid_check(call, bind_from(call, statement, piece->from)) ||
      !pyramid_check(call, bind_to(call, statement, piece->to)))
    return NULL;
  return statement;
}

static bool read_piece(struct pyramid_call *call, const struct pyramid_piece *piece, pyramid_row row,
                       void *state) {
  sqlite3_stmt *rows = ask_piece(call, piece, PYRAMID_ROWS);
  if (!rows) return false;
  int rc;
  while ((rc = sqlite3_step(rows)) == SQLITE_ROW && row(state, rows, piece->level))
    ;
  bool fine = pyramid_check(call, rc);
  close_question(call, rows);
  return fine && rc == SQLITE_DONE;
}

static bool make_plan(struct pyramid_call *call, int level) {
  if (!pyramid_look_at(call, level)) return false;
  pyramid_plan_make(&call->plan, &call->range, call->layers, level, call->raw_from);
  return !call->plan.failed || pyramid_check(call, SQLITE_NOMEM);
}

bool pyramid_read(struct pyramid_call *call, int level, pyramid_row row, void *state) {
  if (level == 0 && call->raw_from > PYRAMID_LEAST) { /* what is frozen has no raw rows */
    level = 1;
    call->layers[1].tail = pyramid_floor(call->layers[1].grid, call->raw_from);
  }
  if (call->empty || !make_plan(call, level)) return call->rc == SQLITE_OK;
  for (size_t i = 0; i < call->plan.n; i++)
    if (!read_piece(call, &call->plan.pieces[i], row, state)) return false;
  return call->rc == SQLITE_OK;
}

/* ---- What is asked to choose a level ---- */

/* The first (last) row of the pieces: its time, and the level it was found at. */
static bool find_outermost(struct pyramid_call *call, bool last, int *level, int64_t *tick, bool *found) {
  const struct pyramid_plan *plan = &call->plan;
  for (size_t i = 0; i < plan->n && !*found && call->rc == SQLITE_OK; i++) {
    const struct pyramid_piece *piece = &plan->pieces[last ? plan->n - 1 - i : i];
    sqlite3_stmt *row = ask_piece(call, piece, last ? PYRAMID_LAST : PYRAMID_FIRST);
    int rc = row ? sqlite3_step(row) : SQLITE_OK;
    if (pyramid_check(call, rc) && rc == SQLITE_ROW) {
      *found = pyramid_axis_mark(&call->zoom->axis, row, 0, tick);
      *level = piece->level;
    }
    close_question(call, row);
  }
  return call->rc == SQLITE_OK;
}

bool pyramid_outermost(struct pyramid_call *call, bool last, int64_t *tick, bool *found) {
  int level = call->usable;
  *found = false;
  if (call->empty || !make_plan(call, level) || !find_outermost(call, last, &level, tick, found))
    return false;
  while (*found && level > 1) {
    int64_t from = *tick, to = from + call->layers[level].grid.width;
    pyramid_plan_between(&call->plan, from, to, call->layers, level - 1, call->raw_from);
    if (call->plan.failed) return pyramid_check(call, SQLITE_NOMEM);
    *found = false;
    if (!find_outermost(call, last, &level, tick, found)) return false;
  }
  return true;
}

/* `question` about the level's buckets that are in the range as a whole. */
static sqlite3_stmt *ask_inner(struct pyramid_call *call, int level, enum pyramid_question question) {
  struct pyramid_grid grid = call->layers[level].grid;
  struct pyramid_piece inner = {level, pyramid_ceil(grid, call->range.first),
                                pyramid_floor(grid, call->range.end)};
  return ask_piece(call, &inner, question);
}

bool pyramid_count(struct pyramid_call *call, int level, int64_t limit, int64_t *count) {
  sqlite3_stmt *row = ask_inner(call, level, PYRAMID_COUNT);
  if (row && pyramid_check(call, sqlite3_bind_int64(row, call->zoom->n_keys + 3, limit)) &&
      pyramid_check(call, sqlite3_step(row)))
    *count = sqlite3_column_int64(row, 0);
  close_question(call, row);
  return call->rc == SQLITE_OK;
}

bool pyramid_weigh(struct pyramid_call *call, int64_t rows_max, int64_t rows_end, int64_t buckets_max,
                   int64_t *rows, int64_t *buckets) {
  sqlite3_stmt *row = ask_inner(call, 1, PYRAMID_WEIGHTS);
  int rc = SQLITE_DONE;
  *rows = *buckets = 0;
  while (row && (rc = sqlite3_step(row)) == SQLITE_ROW) {
    *rows += sqlite3_column_int64(row, 0);
    ++*buckets;
    if (*rows >= rows_end || (*rows >= rows_max && *buckets >= buckets_max)) break;
  }
  pyramid_check(call, rc);
  close_question(call, row);
  return call->rc == SQLITE_OK;
}
