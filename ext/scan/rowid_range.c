#include "ext/scan/rowid_range.h"
#include <math.h>
#include <stdlib.h>

static const double two_to_63 = 9223372036854775808.0;

/* The rowids x with `x operator value`, as an interval. Rowids are integers: a text or a blob is above them all, and NULL
   compares with nothing, but such are left to the tests. */
static void narrow(struct rowid_ranges *ranges, enum scan_operator operator,
                   const struct scan_value * value) {
  int64_t low = INT64_MIN, high = INT64_MAX;
  bool below = operator== SCAN_LESS || operator== SCAN_LESS_EQUAL;
  bool strict = operator== SCAN_LESS || operator== SCAN_GREATER;
  if (value->type == BATCH_INTEGER) {
    int64_t v = value->is.integer;
    if (strict && v == (below ? INT64_MIN : INT64_MAX))
      high = INT64_MIN, low = INT64_MAX;
    else if (below)
      high = v - strict;
    else
      low = v + strict;
  } else if (value->type == BATCH_REAL) {
    double v = below ? floor(value->is.real) : ceil(value->is.real);
    bool whole = v == value->is.real && strict; /* the bound itself is out */
    if (below && v < -two_to_63)
      high = INT64_MIN, low = INT64_MAX;
    else if (!below && v >= two_to_63)
      high = INT64_MIN, low = INT64_MAX;
    else if (below && v < two_to_63) {
      if (whole && v == -two_to_63)
        high = INT64_MIN, low = INT64_MAX;
      else
        high = (int64_t)v - whole;
    } else if (!below && v >= -two_to_63)
      low = (int64_t)v + whole; /* below 2^63 doubles are far from INT64_MAX */
  }
  if (low > ranges->low) ranges->low = low;
  if (high < ranges->high) ranges->high = high;
}

int rowid_interval_order(const void *a, const void *b) {
  int64_t x = ((const struct rowid_interval *)a)->low, y = ((const struct rowid_interval *)b)->low;
  return (x > y) - (x < y);
}

/* Only the first list is kept; other ones narrow the interval. */
static bool narrow_to_list(struct rowid_ranges *ranges, const struct scan_test *test) {
  struct rowid_interval *listed = malloc((test->n_values + 1) * sizeof *listed);
  if (!listed) return false;
  size_t n = 0;
  for (size_t i = 0; i < test->n_values; i++) {
    const struct scan_value *v = &test->values[i];
    int64_t rowid;
    if (v->type == BATCH_INTEGER)
      rowid = v->is.integer;
    else if (v->type == BATCH_REAL && v->is.real >= -two_to_63 && v->is.real < two_to_63 &&
             v->is.real == floor(v->is.real))
      rowid = (int64_t)v->is.real;
    else
      continue;
    listed[n++] = (struct rowid_interval){rowid, rowid};
  }
  qsort(listed, n, sizeof *listed, rowid_interval_order);
  int64_t low = n ? listed[0].low : INT64_MAX, high = n ? listed[n - 1].high : INT64_MIN;
  if (low > ranges->low) ranges->low = low;
  if (high < ranges->high) ranges->high = high;
  if (ranges->listed)
    free(listed);
  else
    ranges->listed = listed, ranges->n_listed = n;
  return true;
}

bool rowid_ranges_of(const struct scan *scan, struct rowid_ranges *ranges) {
  *ranges = (struct rowid_ranges){.low = INT64_MIN, .high = INT64_MAX};
  for (size_t i = 0; i < scan->n_tests; i++) {
    const struct scan_test *test = &scan->tests[i];
    if (scan->fields[test->field].place != FIELD_ROWID || test->operator== SCAN_DIFFERS) continue;
    if (test->operator!= SCAN_EQUAL)
      narrow(ranges, test->operator, & test->values[0]);
    else if (!narrow_to_list(ranges, test))
      return false;
  }
  return true;
}

void rowid_ranges_free(struct rowid_ranges *ranges) {
  free(ranges->listed);
  ranges->listed = NULL;
}

bool rowid_ranges_meet(const struct rowid_ranges *ranges, int64_t low, int64_t high) {
  if (low < ranges->low) low = ranges->low;
  if (high > ranges->high) high = ranges->high;
  if (low > high || !ranges->listed) return low <= high;
  size_t from = 0, to = ranges->n_listed; /* the first listed one that does not end below low */
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    if (ranges->listed[middle].high < low)
      from = middle + 1;
    else
      to = middle;
  }
  return from < ranges->n_listed && ranges->listed[from].low <= high;
}
