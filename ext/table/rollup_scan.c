/*
** rollup_scan(table, time, width, value [, key [, filter [, modifiers]]]): bucket, key, n, sum, avg, min, max, first,
** last. A table-valued function that reads the table itself.
**
** R-1  A row for each group of GROUP BY time_bucket(width, time [, modifier ...]), key over the rows that the filter lets
**      through. modifiers are those of time_bucket, separated by commas: 'ms,Europe/Berlin'. Rows whose time is NULL, or
**      nothing that time_bucket has a bucket for (it gives NULL), are skipped. Without a key: key is NULL, a row a bucket.
** R-2  Rows come in order of bucket and key: NULL, numbers, texts, blobs. ORDER BY of these costs nothing.
** R-3  Keys are grouped as GROUP BY does: 1 and 1.0 are one, integers and reals are compared exactly, texts by the
**      column's collation if it is BINARY, NOCASE or RTRIM (others are an error). Of those that look different the
**      integer is shown, or the text whose bytes sort first, in all buckets; so it is for 0 and 0.0 as buckets.
** R-4  n counts the values that are not NULL; the others are over these, NULL where there are none (the row is there).
**      Text or blobs as values are an error, unless nothing but n is asked for.
** R-5  sum of integers is exact; "integer overflow" where it does not fit, as sum() says, but only if the sum itself
**      does not, in whatever order. With a real among them it is real. avg is real, also where the sum overflows.
** R-6  min and max compare exactly. first is the value at the earliest time, of several at that time the smallest; last
**      that at the latest time, of several the largest. Text times are compared as instants.
** R-7  Nothing but the last digits of sums of reals depends on the order of rows or on almanac_threads().
** R-8  width, modifiers and times that time_bucket gives an error for are errors here.
** R-9  Memory: some 60 to 120 bytes a group, for each thread that met it; 60 more for first and last.
*/
#include "ext/function/function.h"
#include "ext/kernel/rollup.h"
#include "ext/table/scans.h"
#include <string.h>

enum { TABLE, TIME, WIDTH, VALUE, KEY, FILTER, MODIFIERS, ARGUMENTS };
enum {
  COLUMN_BUCKET,
  COLUMN_KEY,
  COLUMN_N,
  COLUMN_SUM,
  COLUMN_AVG,
  COLUMN_MIN,
  COLUMN_MAX,
  COLUMN_FIRST,
  COLUMN_LAST,
  COLUMN_ARGUMENTS,
  COLUMN_WAY = COLUMN_ARGUMENTS + ARGUMENTS
};
/* idxNum: the arguments that are there, as table_take_arguments has it, and above them the columns that are used. */
enum { USED_FROM = SCAN_ARGUMENTS_MAX, USED_MASK = (1 << COLUMN_ARGUMENTS) - 1 };
enum { MODIFIERS_MAX = 4 }; /* unit, origin, fraction and zone */

static const char function[] = "rollup_scan";

struct rollup_cursor {
  sqlite3_vtab_cursor base;
  struct scan_arguments arguments;
  char *way;
  bool has_grain;
  struct time_grain grain;
  struct rollup_key key;
  struct rollup_field field;
  struct rollup_spec spec;
  struct rollup *rollup; /* NULL: nothing read */
  size_t row;
  bool is_summarized; /* `summary` is the row's */
  struct rollup_summary summary;
};

static int rollup_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **table,
                          char **error) {
  (void)argc, (void)argv, (void)error;
  return scan_table_connect(
      db, aux, function,
      "CREATE TABLE rollup_scan(bucket, key, n INTEGER, sum, avg REAL, min, max, first, last, "
      "table_name HIDDEN, time_column HIDDEN, width HIDDEN, value_column HIDDEN, "
      "key_column HIDDEN, filter HIDDEN, modifiers HIDDEN, way HIDDEN)",
      table);
}

/* In a database that compares UTF-16, texts have another order than ours, but those of buckets, which are ASCII. */
static bool is_our_order(const struct scan_table *table, const sqlite3_index_info *info) {
  for (int i = 0; i < info->nOrderBy; i++)
    if (info->aOrderBy[i].iColumn != i || info->aOrderBy[i].desc) return false;
  return info->nOrderBy <= (table->is_utf16 ? 1 : 2);
}

static int rollup_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
  int rc = table_take_arguments(table, info, COLUMN_ARGUMENTS, 4, ARGUMENTS,
                                "rollup_scan(table, time, width, value [, key [, filter [, modifiers]]])");
  if (rc != SQLITE_OK) return rc;
  info->orderByConsumed = is_our_order((const struct scan_table *)table, info);
  info->idxNum |= (int)(info->colUsed & USED_MASK) << USED_FROM;
  info->estimatedRows = 100000;
  return SQLITE_OK;
}

static int rollup_cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **opened) {
  (void)table;
  struct rollup_cursor *cursor = sqlite3_malloc(sizeof *cursor);
  if (!cursor) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  *opened = &cursor->base;
  return SQLITE_OK;
}

static void forget(struct rollup_cursor *cursor) {
  rollup_close(cursor->rollup);
  cursor->rollup = NULL;
  if (cursor->has_grain) time_grain_free(&cursor->grain);
  cursor->has_grain = false;
  cursor->row = 0;
  cursor->is_summarized = false;
}

static int rollup_cursor_close(sqlite3_vtab_cursor *base) {
  struct rollup_cursor *cursor = (struct rollup_cursor *)base;
  forget(cursor);
  scan_arguments_free(&cursor->arguments);
  sqlite3_free(cursor->way);
  sqlite3_free(cursor);
  return SQLITE_OK;
}

/* ---- Arguments ---- */

static int argument_error(struct scan_table *table, const char *what, sqlite3_value *given) {
  char *shown = given ? value_for_message(given) : NULL;
  int rc = table_error(&table->base, "%s: %s, not %s", function, what, given ? shown : "NULL");
  sqlite3_free(shown);
  return rc;
}

static int read_width(struct scan_table *table, sqlite3_value *given, struct time_width *width) {
  *width = (struct time_width){0};
  switch (given ? sqlite3_value_type(given) : SQLITE_NULL) {
  case SQLITE_INTEGER:
    width->integer = sqlite3_value_int64(given);
    return SQLITE_OK;
  case SQLITE_FLOAT:
    width->is_real = true;
    width->real = sqlite3_value_double(given);
    return SQLITE_OK;
  case SQLITE_TEXT:
    width->text = (const char *)sqlite3_value_text(given);
    width->length = (size_t)sqlite3_value_bytes(given);
    return width->text ? SQLITE_OK : SQLITE_NOMEM;
  default:
    return argument_error(table, "width must be a number or text such as '1 hour'", given);
  }
}

/* 'ms, Europe/Berlin' into its parts. Blank: none. */
static int read_modifiers(struct scan_table *table, sqlite3_value *given, struct time_modifier *modifiers,
                          int *n) {
  *n = 0;
  if (!given) return SQLITE_OK;
  if (sqlite3_value_type(given) != SQLITE_TEXT)
    return argument_error(table, "modifiers must be text such as 'ms,Europe/Berlin'", given);
  const char *at = (const char *)sqlite3_value_text(given);
  if (!at) return SQLITE_NOMEM;
  const char *end = at + sqlite3_value_bytes(given);
  for (bool more = true; more;) {
    const char *comma = memchr(at, ',', (size_t)(end - at)), *stop = comma ? comma : end;
    const char *next = stop;
    while (at < stop && *at == ' ') at++;
    while (at < stop && stop[-1] == ' ') stop--;
    more = comma != NULL;
    if (*n == 0 && !more && at == stop) return SQLITE_OK;
    if (*n == MODIFIERS_MAX)
      return argument_error(table, "modifiers must be four at most, each kind once", given);
    modifiers[(*n)++] = (struct time_modifier){.text = at, .length = (size_t)(stop - at)};
    at = more ? next + 1 : next;
  }
  return SQLITE_OK;
}

static int read_grain(struct rollup_cursor *cursor, struct scan_table *table) {
  struct time_width width;
  struct time_modifier modifiers[MODIFIERS_MAX];
  int n;
  int rc = read_width(table, cursor->arguments.values[WIDTH], &width);
  if (rc == SQLITE_OK) rc = read_modifiers(table, cursor->arguments.values[MODIFIERS], modifiers, &n);
  if (rc != SQLITE_OK) return rc;
  cursor->has_grain = time_grain_parse(&cursor->grain, width, modifiers, n, NULL);
  if (cursor->has_grain) return SQLITE_OK;
  return cursor->grain.no_memory ? SQLITE_NOMEM
                                 : table_error(&table->base, "%s: %s", function, cursor->grain.error);
}

/* What the used columns need. */
static unsigned wants_of(int used) {
  static const unsigned wants[COLUMN_ARGUMENTS] = {
      [COLUMN_SUM] = ROLLUP_SUM, [COLUMN_AVG] = ROLLUP_SUM,     [COLUMN_MIN] = ROLLUP_MIN,
      [COLUMN_MAX] = ROLLUP_MAX, [COLUMN_FIRST] = ROLLUP_FIRST, [COLUMN_LAST] = ROLLUP_LAST,
  };
  unsigned all = ROLLUP_N;
  for (int column = 0; column < COLUMN_ARGUMENTS; column++)
    if (used & 1 << column) all |= wants[column];
  return all;
}

/* */
static int read_collation(struct scan_table *table, struct table_scan *scan, const char *key,
                          enum rollup_collation *collation) {
  const char *name;
  int rc = scan_collation(scan->scan, 2, &name);
  if (rc != SQLITE_OK) return rc;
  *collation = ROLLUP_BINARY;
  if (sqlite3_stricmp(name, "NOCASE") == 0) *collation = ROLLUP_NOCASE;
  if (sqlite3_stricmp(name, "RTRIM") == 0) *collation = ROLLUP_RTRIM;
  if (*collation != ROLLUP_BINARY || sqlite3_stricmp(name, "BINARY") == 0) return SQLITE_OK;
  return table_error(
      &table->base,
      "%s: key \"%s\" has the collation %s; a view that says \"%s\" COLLATE BINARY (or NOCASE, RTRIM) "
      "can be grouped",
      function, key, name, key);
}

/* ---- Reading ---- */

static int take_batch(void *state, const struct batch *batch) {
  switch (rollup_take(state, batch)) {
  case ROLLUP_OK:
    return SQLITE_OK;
  case ROLLUP_NO_MEMORY:
    return SQLITE_NOMEM;
  default:
    return SQLITE_ERROR;
  }
}

static void clear_rows(void *state) {
  rollup_clear(state);
}

/* Says why a rollup stopped. */
static int rollup_failed(struct rollup_cursor *cursor, struct scan_table *table, const char *const *columns,
                         const struct rollup *rollup, enum rollup_status status) {
  const char *column = columns[rollup_bad_column(rollup)], *value = rollup_bad_value(rollup);
  char *width;
  int rc;
  switch (status) {
  case ROLLUP_BAD_VALUE:
    return table_error(&table->base,
                       "%s: value \"%s\" has %s, which is no number; a view can leave it out, or CAST it",
                       function, column, value);
  case ROLLUP_BAD_TIME:
    width = value_for_message(cursor->arguments.values[WIDTH]);
    rc = table_error(&table->base,
                     "%s: width %s is a number, but time \"%s\" has text, %s; write a width such as '1 hour'",
                     function, width, column, value);
    sqlite3_free(width);
    return rc;
  case ROLLUP_FULL:
    return table_error(&table->base, "%s: more than 4 billion groups; take a larger width", function);
  default:
    return SQLITE_NOMEM;
  }
}

/* Several threads' rollups become the first one, in order. */
static int put_together(struct rollup_cursor *cursor, struct scan_table *table, const char *const *columns,
                        struct rollup **rollups, int n) {
  enum rollup_status status = ROLLUP_OK;
  for (int i = 1; i < n && status == ROLLUP_OK; i++) {
    status = rollup_merge(rollups[0], rollups[i]);
    rollup_close(rollups[i]);
    rollups[i] = NULL;
  }
  if (status == ROLLUP_OK) status = rollup_sort(rollups[0]);
  if (status != ROLLUP_OK) return rollup_failed(cursor, table, columns, rollups[0], status);
  cursor->rollup = rollups[0];
  rollups[0] = NULL;
  return SQLITE_OK;
}

static int read_table(struct rollup_cursor *cursor, struct scan_table *table, struct table_scan *scan,
                      const char *const *columns) {
  struct rollup *rollups[THREADS_MAX] = {NULL};
  struct scan_sink sinks[THREADS_MAX] = {{0}};
  int n = table->settings->threads, rc = SQLITE_OK;
  for (int i = 0; i < n && rc == SQLITE_OK; i++) {
    rollups[i] = rollup_open(&cursor->spec);
    sinks[i] = (struct scan_sink){rollups[i], take_batch, clear_rows};
    if (!rollups[i]) rc = SQLITE_NOMEM;
  }
  if (rc == SQLITE_OK) rc = table_scan_run(table, scan, sinks, n, &cursor->way);
  for (int i = 0; i < n && rc == SQLITE_ERROR; i++) {
    enum rollup_status status = rollup_status(rollups[i]);
    if (status == ROLLUP_OK) continue;
    rc = rollup_failed(cursor, table, columns, rollups[i], status);
    break;
  }
  if (rc == SQLITE_OK) rc = put_together(cursor, table, columns, rollups, n);
  for (int i = 0; i < n; i++) rollup_close(rollups[i]);
  return rc;
}

static int rollup_filter(sqlite3_vtab_cursor *base, int number, const char *usage, int argc,
                         sqlite3_value **argv) {
  (void)argc;
  struct rollup_cursor *cursor = (struct rollup_cursor *)base;
  struct scan_table *table = (struct scan_table *)base->pVtab;
  struct table_scan scan = {0};
  sqlite3_value **values = cursor->arguments.values;
  forget(cursor);
  int rc = scan_arguments_take(base->pVtab, &cursor->arguments, number & ((1 << USED_FROM) - 1), usage, argv);
  if (rc != SQLITE_OK) return rc;
  const char *name = scan_argument_name(table, values[TABLE], "table"), *columns[3] = {NULL};
  if (name) columns[0] = scan_argument_name(table, values[TIME], "time");
  if (columns[0]) columns[1] = scan_argument_name(table, values[VALUE], "value");
  if (columns[1] && values[KEY]) columns[2] = scan_argument_name(table, values[KEY], "key");
  if (!columns[1] || (values[KEY] && !columns[2])) return SQLITE_ERROR;
  rc = read_grain(cursor, table);
  if (rc != SQLITE_OK) return rc;
  cursor->key = (struct rollup_key){.column = 2};
  cursor->field = (struct rollup_field){.column = 1, .wants = wants_of(number >> USED_FROM)};
  cursor->spec = (struct rollup_spec){
      .grain = &cursor->grain,
      .n_keys = columns[2] ? 1 : 0,
      .keys = &cursor->key,
      .n_fields = 1,
      .fields = &cursor->field,
  };
  rc = table_scan_open(table, &scan, name, columns, columns[2] ? 3 : 2, values[FILTER]);
  if (rc == SQLITE_OK && columns[2]) rc = read_collation(table, &scan, columns[2], &cursor->key.collation);
  if (rc == SQLITE_OK) rc = read_table(cursor, table, &scan, columns);
  table_scan_close(&scan);
  return rc;
}

/* ---- Rows ---- */

static int rollup_next(sqlite3_vtab_cursor *base) {
  struct rollup_cursor *cursor = (struct rollup_cursor *)base;
  cursor->row++;
  cursor->is_summarized = false;
  return SQLITE_OK;
}

static int rollup_eof(sqlite3_vtab_cursor *base) {
  struct rollup_cursor *cursor = (struct rollup_cursor *)base;
  return !cursor->rollup || cursor->row >= rollup_groups(cursor->rollup);
}

static void result_value(sqlite3_context *context, struct rollup_value value) {
  switch (value.type) {
  case BATCH_INTEGER:
    sqlite3_result_int64(context, value.is.integer);
    return;
  case BATCH_REAL:
    sqlite3_result_double(context, value.is.real);
    return;
  case BATCH_TEXT:
    sqlite3_result_text64(context, (const char *)value.is.bytes, value.length, SQLITE_TRANSIENT, SQLITE_UTF8);
    return;
  case BATCH_BLOB:
    sqlite3_result_blob64(context, value.is.bytes, value.length, SQLITE_TRANSIENT);
    return;
  case BATCH_NULL:
    return;
  }
}

static void result_sum(sqlite3_context *context, const struct rollup_cursor *cursor) {
  if (!cursor->summary.sum_overflows) {
    result_value(context, cursor->summary.sum);
    return;
  }
  char *value = value_for_message(cursor->arguments.values[VALUE]);
  function_error(context,
                 "rollup_scan: integer overflow in the sum of %s; ask for avg, or CAST it to REAL in a view",
                 value);
  sqlite3_free(value);
}

static const struct rollup_summary *summary_of(struct rollup_cursor *cursor) {
  if (!cursor->is_summarized) rollup_summarize(cursor->rollup, cursor->row, 0, &cursor->summary);
  cursor->is_summarized = true;
  return &cursor->summary;
}

static int rollup_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
  struct rollup_cursor *cursor = (struct rollup_cursor *)base;
  switch (column) {
  case COLUMN_BUCKET:
    result_value(context, rollup_bucket(cursor->rollup, cursor->row));
    break;
  case COLUMN_KEY:
    if (cursor->spec.n_keys) result_value(context, rollup_key(cursor->rollup, cursor->row, 0));
    break;
  case COLUMN_N:
    sqlite3_result_int64(context, summary_of(cursor)->n);
    break;
  case COLUMN_SUM:
    summary_of(cursor);
    result_sum(context, cursor);
    break;
  case COLUMN_AVG:
    result_value(context, summary_of(cursor)->avg);
    break;
  case COLUMN_MIN:
    result_value(context, summary_of(cursor)->min);
    break;
  case COLUMN_MAX:
    result_value(context, summary_of(cursor)->max);
    break;
  case COLUMN_FIRST:
    result_value(context, summary_of(cursor)->first);
    break;
  case COLUMN_LAST:
    result_value(context, summary_of(cursor)->last);
    break;
  case COLUMN_WAY:
    sqlite3_result_text(context, cursor->way, -1, SQLITE_TRANSIENT);
    break;
  default:
    scan_arguments_result(context, &cursor->arguments, column - COLUMN_ARGUMENTS);
  }
  return SQLITE_OK;
}

static int rollup_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  *rowid = (sqlite3_int64)((struct rollup_cursor *)base)->row;
  return SQLITE_OK;
}

const sqlite3_module rollup_scan_module = {
    .xConnect = rollup_connect,
    .xBestIndex = rollup_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = rollup_cursor_open,
    .xClose = rollup_cursor_close,
    .xFilter = rollup_filter,
    .xNext = rollup_next,
    .xEof = rollup_eof,
    .xColumn = rollup_column,
    .xRowid = rollup_rowid,
};
