/*
** Which definitions a scan can compute (scanning.h) instead of SQL: one SELECT over one table, with an optional WHERE of
** comparisons with constants, that groups by the bucket and plain columns and whose result is these and aggregates
** of plain columns. Told by the tokens, after additive.h has said that there is nothing but one simple SELECT. And the
** finest level of a zoom, whose SELECT is the tool's own (sql/zoom.sql).
*/
#ifndef ALMANAC_SCAN_FORM_H
#define ALMANAC_SCAN_FORM_H
#include "ext/scan/scan.h"
#include "tool/engine/summary.h"

enum scan_result {
  RESULT_BUCKET,
  RESULT_KEY,  /* number `of` of the keys */
  RESULT_ROWS, /* count(*) */
  RESULT_COUNT,
  RESULT_SUM,
  RESULT_TOTAL,
  RESULT_AVG,
  RESULT_MIN,
  RESULT_MAX, /* these of value number `of` */
  RESULT_MIN_AT,
  RESULT_MAX_AT,
  RESULT_FIRST,
  RESULT_FIRST_AT,
  RESULT_LAST,
  RESULT_LAST_AT /* ... and in a zoom only */
};

struct scan_form {
  const char **keys; /* columns of the source */
  size_t n_keys;
  const char **values; /* columns of the source that are aggregated, each once */
  size_t n_values;
  struct {
    enum scan_result what;
    size_t of;
  } * results; /* as many as the summary has columns */
  struct scan_condition *conditions;
  size_t n_conditions;
  const char *
      zoom_bucket; /* the finest level of a zoom: width and modifiers, as in bucket_call. Rows with a NULL for a
                              key are left out; NULL for other definitions */
};

/* Sets summary->scan, or summary->not_scan to the reason. `shadow` is the definition's SELECT; the summary's columns and
   `additive` are known. */
bool scan_form_read(struct engine *engine, struct summary *summary, const struct shadow *shadow);

#endif
