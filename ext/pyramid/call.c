/* A call from its begin to its end, and its errors; see pyramid.h. */
#include "ext/function/function.h"
#include "ext/pyramid/pyramid.h"
#include <stdarg.h>
#include <stdlib.h>

bool pyramid_fail(struct pyramid_call *call, const char *format, ...) {
  if (call->rc != SQLITE_OK) return false;
  va_list arguments;
  va_start(arguments, format);
  char *text = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  call->error = text ? sqlite3_mprintf("%s: %s", call->zooms->function, text) : NULL;
  call->rc = call->error ? SQLITE_ERROR : SQLITE_NOMEM;
  sqlite3_free(text);
  return false;
}

bool pyramid_check(struct pyramid_call *call, int rc) {
  if (call->rc != SQLITE_OK) return false;
  if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE) return true;
  call->rc = rc;
  if (rc != SQLITE_NOMEM)
    call->error = sqlite3_mprintf("%s: %s", call->zooms->function, sqlite3_errmsg(call->zooms->db));
  return false;
}

/* ---- The range ---- */

static bool take_end(struct pyramid_call *call, sqlite3_value *value, bool is_hi, struct pyramid_end *end) {
  const struct pyramid_axis *axis = &call->zoom->axis;
  enum pyramid_end_problem problem = value ? pyramid_axis_end(axis, value, is_hi, end) : PYRAMID_END_FINE;
  if (problem == PYRAMID_END_FINE) return true;
  char *shown = value_for_message(value);
  pyramid_fail(call, "%s must be a time as %s of %s has it, such as %s, not %s%s", is_hi ? "hi" : "lo",
               call->zoom->time, call->zoom->name, pyramid_axis_example(axis), shown,
               problem == PYRAMID_END_NO_TIME && !axis->is_text && sqlite3_value_type(value) == SQLITE_TEXT
                   ? " (strftime('%s', ...) makes a number of a date)"
                   : "");
  sqlite3_free(shown);
  return false;
}

static bool take_range(struct pyramid_call *call) {
  struct pyramid_end *lo = &call->lo_end, *hi = &call->hi_end;
  if (!take_end(call, call->lo, false, lo) || !take_end(call, call->hi, true, hi)) return false;
  call->range = (struct pyramid_range){.first = call->lo ? lo->whole : PYRAMID_LEAST,
                                       .end = call->hi ? hi->whole : PYRAMID_MOST,
                                       .lo_open = !call->lo,
                                       .hi_open = !call->hi,
                                       .lo_exact = lo->exact};
  call->empty = call->lo && call->hi && lo->tick > hi->tick;
  return true;
}

/* ---- The call ---- */

bool pyramid_hold(struct pyramid_call *call) {
  struct pyramids *zooms = call->zooms;
  if (!zooms->hold)
    pyramid_check(call, sqlite3_prepare_v3(zooms->db, "SELECT 1 FROM main.sqlite_master", -1,
                                           SQLITE_PREPARE_PERSISTENT, &zooms->hold, NULL));
  return pyramid_check(call, call->rc == SQLITE_OK ? sqlite3_step(zooms->hold) : call->rc);
}

bool pyramid_begin(struct pyramid_call *call, struct pyramids *zooms,
                   const struct pyramid_arguments *arguments) {
  *call = (struct pyramid_call){.zooms = zooms, .lo = arguments->lo, .hi = arguments->hi};
  if (pyramid_hold(call)) call->zoom = pyramid_find(call, arguments->name);
  return call->zoom && pyramid_take_key(call, arguments->key) && take_range(call) && pyramid_look(call);
}

void pyramid_end(struct pyramid_call *call) {
  sqlite3_reset(call->zooms->hold);
  for (int level = 0; level <= PYRAMID_LEVELS_MAX; level++) pyramid_spans_free(&call->layers[level].due);
  pyramid_spans_free(&call->changed);
  pyramid_plan_free(&call->plan);
  free(call->key_texts);
  call->key_texts = NULL;
}
