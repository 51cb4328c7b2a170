/*
** Which rows of a batch pass the tests? A test is prepared once: comparisons with a number become a range of integers
** and one of reals, both exact, so that the usual loop has two comparisons and no branch; lists are sorted.
*/
#include "ext/kernel/number.h"
#include "ext/scan/source.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Ranges ---- */

static const struct scan_passes everything = {.is_range = true,
                                              .integer_from = INT64_MIN,
                                              .integer_to = INT64_MAX,
                                              .real_from = -INFINITY,
                                              .real_to = INFINITY,
                                              .bytes = true};
static const struct scan_passes nothing = {
    .is_range = true, .integer_from = 1, .integer_to = 0, .real_from = 1, .real_to = 0};

/* Only numbers above `value`, or from it on. */
static void raise_from(struct scan_passes *passes, const struct scan_value *value, bool or_equal) {
  if (value->type == BATCH_INTEGER) {
    int64_t integer = value->is.integer;
    double near = (double)integer;
    int side = -compare_integer_real(integer, near); /* of `near`: 1 if it is above */
    if (!or_equal && integer == INT64_MAX)
      passes->integer_to = INT64_MIN, passes->integer_from = INT64_MAX;
    else
      passes->integer_from = integer + !or_equal;
    passes->real_from = side > 0 || (side == 0 && or_equal) ? near : nextafter(near, INFINITY);
    return;
  }
  double real = value->is.real, up = ceil(real);
  if (up >= 9223372036854775808.0 || (!or_equal && real == INFINITY))
    passes->integer_from = INT64_MAX, passes->integer_to = INT64_MIN;
  else if (up > -9223372036854775808.0 || (up == -9223372036854775808.0 && up == real && !or_equal))
    passes->integer_from = (int64_t)up + (up == real && !or_equal);
  if (!or_equal && real == INFINITY) passes->real_to = -INFINITY;
  passes->real_from = or_equal ? real : nextafter(real, INFINITY);
}

/* Only numbers below `value`, or up to it. */
static void lower_to(struct scan_passes *passes, const struct scan_value *value, bool or_equal) {
  if (value->type == BATCH_INTEGER) {
    int64_t integer = value->is.integer;
    double near = (double)integer;
    int side = -compare_integer_real(integer, near);
    if (!or_equal && integer == INT64_MIN)
      passes->integer_to = INT64_MIN, passes->integer_from = INT64_MAX;
    else
      passes->integer_to = integer - !or_equal;
    passes->real_to = side < 0 || (side == 0 && or_equal) ? near : nextafter(near, -INFINITY);
    return;
  }
  double real = value->is.real, down = floor(real);
  if (down < -9223372036854775808.0 || (down == -9223372036854775808.0 && down == real && !or_equal))
    passes->integer_from = INT64_MAX, passes->integer_to = INT64_MIN;
  else if (down < 9223372036854775808.0)
    passes->integer_to = (int64_t)down - (down == real && !or_equal);
  if (!or_equal && real == -INFINITY) passes->real_from = INFINITY;
  passes->real_to = or_equal ? real : nextafter(real, -INFINITY);
}

/* A comparison with a number. */
static void prepare_range(struct scan_test *test, const struct scan_value *value) {
  struct scan_passes *passes = &test->passes;
  *passes = everything;
  switch (test->operator) {
  case SCAN_LESS:
  case SCAN_LESS_EQUAL:
    lower_to(passes, value, test->operator== SCAN_LESS_EQUAL);
    passes->bytes = false;
    break;
  case SCAN_GREATER:
  case SCAN_GREATER_EQUAL:
    raise_from(passes, value, test->operator== SCAN_GREATER_EQUAL);
    break;
  default:
    raise_from(passes, value, true);
    lower_to(passes, value, true);
    passes->negated = passes->bytes = test->operator== SCAN_DIFFERS;
  }
}

/* ---- Lists ---- */

static int order(enum scan_collation collation, const void *a, const void *b) {
  const struct scan_value *left = a;
  return scan_compare(collation, left->type, left->is, left->length, b);
}

static int order_binary(const void *a, const void *b) {
  return order(COLLATION_BINARY, a, b);
}
static int order_nocase(const void *a, const void *b) {
  return order(COLLATION_NOCASE, a, b);
}
static int order_rtrim(const void *a, const void *b) {
  return order(COLLATION_RTRIM, a, b);
}

/* The list's numbers as each of the two types, where they are exactly that. */
static int prepare_numbers(struct scan *scan, struct scan_passes *passes) {
  int64_t *integers = scan_allocate(scan, passes->n_list * sizeof *integers);
  double *reals = scan_allocate(scan, passes->n_list * sizeof *reals);
  if (!integers || !reals) return SQLITE_NOMEM;
  for (size_t i = 0; i < passes->n_list && passes->list[i].type <= BATCH_REAL; i++) {
    struct scan_passes one = everything;
    raise_from(&one, &passes->list[i], true);
    lower_to(&one, &passes->list[i], true);
    if (one.integer_from == one.integer_to) integers[passes->n_integers++] = one.integer_from;
    if (one.real_from == one.real_to) reals[passes->n_reals++] = one.real_from;
  }
  passes->integers = integers;
  passes->reals = reals;
  return SQLITE_OK;
}

static int prepare_list(struct scan *scan, struct scan_test *test) {
  static int (*const orders[])(const void *, const void *) = {order_binary, order_nocase, order_rtrim,
                                                              order_binary};
  struct scan_passes *passes = &test->passes;
  struct scan_value *list = scan_allocate(scan, test->n_values * sizeof *list);
  if (!list) return SQLITE_NOMEM;
  size_t n = 0;
  for (size_t i = 0; i < test->n_values; i++) {
    if (test->values[i].type == BATCH_NULL)
      passes->nulls = true;
    else
      list[n++] = test->values[i];
  }
  qsort(list, n, sizeof *list, orders[scan->fields[test->field].collation]);
  passes->list = list;
  passes->n_list = n;
  return prepare_numbers(scan, passes);
}

int scan_prepare_test(struct scan *scan, struct scan_test *test) {
  struct scan_passes *passes = &test->passes;
  const struct scan_value *value = test->values;
  *passes = (struct scan_passes){0};
  if (test->n_values > 1) return prepare_list(scan, test);
  if (!test->n_values || value->type == BATCH_NULL) {
    *passes = test->operator== SCAN_DIFFERS ? everything : nothing;
    passes->nulls = test->n_values && test->operator== SCAN_EQUAL;
  } else if (value->type <= BATCH_REAL) {
    prepare_range(test, value);
  }
  return SQLITE_OK;
}

/* ---- One value ---- */

static bool is_in_list(const struct scan_passes *passes, enum scan_collation collation, enum batch_type type,
                       union batch_value value, uint32_t length) {
  size_t from = 0, to = passes->n_list;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    int side = scan_compare(collation, type, value, length, &passes->list[middle]);
    if (!side) return true;
    if (side < 0)
      to = middle;
    else
      from = middle + 1;
  }
  return false;
}

static bool is_ordered(const struct scan_test *test, enum scan_collation collation, enum batch_type type,
                       union batch_value value, uint32_t length) {
  int side = scan_compare(collation, type, value, length, test->values);
  switch (test->operator) {
  case SCAN_DIFFERS:
    return side != 0;
  case SCAN_LESS:
    return side < 0;
  case SCAN_LESS_EQUAL:
    return side <= 0;
  case SCAN_GREATER:
    return side > 0;
  case SCAN_GREATER_EQUAL:
    return side >= 0;
  default:
    return side == 0;
  }
}

/* For lists, and comparisons with a text or a blob. */
static bool passes_value(const struct scan_test *test, enum scan_collation collation, enum batch_type type,
                         union batch_value value, uint32_t length) {
  if (type == BATCH_NULL) return test->passes.nulls;
  if (test->n_values > 1) return is_in_list(&test->passes, collation, type, value, length);
  return is_ordered(test, collation, type, value, length);
}

/* ---- Columns ---- */

/* Keeps, of the rows so far (dense: all n), those for which the expression of `row` holds. No branch on it. */
#define KEEP(expression)                                                                                     \
  do {                                                                                                       \
    if (dense)                                                                                               \
      for (int row = 0; row < n; row++) {                                                                    \
        rows[kept] = (uint16_t)row;                                                                          \
        kept += (expression);                                                                                \
      }                                                                                                      \
    else                                                                                                     \
      for (int i = 0; i < n; i++) {                                                                          \
        uint16_t row = rows[i];                                                                              \
        rows[kept] = row;                                                                                    \
        kept += (expression);                                                                                \
      }                                                                                                      \
  } while (0)

static int keep_all(bool all, bool dense, int n, uint16_t *rows) {
  size_t kept = 0;
  KEEP(all);
  return (int)kept;
}

static int keep_integers(const struct scan_passes *passes, const union batch_value *values, bool dense, int n,
                         uint16_t *rows) {
  const uint64_t from = (uint64_t)passes->integer_from, span = (uint64_t)passes->integer_to - from;
  size_t kept = 0;
  if (passes->integer_from > passes->integer_to) return keep_all(passes->negated, dense, n, rows);
  if (passes->negated)
    KEEP((uint64_t)values[row].integer - from > span);
  else
    KEEP((uint64_t)values[row].integer - from <= span);
  return (int)kept;
}

static int keep_reals(const struct scan_passes *passes, const union batch_value *values, bool dense, int n,
                      uint16_t *rows) {
  const double from = passes->real_from, to = passes->real_to;
  size_t kept = 0;
  if (passes->negated)
    KEEP((values[row].real < from) | (values[row].real > to));
  else
    KEEP((values[row].real >= from) & (values[row].real <= to));
  return (int)kept;
}

/* A range on a column of several types. What isn't of a type is compared as if it were, and then not counted. */
static int keep_mixed(const struct scan_passes *passes, const struct batch_column *column, bool dense, int n,
                      uint16_t *rows) {
  const union batch_value *values = column->values;
  const uint8_t *types = column->types;
  const int64_t integer_from = passes->integer_from, integer_to = passes->integer_to;
  const double real_from = passes->real_from, real_to = passes->real_to;
  const bool negated = passes->negated, nulls = passes->nulls, bytes = passes->bytes;
  size_t kept = 0;
  KEEP(((types[row] == BATCH_INTEGER) &
        (((values[row].integer >= integer_from) & (values[row].integer <= integer_to)) ^ negated)) |
       ((types[row] == BATCH_REAL) &
        (((values[row].real >= real_from) & (values[row].real <= real_to)) ^ negated)) |
       (((types[row] == BATCH_TEXT) | (types[row] == BATCH_BLOB)) & bytes) |
       ((types[row] == BATCH_NULL) & nulls));
  return (int)kept;
}

static int keep_in_range(const struct scan_passes *passes, const struct batch_column *column, bool dense,
                         int n, uint16_t *rows) {
  if (batch_is(column, BATCH_INTEGER)) return keep_integers(passes, column->values, dense, n, rows);
  if (batch_is(column, BATCH_REAL)) return keep_reals(passes, column->values, dense, n, rows);
  if (batch_is(column, BATCH_NULL)) return keep_all(passes->nulls, dense, n, rows);
  if (batch_is(column, BATCH_TEXT) || batch_is(column, BATCH_BLOB))
    return keep_all(passes->bytes, dense, n, rows);
  return keep_mixed(passes, column, dense, n, rows);
}

/* The integers of a list, which is short as a rule. */
static bool is_integer_in_list(const struct scan_passes *passes, int64_t integer) {
  const int64_t *at = passes->integers;
  size_t n = passes->n_integers;
  if (!n) return false;
  while (n > 1) {
    size_t half = n / 2;
    at += at[half] <= integer ? half : 0;
    n -= half;
  }
  return *at == integer;
}

static bool is_real_in_list(const struct scan_passes *passes, double real) {
  const double *at = passes->reals;
  size_t n = passes->n_reals;
  if (!n) return false;
  while (n > 1) {
    size_t half = n / 2;
    at += at[half] <= real ? half : 0;
    n -= half;
  }
  return *at == real;
}

static bool is_same_text(const struct scan_value *value, const struct batch_column *column, int row) {
  return column->lengths[row] == value->length &&
         memcmp(column->values[row].bytes, value->is.bytes, value->length) == 0;
}

static int keep_values(const struct scan_test *test, enum scan_collation collation,
                       const struct batch_column *column, bool dense, int n, uint16_t *rows) {
  const struct scan_passes *passes = &test->passes;
  const union batch_value *values = column->values;
  const struct scan_value *value = test->values;
  size_t kept = 0;
  if (batch_is(column, BATCH_INTEGER) && passes->list)
    KEEP(is_integer_in_list(passes, values[row].integer));
  else if (batch_is(column, BATCH_REAL) && passes->list)
    KEEP(is_real_in_list(passes, values[row].real));
  else if (batch_is(column, value->type) && test->n_values == 1 &&
           test->operator== SCAN_EQUAL &&(collation == COLLATION_BINARY || value->type == BATCH_BLOB))
    KEEP(is_same_text(value, column, row));
  else
    KEEP(passes_value(test, collation, batch_type_at(column, row), values[row],
                      column->lengths ? column->lengths[row] : 0));
  return (int)kept;
}

/* ---- Batches ---- */

/* Both ranges hold. */
static void narrow(struct scan_passes *passes, const struct scan_passes *other) {
  if (other->integer_from > passes->integer_from) passes->integer_from = other->integer_from;
  if (other->integer_to < passes->integer_to) passes->integer_to = other->integer_to;
  if (other->real_from > passes->real_from) passes->real_from = other->real_from;
  if (other->real_to < passes->real_to) passes->real_to = other->real_to;
  passes->bytes &= other->bytes;
  passes->nulls &= other->nulls;
}

static bool is_plain_range(const struct scan_test *test) {
  return test->passes.is_range && !test->passes.negated;
}

int scan_test_batch(const struct scan *scan, size_t first, size_t last, const struct batch_column *fields,
                    int n, uint16_t *rows) {
  bool dense = true;
  for (size_t i = first; i < last; i++, dense = false) {
    const struct scan_test *test = &scan->tests[i];
    const struct batch_column *column = &fields[test->field];
    if (!test->passes.is_range) {
      n = keep_values(test, scan->fields[test->field].collation, column, dense, n, rows);
      continue;
    }
    struct scan_passes both = test->passes;
    while (is_plain_range(test) && i + 1 < last && test[1].field == test->field && is_plain_range(test + 1))
      narrow(&both, &(++test)->passes), i++;
    n = keep_in_range(&both, column, dense, n, rows);
  }
  return dense ? keep_all(true, true, n, rows) : n;
}
