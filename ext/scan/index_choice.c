/*
** Which index to use for a scan from pages, if any, and how: one whose first column has conditions that leave some of
** its entries. Their rowids say which leaves of the table have to be read.
**
** C-1  An index has an entry for each row, unless it is partial, and for each row in it the value that the row has. So the
**      rows of the entries within the bounds are all that pass the conditions on that column. Rows between them are read,
**      too, and tested as ever.
** C-2  The order of an index is that of its collation. Bounds that are numbers or blobs are the same in all of them; texts
**      need the column's own, and UTF-8. A descending index may be ascending in old files (schema formats before 4).
** C-3  What an index costs is estimated from two descents, before it is read: no index is read for more than a part
**      of the table, HALF. Costs are measured ones, of a row in pages, of a run of rows, of a row that SQL finds by the
**      index. They decide about time alone.
**      Rowids may have gaps of any size; costs are of rows, of which a rowid is 1 / spacing.
** C-4  What can't be read of an index (its pages are ambiguous, malformed, its keys long) is no error: the table is scanned
**      without. Where pages are ambiguous, as those at the end of an index on time are while rows come in, SQL is asked
**      for the rowids, but not for more than ASKED_MAX: dashboards want the last hour above all.
*/
#include "ext/scan/index_choice.h"
#include "ext/scan/page_index.h"
#include "ext/scan/rowid_runs.h"
#include <stdlib.h>
#include <string.h>

enum { PAGES_MIN = 64 };     /* of a table that is worth it */
enum { VALUES_MAX = 256 };   /* of a list */
enum { ASKED_MAX = 100000 }; /* rowids that SQL is asked for */
enum { ROW_NS = 7, RUN_NS = 1500, SQL_ROW_NS = 1000 };
enum { GAP_ROWS = 256 }; /* to read them takes as long as to begin a run */
enum { ROW_BYTES = 40 }; /* of a table of which nothing is known */
static const double HALF = 0.5;

/* The conditions on one column. */
struct candidate {
  size_t field;
  const struct scan_test *list; /* an equality, or NULL: */
  struct index_bounds bounds;
  char *index; /* its name, of scan_text */
  uint32_t root;
  bool descending;
  enum scan_collation collation;
  bool unknown; /* how much it leaves: its pages can't be read */
  double entries, part;
};

struct choice {
  struct scan *scan;
  const struct page_file *file;
  struct scan_pace *pace;
  struct rowid_runs runs;
  double spacing; /* of the table's rowids */
  int rc;
};

/* ---- Conditions ---- */

static const struct scan_value null_value = {.type = BATCH_NULL};

static bool is_better(const struct scan_field *field, const struct scan_value *value,
                      const struct scan_value *than, int sign) {
  return !than || sign * scan_compare(field->collation, value->type, value->is, value->length, than) > 0;
}

static void narrow(const struct scan_field *field, struct index_bounds *bounds,
                   const struct scan_test *test) {
  const struct scan_value *value = &test->values[0];
  bool strict = test->operator== SCAN_LESS || test->operator== SCAN_GREATER;
  bool is_high = test->operator== SCAN_LESS || test->operator== SCAN_LESS_EQUAL;
  if (is_high && is_better(field, value, bounds->high, -1)) {
    bounds->high = value;
    bounds->high_excluded = strict;
  }
  if (!is_high && is_better(field, value, bounds->low, 1)) {
    bounds->low = value;
    bounds->low_excluded = strict;
  }
}

/* False: no index can be used for a test's values. *has_text: only one of the same collation. */
static bool has_bounds(const struct scan_test *test, bool *has_text) {
  if (test->operator== SCAN_DIFFERS || !test->n_values || test->n_values> VALUES_MAX) return false;
  for (size_t i = 0; i < test->n_values; i++) {
    if (test->values[i].type == BATCH_NULL) return false;
    *has_text |= test->values[i].type == BATCH_TEXT;
  }
  return true;
}

/* What the tests say about the field; false: nothing. */
static bool gather(const struct scan *scan, size_t field, struct candidate *c, bool *has_text) {
  *c = (struct candidate){.field = field};
  *has_text = false;
  if (scan->fields[field].place == FIELD_ROWID) return false;
  for (size_t i = 0; i < scan->n_tests; i++) {
    const struct scan_test *test = &scan->tests[i];
    if (test->field != field || !has_bounds(test, has_text)) continue;
    if (test->operator!= SCAN_EQUAL)
      narrow(&scan->fields[field], &c->bounds, test);
    else if (!c->list || test->n_values < c->list->n_values)
      c->list = test;
  }
  if (c->bounds.high && !c->bounds.low) { /* NULLs are below all values */
    c->bounds.low = &null_value;
    c->bounds.low_excluded = true;
  }
  return c->list || c->bounds.low;
}

/* The n-th interval of a candidate. */
static bool bounds_at(const struct candidate *c, size_t n, struct index_bounds *bounds) {
  if (n >= (c->list ? c->list->n_values : 1)) return false;
  *bounds = c->bounds;
  if (c->list) *bounds = (struct index_bounds){.low = &c->list->values[n], .high = &c->list->values[n]};
  return true;
}

/* ---- The schema ---- */

static const char *text_at(sqlite3_stmt *row, int column) {
  const char *text = (const char *)sqlite3_column_text(row, column);
  return text ? text : "";
}

/* What fails of SQLite's costs an index, no more, but for what ends the scan. */
static void note(struct choice *choice, int rc) {
  if (choice->rc == SQLITE_OK && scan_is_final(rc)) choice->rc = rc & 0xff;
}

/* Steps to the first row; finalizes and returns NULL where there is none. */
static sqlite3_stmt *look_up(struct choice *choice, const char *format, const char *name) {
  sqlite3_stmt *row = NULL;
  char *sql = sqlite3_mprintf(format, choice->scan->schema, name);
  int rc = sql ? sqlite3_prepare_v2(choice->scan->db, sql, -1, &row, NULL) : SQLITE_NOMEM;
  sqlite3_free(sql);
  if (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) return row;
  note(choice, rc);
  sqlite3_finalize(row);
  return NULL;
}

/* C-2: does the index begin with the candidate's column, and in which order? */
static bool read_order(struct choice *choice, const char *index, bool has_text, struct candidate *c) {
  const struct scan_field *field = &choice->scan->fields[c->field];
  sqlite3_stmt *column = look_up(choice, "PRAGMA \"%w\".index_xinfo(\"%w\")", index);
  if (!column) return false;
  const char *collation = text_at(column, 4);
  static const char *const names[] = {"BINARY", "NOCASE", "RTRIM"};
  bool fits = sqlite3_column_int(column, 1) >= 0 && !sqlite3_stricmp(text_at(column, 2), field->name);
  c->descending = sqlite3_column_int(column, 3) != 0;
  c->collation = field->collation;
  if (has_text)
    fits &= field->collation < COLLATION_OTHER && !sqlite3_stricmp(collation, names[field->collation]) &&
            choice->file->encoding == PAGE_UTF8;
  if (c->descending) fits &= choice->file->schema_format == 4;
  sqlite3_finalize(column);
  return fits;
}

static bool read_root(struct choice *choice, const char *index, struct candidate *c) {
  sqlite3_stmt *row =
      look_up(choice, "SELECT rootpage FROM \"%w\".sqlite_master WHERE type = 'index' AND name = %Q", index);
  sqlite3_int64 root = row ? sqlite3_column_int64(row, 0) : 0;
  sqlite3_finalize(row);
  c->root = root > 1 && root < UINT32_MAX ? (uint32_t)root : 0;
  return c->root != 0;
}

static bool find_index(struct choice *choice, bool has_text, struct candidate *c) {
  bool found = false;
  int rc = SQLITE_ROW;
  sqlite3_stmt *list = look_up(choice, "PRAGMA \"%w\".index_list(\"%w\")", choice->scan->table);
  for (; list && rc == SQLITE_ROW && !found; rc = sqlite3_step(list)) {
    bool partial = sqlite3_column_int(list, 4) != 0;
    const char *name = text_at(list, 1);
    found = !partial && read_order(choice, name, has_text, c) && read_root(choice, name, c);
    if (found && !(c->index = scan_text(choice->scan, "%s", name))) choice->rc = SQLITE_NOMEM;
    if (found) break;
  }
  note(choice, rc);
  sqlite3_finalize(list);
  return found;
}

/* Will SQL look the rows up, or scan the table after all? In the table's order, as they would come from pages. */
static bool sql_searches(struct choice *choice) {
  sqlite3_stmt *select = NULL, *plan = NULL;
  char *error = NULL;
  bool searches = false;
  choice->scan->order = choice->scan->key;
  int rc = sql_source_prepare(choice->scan, choice->scan->request->n_columns, NULL, &select, &error);
  char *sql = rc == SQLITE_OK ? sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sqlite3_sql(select)) : NULL;
  if (sql) rc = sqlite3_prepare_v2(choice->scan->db, sql, -1, &plan, NULL);
  if (sql && rc == SQLITE_OK) rc = sqlite3_step(plan);
  if (sql && rc == SQLITE_ROW) searches = !strncmp(text_at(plan, 3), "SEARCH", 6);
  note(choice, rc);
  sqlite3_finalize(plan);
  sqlite3_finalize(select);
  sqlite3_free(sql);
  sqlite3_free(error);
  if (!searches) choice->scan->order = NULL;
  return searches;
}

/* ---- Choosing ---- */

static void open_index(const struct choice *choice, const struct candidate *c, struct page_index *index) {
  page_index_open(index, choice->file, c->root, c->descending, c->collation);
}

/* How much of the table the candidate leaves. */
static enum index_result estimate(struct choice *choice, struct candidate *c) {
  struct page_index index;
  struct index_bounds bounds;
  enum index_result result = INDEX_DONE;
  open_index(choice, c, &index);
  for (size_t i = 0; result == INDEX_DONE && bounds_at(c, i, &bounds); i++) {
    double entries, part = 0;
    result = page_index_estimate(&index, &bounds, &entries, &part);
    c->part += part;
    if (entries > c->entries) c->entries = entries;
  }
  page_index_close(&index);
  return result;
}

static bool take(void *state, const int64_t *rowids, size_t n) {
  struct choice *choice = state;
  choice->rc = scan_pace_check(choice->pace);
  return choice->rc == SQLITE_OK && rowid_runs_add(&choice->runs, rowids, n);
}

static enum index_result read_index(struct choice *choice, const struct candidate *c) {
  struct page_index index;
  struct index_bounds bounds;
  struct index_taker taker = {choice, take};
  enum index_result result = INDEX_DONE;
  open_index(choice, c, &index);
  for (size_t i = 0; result == INDEX_DONE && bounds_at(c, i, &bounds); i++)
    result = page_index_read(&index, &bounds, &taker);
  page_index_close(&index);
  rowid_runs_finish(&choice->runs);
  return result;
}

/* C-4 */
static enum index_result ask_sql(struct choice *choice, const struct candidate *c) {
  struct index_bounds bounds;
  struct index_taker taker = {choice, take};
  enum index_result result = INDEX_DONE;
  choice->runs.n = choice->runs.count = 0;
  for (size_t i = 0; result == INDEX_DONE && bounds_at(c, i, &bounds); i++)
    result = index_sql_read(choice->scan, c->index, &choice->scan->fields[c->field], &bounds, &taker,
                            ASKED_MAX - (int64_t)choice->runs.count, &choice->rc);
  rowid_runs_finish(&choice->runs);
  return result == INDEX_STOPPED ? INDEX_UNKNOWN : result;
}

/* The candidate that leaves least; its `part` is above HALF where none is worth it. */
static struct candidate choose(struct choice *choice) {
  struct candidate best = {.part = 1};
  for (size_t field = 0; field < choice->scan->n_fields && choice->rc == SQLITE_OK; field++) {
    struct candidate c;
    bool has_text;
    if (!gather(choice->scan, field, &c, &has_text) || !find_index(choice, has_text, &c)) continue;
    enum index_result result = estimate(choice, &c);
    if (result == INDEX_NO_MEMORY) choice->rc = SQLITE_NOMEM;
    if (result == INDEX_UNKNOWN) {
      c.unknown = true;
      c.part = HALF;
      c.entries = (double)choice->file->page_count * choice->file->page_size / ROW_BYTES;
    }
    if (c.part < best.part) best = c;
  }
  return best;
}

/* C-3: how far the rowids are apart. */
static void measure_spacing(struct choice *choice, double rows) {
  const struct scan *scan = choice->scan;
  sqlite3_stmt *ends = NULL;
  choice->spacing = 1;
  char *sql = sqlite3_mprintf(
      "SELECT (SELECT min(\"%w\") FROM \"%w\".\"%w\"), (SELECT max(\"%w\") FROM \"%w\".\"%w\")",
      scan->rowid_name, scan->schema, scan->table, scan->rowid_name, scan->schema, scan->table);
  int rc = sql ? sqlite3_prepare_v2(scan->db, sql, -1, &ends, NULL) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = sqlite3_step(ends);
  if (rc == SQLITE_ROW)
    choice->spacing =
        ((double)sqlite3_column_int64(ends, 1) - (double)sqlite3_column_int64(ends, 0)) / (rows + 1);
  note(choice, rc);
  sqlite3_finalize(ends);
  sqlite3_free(sql);
  if (!(choice->spacing >= 1)) choice->spacing = 1;
}

static uint64_t gap_of(const struct choice *choice) {
  double gap = GAP_ROWS * choice->spacing;
  return gap < 0x1p62 ? (uint64_t)gap : (uint64_t)1 << 62;
}

/* C-3: what the index has found, or has begun to find, against a scan of all. */
static void decide(struct choice *choice, const struct candidate *c, bool found_all,
                   struct rowid_ranges *ranges, bool *through_sql) {
  double all = c->entries * ROW_NS, span = (double)rowid_runs_span(&choice->runs) / choice->spacing;
  double rows = found_all ? (double)choice->runs.count : c->part * c->entries;
  double narrowed = (double)choice->runs.n * RUN_NS + (span < c->entries ? span : c->entries) * ROW_NS;
  double sql = rows * SQL_ROW_NS;
  if (!found_all) narrowed = all;
  if (narrowed <= sql && narrowed < all) {
    ranges->listed = choice->runs.runs;
    ranges->n_listed = choice->runs.n;
    choice->runs.runs = NULL;
  } else if (sql < all) {
    *through_sql = sql_searches(choice);
  }
}

int index_choose(struct scan *scan, const struct page_file *file, struct scan_pace *pace,
                 struct rowid_ranges *ranges, bool *through_sql) {
  struct choice choice = {.scan = scan, .file = file, .pace = pace};
  scan->order = NULL;
  *through_sql = false;
  bool has_range = ranges->listed || ranges->low > INT64_MIN || ranges->high < INT64_MAX;
  if (scan->without_rowid || !scan->n_tests || has_range || file->page_count < PAGES_MIN) return SQLITE_OK;
  struct candidate best = choose(&choice);
  if (choice.rc != SQLITE_OK || best.part > HALF) return choice.rc;
  measure_spacing(&choice, best.entries);
  if (choice.rc != SQLITE_OK || !rowid_runs_open(&choice.runs, gap_of(&choice)))
    return choice.rc != SQLITE_OK ? choice.rc : SQLITE_NOMEM;
  enum index_result result = best.unknown ? INDEX_UNKNOWN : read_index(&choice, &best);
  if (result == INDEX_UNKNOWN && file->n_ambiguous) result = ask_sql(&choice, &best);
  if (result == INDEX_NO_MEMORY) choice.rc = SQLITE_NOMEM;
  if (choice.rc == SQLITE_OK && result != INDEX_UNKNOWN)
    decide(&choice, &best, result == INDEX_DONE, ranges, through_sql);
  rowid_runs_close(&choice.runs);
  return choice.rc;
}
