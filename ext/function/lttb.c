/*
** lttb(x, y, n): at most n of a group's points, those that keep the line's look. An aggregate.
**
** L1  The result is JSON text with JSON's subtype, [[x,y],...] in ascending x; [] without any points.
** L2  The points are those of Largest Triangle Three Buckets in its reference arithmetic, to the bit
**     (ext/kernel/lttb.c has the source and the formulas).
** L3  n = 0 gives [], 1 the first point, 2 the first and the last; n >= the number of points gives them all.
** L4  n is a whole number >= 0 and the same in every row of a group. Anything else is an error that shows it:
**     negative, 2.5, text, NULL, beyond 64 bits.
** L5  A row whose x or y is NULL is skipped.
** L6  Rows may come in any order: they are sorted by x, and where x is equal they keep the order in which
**     they came. Input that comes in order of x costs no sort. If integers and reals are mixed in x, they
**     are compared as doubles.
** L7  x and y are INTEGER or REAL and come out as such: 5 as 5 (all 64 bits of it), 5.0 as 5.0, reals as the
**     shortest decimal that reads back as the same double.
** L8  x may be ISO 8601 text (ext/kernel/time_text.h says which) in all rows of a group. For order and area
**     it counts as seconds, a double: times less than a microsecond apart may count as equal. It comes out
**     as it was.
** L9  Errors that show the value: text in x that is no time, text beside numbers in x, text in y, blobs,
**     infinities (JSON has none).
** L10 Memory: 16 bytes a point; 24 where the types within x or within y vary; 24 and the text where x is
**     text. Out of memory is SQLite's own error of that name.
*/
#include "ext/kernel/lttb.h"
#include "ext/function/function.h"
#include <float.h>
#include <math.h>

struct lttb_state {
  struct points line;
  double n_given; /* as it came, to see that it stays the same */
  int64_t n;
  bool ready;  /* n has been read */
  bool failed; /* an error is set: the end only frees */
};

static void fail(sqlite3_context *context, struct lttb_state *state, const char *format,
                 sqlite3_value *value) {
  char *shown = value_for_message(value);
  function_error(context, format, shown);
  sqlite3_free(shown);
  state->failed = true;
}

/* L4: reads n in the first row, compares it in the others. */
static bool check_n(sqlite3_context *context, struct lttb_state *state, sqlite3_value *value) {
  int64_t n;
  if (!parameter_whole(value, &n) || n < 0) {
    fail(context, state, "lttb: n, the number of points wanted, must be a whole number >= 0, not %s", value);
    return false;
  }
  if (!state->ready) {
    points_init(&state->line);
    state->n = n;
    state->n_given = sqlite3_value_double(value);
    state->ready = true;
  }
  if (n == state->n) return true;
  function_error(context, "lttb: n must be the same in every row of a group, not %lld and then %lld",
                 (long long)state->n, (long long)n);
  state->failed = true;
  return false;
}

/* L8: the time that a text means. */
static bool read_time(sqlite3_value *value, struct point_value *x) {
  const char *text = (const char *)sqlite3_value_text(value);
  return text && point_time(text, (size_t)sqlite3_value_bytes(value), x);
}

static bool read_number(sqlite3_value *value, int type, struct point_value *number) {
  if (type == SQLITE_INTEGER) {
    *number = (struct point_value){.type = POINT_INTEGER, .integer = sqlite3_value_int64(value)};
    return true;
  }
  if (type != SQLITE_FLOAT) return false;
  *number = (struct point_value){.type = POINT_REAL, .real = sqlite3_value_double(value)};
  return fabs(number->real) <= DBL_MAX;
}

/* L5, L8, L9: a row of any kind. */
static void add_any(sqlite3_context *context, struct lttb_state *state, sqlite3_value **argv) {
  struct point_value x, y;
  int x_type = sqlite3_value_type(argv[0]), y_type = sqlite3_value_type(argv[1]);
  if (x_type == SQLITE_NULL || y_type == SQLITE_NULL) return;
  bool is_text = x_type == SQLITE_TEXT, has_text = state->line.x_text;
  if (state->line.any && is_text != has_text) {
    fail(context, state,
         has_text ? "lttb: x must be ISO times in all rows of a group or in none, not %s after a time"
                  : "lttb: x must be ISO times in all rows of a group or in none, not %s after a number",
         argv[0]);
  } else if (is_text ? !read_time(argv[0], &x) : !read_number(argv[0], x_type, &x)) {
    fail(context, state,
         "lttb: x must be a finite number or an ISO time such as '2024-05-01 12:30:00', not %s", argv[0]);
  } else if (!read_number(argv[1], y_type, &y)) {
    fail(context, state, "lttb: y must be a finite number, not %s", argv[1]);
  } else if (!points_add(&state->line, &x, &y)) {
    sqlite3_result_error_nomem(context);
    state->failed = true;
  }
}

/* The bits of a number that is in type: INTEGER or REAL. Infinities: see the caller. */
static inline uint64_t number_bits(sqlite3_value *value, int type) {
  return type == SQLITE_INTEGER ? (uint64_t)sqlite3_value_int64(value)
                                : points_bits(sqlite3_value_double(value));
}

static inline bool is_finite_number(int type, uint64_t bits) {
  return type == SQLITE_INTEGER || fabs(points_real(bits)) <= DBL_MAX;
}

/* A few nanoseconds a row: numbers of the same types as in the row before are appended right here. */
void lttb_step(sqlite3_context *context, int argc, sqlite3_value **argv) {
  (void)argc;
  struct lttb_state *state = sqlite3_aggregate_context(context, sizeof *state);
  if (!state) {
    sqlite3_result_error_nomem(context);
    return;
  }
  /* A 0 may also be the double of a NULL or a text, so it is always looked at more closely. */
  double n = sqlite3_value_double(argv[2]);
  if ((n != state->n_given || n == 0) && !check_n(context, state, argv[2])) return;
  int x_type = sqlite3_value_type(argv[0]), y_type = sqlite3_value_type(argv[1]);
  if (x_type <= SQLITE_FLOAT && y_type <= SQLITE_FLOAT) {
    uint64_t x = number_bits(argv[0], x_type), y = number_bits(argv[1], y_type);
    uint32_t kind =
        (x_type == SQLITE_FLOAT ? POINTS_X_REAL : 0) | (y_type == SQLITE_FLOAT ? POINTS_Y_REAL : 0);
    if (is_finite_number(x_type, x) && is_finite_number(y_type, y) &&
        points_add_alike(&state->line, kind, x, y))
      return;
  }
  add_any(context, state, argv);
}

static void put_number(struct json_text *json, const struct point_value *value) {
  if (value->type == POINT_INTEGER)
    json_put_integer(json, value->integer);
  else
    json_put_real(json, value->real);
}

static void put_point(void *to, const struct point_value *x, const struct point_value *y) {
  struct json_text *json = to;
  json_put_text(json, json->length > 1 ? ",[" : "[");
  if (x->type == POINT_TEXT)
    json_put_string(json, x->text);
  else
    put_number(json, x);
  json_put_char(json, ',');
  put_number(json, y);
  json_put_char(json, ']');
}

void lttb_final(sqlite3_context *context) {
  struct lttb_state *state = sqlite3_aggregate_context(context, 0);
  struct json_text json = {0};
  json_put_char(&json, '[');
  if (state && state->ready && !state->failed) {
    if (points_sort(&state->line, NULL))
      lttb_pick(&state->line, state->n, put_point, &json, NULL);
    else
      json.failed = true;
  }
  json_put_char(&json, ']');
  if (state && state->ready) points_free(&state->line);
  json_result(context, &json);
}
