/*
** Scans as a program: `scan DATABASE` reads requests from standard input, one JSON object a line, and answers each at once.
**
**   {"open": "other.db"}                        goes on with another database
**   {"sql": "ATTACH ..."}                       runs it on the connection
**   {"table": "readings", "columns": ["ts"]}    scans it and prints rows, then "way ..." or "error CODE ..."
**      and as one likes: "filter": {...} (or "filter_text": "..."), "through_sql": true, "sinks": 3, "do": "..." of which
**      "print"      is what it does without
**      "compare"    reads it from pages as far as that is possible, through SQL, all of it with the conditions tested on
**                   batches, and by a SELECT of its own, with the condition "where": "ts > 5"; prints "same N rows, way ..." or
**                   what differs. Rows may come in any order, unless it says "ordered": true: the table's own
**      "memory"     scans it again and again, while the Nth allocation fails, until none does
**      "fields"     only looks it up, and prints of each field: name, place, affinity, collation, default ("?": not known);
**                   then "tests", their number, "pages" or "sql: ...", the root page, "rowid" or "without"
**      "twice"      runs it, then {"between": "SQL"} on another connection, then runs it again
**      "stop"       scans it with sinks that want no more after the first batch
**      "interrupt"  scans it while another thread interrupts the connection
**   {"authorize": "READ t x IGNORE"}            has an authorizer that says so; also PRAGMA, and * for any argument
**   {"collation": "NOCASE"}                     gives the connection a collation of that name, which also ignores the case of \u00e9
**   {"do": "poll", "steps": 1000}               asks scan_poll until a progress handler after that many steps says stop
**
** A filter's strings that start with "blob:" are blobs of the rest. A row is its values: n, i5, r4014000000000000 (the bits), t6162 (UTF-8), b00ff. Ends with 1 if anything differed.
** Built with sanitizers, and with -Wl,--wrap for what allocates.
*/
#include "ext/kernel/json_read.h"
#include "ext/scan/source.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Memory that fails once, at the allocation `fails_at`, or not at all (-1) ---- */

static long allocations, fails_at = -1;

static bool refused(void) {
  return fails_at >= 0 && allocations++ == fails_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
  return refused() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size) {
  return refused() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *old, size_t size) {
  return refused() ? NULL : __real_realloc(old, size);
}

static sqlite3_mem_methods plain_memory;

static void *sqlite_malloc(int size) {
  return refused() ? NULL : plain_memory.xMalloc(size);
}
static void *sqlite_realloc(void *old, int size) {
  return refused() ? NULL : plain_memory.xRealloc(old, size);
}

static void take_over_memory(void) {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain_memory);
  sqlite3_mem_methods failing = plain_memory;
  failing.xMalloc = sqlite_malloc;
  failing.xRealloc = sqlite_realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
}

/* ---- Rows as texts. They are the driver's own: their memory never fails ---- */

struct row {
  int64_t piece;
  char *text;
};

struct rows {
  struct row *rows;
  size_t n, room;
  int64_t last_piece;
  int cleared;
  size_t n_columns;
  const char *complaint;
  const struct scan *tests; /* those that rows must pass; NULL: all rows */
  bool stops;
};

struct text {
  char *text;
  size_t length, room;
};

static void reserve(struct text *text, size_t more) {
  if (text->room - text->length > more) return;
  text->room = text->room * 2 + more + 64;
  text->text = __real_realloc(text->text, text->room);
}

static void put(struct text *text, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int n = vsnprintf(NULL, 0, format, arguments);
  reserve(text, (size_t)n);
  vsnprintf(text->text + text->length, (size_t)n + 1, format, again);
  text->length += (size_t)n;
  va_end(again);
  va_end(arguments);
}

static void put_bytes(struct text *text, char kind, const unsigned char *bytes, size_t n) {
  reserve(text, 2 * n + 1);
  text->text[text->length++] = kind;
  for (size_t i = 0; i < n; i++) {
    text->text[text->length++] = "0123456789abcdef"[bytes[i] >> 4];
    text->text[text->length++] = "0123456789abcdef"[bytes[i] & 15];
  }
  text->text[text->length] = '\0';
}

static void put_real(struct text *text, double real) {
  uint64_t bits;
  memcpy(&bits, &real, sizeof bits);
  put(text, "r%016" PRIx64, bits);
}

static void add_row(struct rows *rows, int64_t piece, const struct text *text) {
  if (rows->n == rows->room) {
    rows->room = rows->room * 2 + 64;
    rows->rows = __real_realloc(rows->rows, rows->room * sizeof *rows->rows);
  }
  char *copy = __real_malloc(text->length + 1);
  memcpy(copy, text->text ? text->text : "", text->length + 1);
  rows->rows[rows->n++] = (struct row){piece, copy};
}

static void clear_rows(struct rows *rows) {
  for (size_t i = 0; i < rows->n; i++) free(rows->rows[i].text);
  free(rows->rows);
  rows->rows = NULL;
  rows->n = rows->room = 0;
  rows->last_piece = INT64_MIN;
}

/* ---- A sink ---- */

static void check_column(struct rows *rows, const struct batch_column *column, int n) {
  unsigned seen = 0;
  for (int i = 0; i < n; i++) seen |= 1u << batch_type_at(column, i);
  if (seen != column->present) rows->complaint = "`present` is not what is present";
}

static void put_value(struct text *text, enum batch_type type, union batch_value value, uint32_t length) {
  switch (type) {
  case BATCH_INTEGER:
    put(text, "i%" PRId64, value.integer);
    break;
  case BATCH_REAL:
    put_real(text, value.real);
    break;
  case BATCH_TEXT:
    put_bytes(text, 't', value.bytes, length);
    break;
  case BATCH_BLOB:
    put_bytes(text, 'b', value.bytes, length);
    break;
  default:
    put(text, "n");
  }
}

static int take(void *state, const struct batch *batch) {
  struct rows *rows = state;
  struct text text = {0};
  if (batch->n < 1 || batch->n > BATCH_ROWS) rows->complaint = "a batch without rows, or with too many";
  if (batch->piece < rows->last_piece) rows->complaint = "pieces not in order";
  rows->last_piece = batch->piece;
  for (size_t k = 0; k < rows->n_columns; k++) check_column(rows, &batch->columns[k], batch->n);
  uint16_t passing[BATCH_ROWS];
  int n = batch->n;
  if (rows->tests) n = scan_test_batch(rows->tests, 0, rows->tests->n_tests, batch->columns, n, passing);
  for (int at = 0; at < n; at++) {
    int i = rows->tests ? passing[at] : at;
    text.length = 0;
    put(&text, "%s", "");
    for (size_t k = 0; k < rows->n_columns; k++) {
      if (k) put(&text, " ");
      const struct batch_column *column = &batch->columns[k];
      put_value(&text, batch_type_at(column, i), column->values[i], column->lengths[i]);
    }
    add_row(rows, batch->piece, &text);
  }
  free(text.text);
  return rows->stops ? SQLITE_FULL : SQLITE_OK;
}

static void clear(void *state) {
  struct rows *rows = state;
  clear_rows(rows);
  rows->cleared++;
}

/* ---- Requests ---- */

enum { COLUMNS_MOST = 64, SINKS_MOST = 16 };

struct work {
  struct json_text strings[COLUMNS_MOST + 8]; /* the columns; then: */
  char *filter;
  size_t n_columns;
  bool through_sql, ordered;
  int n_sinks;
  int64_t steps;
};
enum { SQL = COLUMNS_MOST, TABLE, WHERE, DO, AUTHORIZE, BETWEEN, COLLATION, OPEN };

static const char *string(const struct work *work, int which) {
  return work->strings[which].text;
}

static void read_string(struct json_reader *json, struct json_text *text) {
  text->length = 0;
  json_read_string(json, text);
  json_put_char(text, '\0');
}

static void read_columns(struct json_reader *json, struct work *work) {
  size_t count = 0;
  json_peek(json);
  json_enter(json);
  while (json_more(json, ']', &count) && work->n_columns < COLUMNS_MOST)
    read_string(json, &work->strings[work->n_columns++]);
}

static bool read_boolean(struct json_reader *json) {
  bool is = json_peek(json) == JSON_BOOLEAN && json->text[json->at] == 't';
  json_skip(json);
  return is;
}

static int64_t read_integer(struct json_reader *json) {
  struct json_number number = {0};
  json_read_number(json, &number);
  return number.integer;
}

/* The text of whatever comes. */
static char *read_any(struct json_reader *json) {
  json_peek(json);
  size_t from = json->at;
  json_skip(json);
  return strndup(json->text + from, json->at - from);
}

static void read_member(struct json_reader *json, struct work *work, const char *key) {
  if (strcmp(key, "sql") == 0) return read_string(json, &work->strings[SQL]);
  if (strcmp(key, "table") == 0) return read_string(json, &work->strings[TABLE]);
  if (strcmp(key, "where") == 0) return read_string(json, &work->strings[WHERE]);
  if (strcmp(key, "open") == 0) return read_string(json, &work->strings[OPEN]);
  if (strcmp(key, "between") == 0) return read_string(json, &work->strings[BETWEEN]);
  if (strcmp(key, "collation") == 0) return read_string(json, &work->strings[COLLATION]);
  if (strcmp(key, "authorize") == 0) return read_string(json, &work->strings[AUTHORIZE]);
  if (strcmp(key, "do") == 0) return read_string(json, &work->strings[DO]);
  if (strcmp(key, "filter_text") == 0) {
    struct json_text text = {0};
    read_string(json, &text);
    free(work->filter);
    work->filter = strdup(text.text);
    return json_free(&text);
  }
  if (strcmp(key, "columns") == 0) return read_columns(json, work);
  if (strcmp(key, "sinks") == 0) {
    work->n_sinks = (int)read_integer(json);
  } else if (strcmp(key, "steps") == 0) {
    work->steps = read_integer(json);
  } else if (strcmp(key, "through_sql") == 0) {
    work->through_sql = read_boolean(json);
  } else if (strcmp(key, "ordered") == 0) {
    work->ordered = read_boolean(json);
  } else if (strcmp(key, "filter") == 0) {
    free(work->filter);
    work->filter = read_any(json);
  } else {
    json_fail(json, "no such member");
  }
}

static void read_work(const char *line, size_t length, struct work *work) {
  struct json_reader json = {.text = line, .length = length};
  struct json_text key = {0};
  size_t count = 0;
  *work = (struct work){.n_sinks = 1};
  json_peek(&json);
  json_enter(&json);
  while (json_more(&json, '}', &count)) {
    read_string(&json, &key);
    json_colon(&json);
    read_member(&json, work, key.text);
  }
  if (!json_end(&json) || work->n_sinks < 1 || work->n_sinks > SINKS_MOST) {
    fprintf(stderr, "not a request: %.*s: %s\n", (int)length, line, json.problem);
    exit(2);
  }
  json_free(&key);
}

static void free_work(struct work *work) {
  for (size_t i = 0; i < sizeof work->strings / sizeof *work->strings; i++) json_free(&work->strings[i]);
  free(work->filter);
}

/* ---- A scan ---- */

struct outcome {
  int rc;
  char *error;
  struct text way;
  struct rows rows; /* of all sinks, in order */
};

static int by_piece(const void *a, const void *b) {
  const struct row *left = *(const struct row *const *)a, *right = *(const struct row *const *)b;
  if (left->piece != right->piece) return left->piece < right->piece ? -1 : 1;
  return (left > right) - (left < right);
}

static int by_text(const void *a, const void *b) {
  return strcmp(((const struct row *)a)->text, ((const struct row *)b)->text);
}

/* All sinks' rows as one: by piece, and as they came within one, for a piece goes to one sink. */
static void join(struct rows *sinks, int n_sinks, struct rows *joined) {
  size_t n = 0, at = 0;
  for (int i = 0; i < n_sinks; i++) n += sinks[i].n;
  struct row **order = __real_malloc((n + 1) * sizeof *order);
  for (int i = 0; i < n_sinks; i++)
    for (size_t k = 0; k < sinks[i].n; k++) order[at++] = &sinks[i].rows[k];
  qsort(order, n, sizeof *order, by_piece);
  joined->rows = __real_malloc((n + 1) * sizeof *joined->rows);
  joined->n = joined->room = n;
  for (size_t i = 0; i < n; i++) joined->rows[i] = *order[i];
  free(order);
  for (int i = 0; i < n_sinks; i++) {
    if (sinks[i].complaint) joined->complaint = sinks[i].complaint;
    free(sinks[i].rows);
  }
}

static int run(struct scan *scan, const struct work *work, struct outcome *outcome) {
  struct rows rows[SINKS_MOST] = {0};
  struct scan_sink sinks[SINKS_MOST];
  for (int i = 0; i < work->n_sinks; i++) {
    rows[i] = (struct rows){.n_columns = work->n_columns, .last_piece = INT64_MIN};
    rows[i].stops = string(work, DO) && strcmp(string(work, DO), "stop") == 0;
    sinks[i] = (struct scan_sink){&rows[i], take, clear};
  }
  int rc = scan_run(scan, sinks, work->n_sinks, &outcome->error);
  put(&outcome->way, "%s", scan_way(scan));
  join(rows, work->n_sinks, &outcome->rows);
  return rc;
}

/* Runs it twice, with a write of another connection between. */
static int run_twice(sqlite3 *db, struct scan *scan, const struct work *work, struct outcome *outcome) {
  struct outcome again = {0};
  sqlite3 *other;
  char *error = NULL;
  int rc = run(scan, work, outcome);
  sqlite3_open(sqlite3_db_filename(db, "main"), &other);
  sqlite3_exec(other, string(work, BETWEEN), NULL, NULL, &error);
  printf("between %s\n", error ? error : "done");
  sqlite3_free(error);
  sqlite3_close(other);
  if (rc == SQLITE_OK) rc = run(scan, work, &again);
  outcome->way.length = 0;
  put(&outcome->way, "%s", again.way.text);
  for (size_t i = 0; i < again.rows.n; i++) {
    struct text text = {0};
    put(&text, "%s", again.rows.rows[i].text);
    add_row(&outcome->rows, 0, &text);
    free(text.text);
  }
  sqlite3_free(again.error);
  free(again.way.text);
  clear_rows(&again.rows);
  return rc;
}

/* All rows of the scan's fields, through SQL, of which the scan's tests let pass what they will. */
static int run_tested(sqlite3 *db, const struct scan *tested, const struct work *work,
                      struct outcome *outcome) {
  const char *columns[2 * COLUMNS_MOST];
  struct scan *scan;
  struct rows rows = {.n_columns = work->n_columns, .last_piece = INT64_MIN, .tests = tested};
  struct scan_sink sink = {&rows, take, clear};
  for (size_t i = 0; i < tested->n_fields; i++) columns[i] = tested->fields[i].name;
  struct scan_request request = {.function = "scan",
                                 .table = string(work, TABLE),
                                 .columns = columns,
                                 .n_columns = tested->n_fields,
                                 .through_sql = true};
  int rc = scan_open(db, &request, &scan, &outcome->error);
  if (rc == SQLITE_OK) rc = scan_run(scan, &sink, 1, &outcome->error);
  scan_close(scan);
  put(&outcome->way, "tested");
  join(&rows, 1, &outcome->rows);
  return rc;
}

static void run_fields(const struct scan *scan, struct outcome *outcome) {
  struct text text = {0};
  for (size_t i = 0; i < scan->n_fields; i++) {
    const struct scan_field *field = &scan->fields[i];
    const struct scan_value *value = &field->default_value;
    text.length = 0;
    put(&text, "%s %d %c %d ", field->name, field->place, field->affinity, field->collation);
    if (field->default_known)
      put_value(&text, value->type, value->is, value->length);
    else
      put(&text, "?");
    add_row(&outcome->rows, 0, &text);
  }
  put(&outcome->way, "tests %zu %s%s %u %s", scan->n_tests, scan->not_pages ? "sql: " : "pages",
      scan->not_pages ? scan->not_pages : "", scan->root_page, scan->without_rowid ? "without" : "rowid");
  free(text.text);
}

static void make_blobs(struct scan_filter *filter) {
  struct scan_value *value = filter->values;
  for (size_t i = 0; i < filter->n_conditions; i++)
    for (size_t k = 0; k < filter->conditions[i].n_values; k++, value++) {
      if (value->type != BATCH_TEXT || value->length < 5 || memcmp(value->is.bytes, "blob:", 5) != 0)
        continue;
      *value = (struct scan_value){BATCH_BLOB, {.bytes = value->is.bytes + 5}, value->length - 5};
    }
}

enum way { AS_ASKED, THROUGH_SQL, FROM_PAGES, TESTED, FIELDS, TWICE };

static void scan_once(sqlite3 *db, const struct work *work, enum way way, struct outcome *outcome) {
  const char *columns[COLUMNS_MOST];
  struct scan_filter filter;
  struct scan *scan = NULL;
  *outcome = (struct outcome){0};
  for (size_t i = 0; i < work->n_columns; i++) columns[i] = string(work, (int)i);
  outcome->rc = scan_filter_parse("scan", work->filter, &filter, &outcome->error);
  if (outcome->rc != SQLITE_OK) return;
  make_blobs(&filter);
  struct scan_request request = {.function = "scan",
                                 .table = string(work, TABLE),
                                 .columns = columns,
                                 .n_columns = work->n_columns,
                                 .conditions = filter.conditions,
                                 .n_conditions = filter.n_conditions,
                                 .through_sql = way == THROUGH_SQL || (way == AS_ASKED && work->through_sql),
                                 .in_order = work->ordered};
  outcome->rc = scan_open(db, &request, &scan, &outcome->error);
  if (outcome->rc == SQLITE_OK && way == FIELDS)
    run_fields(scan, outcome);
  else if (outcome->rc == SQLITE_OK && way == TESTED && !scan->not_pages)
    outcome->rc = run_tested(db, scan, work, outcome);
  else if (outcome->rc == SQLITE_OK && way == TWICE)
    outcome->rc = run_twice(db, scan, work, outcome);
  else if (outcome->rc == SQLITE_OK)
    outcome->rc = run(scan, work, outcome);
  scan_close(scan);
  scan_filter_free(&filter);
}

static void free_outcome(struct outcome *outcome) {
  sqlite3_free(outcome->error);
  free(outcome->way.text);
  clear_rows(&outcome->rows);
}

/* The same rows by a SELECT that knows nothing of scans. */
static void select_rows(sqlite3 *db, const struct work *work, struct outcome *outcome) {
  struct text sql = {0}, text = {0};
  sqlite3_stmt *select;
  *outcome = (struct outcome){0};
  put(&sql, "SELECT ");
  for (size_t i = 0; i < work->n_columns; i++) put(&sql, "%sr.[%s]", i ? ", " : "", string(work, (int)i));
  put(&sql, "%s FROM %s AS r WHERE %s", work->n_columns ? "" : "1", string(work, TABLE),
      string(work, WHERE) ? string(work, WHERE) : "1");
  outcome->rc = sqlite3_prepare_v2(db, sql.text, -1, &select, NULL);
  if (outcome->rc != SQLITE_OK) fprintf(stderr, "%s: %s\n", sql.text, sqlite3_errmsg(db));
  while (select && (outcome->rc = sqlite3_step(select)) == SQLITE_ROW) {
    text.length = 0;
    put(&text, "%s", "");
    for (int i = 0; i < (int)work->n_columns; i++) {
      if (i) put(&text, " ");
      int type = sqlite3_column_type(select, i);
      if (type == SQLITE_INTEGER) put(&text, "i%lld", sqlite3_column_int64(select, i));
      if (type == SQLITE_FLOAT) put_real(&text, sqlite3_column_double(select, i));
      if (type == SQLITE_TEXT) {
        const unsigned char *bytes = sqlite3_column_text(select, i);
        put_bytes(&text, 't', bytes, (size_t)sqlite3_column_bytes(select, i));
      }
      if (type == SQLITE_BLOB) {
        const unsigned char *bytes = sqlite3_column_blob(select, i);
        put_bytes(&text, 'b', bytes, (size_t)sqlite3_column_bytes(select, i));
      }
      if (type == SQLITE_NULL) put(&text, "n");
    }
    add_row(&outcome->rows, 0, &text);
  }
  if (outcome->rc == SQLITE_DONE) outcome->rc = SQLITE_OK;
  sqlite3_finalize(select);
  free(sql.text);
  free(text.text);
}

/* ---- What is asked for ---- */

static void print_outcome(const struct outcome *outcome) {
  for (size_t i = 0; i < outcome->rows.n; i++) puts(outcome->rows.rows[i].text);
  if (outcome->rows.complaint) printf("complaint %s\n", outcome->rows.complaint);
  if (outcome->rc == SQLITE_OK)
    printf("way %s\n", outcome->way.text);
  else
    printf("error %d %s\n", outcome->rc & 0xff, outcome->error ? outcome->error : "");
}

/* Is it the same? Says what is not. */
static bool same(const char *what, struct outcome *outcome, struct outcome *expected, bool ordered) {
  if (outcome->rows.complaint) return printf("differs %s: %s\n", what, outcome->rows.complaint) < 0;
  if (outcome->rc != expected->rc)
    return printf("differs %s: error %d %s, not %d\n", what, outcome->rc,
                  outcome->error ? outcome->error : "", expected->rc) < 0;
  if (outcome->rc != SQLITE_OK) return true;
  if (!ordered) {
    if (outcome->rows.n) qsort(outcome->rows.rows, outcome->rows.n, sizeof(struct row), by_text);
    if (expected->rows.n) qsort(expected->rows.rows, expected->rows.n, sizeof(struct row), by_text);
  }
  for (size_t i = 0; i < outcome->rows.n && i < expected->rows.n; i++)
    if (strcmp(outcome->rows.rows[i].text, expected->rows.rows[i].text) != 0)
      return printf("differs %s: row %zu is %s, not %s (%s)\n", what, i, outcome->rows.rows[i].text,
                    expected->rows.rows[i].text, outcome->way.text) < 0;
  if (outcome->rows.n != expected->rows.n)
    return printf("differs %s: %zu rows, not %zu (%s)\n", what, outcome->rows.n, expected->rows.n,
                  outcome->way.text) < 0;
  return true;
}

static bool compare(sqlite3 *db, const struct work *work) {
  struct outcome plain, through_sql, pages, tested;
  select_rows(db, work, &plain);
  scan_once(db, work, THROUGH_SQL, &through_sql);
  scan_once(db, work, FROM_PAGES, &pages);
  scan_once(db, work, TESTED, &tested);
  bool all = same("through SQL", &through_sql, &plain, work->ordered);
  all = same("from pages", &pages, &plain, work->ordered) && all;
  all = same("when tested", &tested, &plain, work->ordered) && all;
  if (all) printf("same %zu rows, way %s\n", plain.rows.n, pages.way.text ? pages.way.text : "none");
  free_outcome(&plain);
  free_outcome(&through_sql);
  free_outcome(&pages);
  free_outcome(&tested);
  return all;
}

static bool fail_memory(sqlite3 *db, const struct work *work) {
  struct outcome good, outcome;
  bool well = true;
  scan_once(db, work, AS_ASKED, &good);
  for (long n = 0; well; n++) {
    allocations = 0;
    fails_at = n;
    scan_once(db, work, AS_ASKED, &outcome);
    fails_at = -1;
    bool over = allocations <= n;
    if ((outcome.rc & 0xff) != SQLITE_NOMEM || over)
      well = same("without memory", &outcome, &good, work->ordered);
    free_outcome(&outcome);
    if (!over) continue;
    printf("memory failed %ld times\n", n);
    break;
  }
  free_outcome(&good);
  return well;
}

/* Interrupts the connection some milliseconds from now, and again, for SQLite forgets it where nothing runs. */
static void *interrupt(void *db) {
  for (int i = 0; i < 20; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    sqlite3_interrupt(db);
  }
  return NULL;
}

static void scan_interrupted(sqlite3 *db, const struct work *work) {
  struct outcome outcome;
  pthread_t thread;
  pthread_create(&thread, NULL, interrupt, db);
  scan_once(db, work, AS_ASKED, &outcome);
  pthread_join(thread, NULL);
  clear_rows(&outcome.rows);
  print_outcome(&outcome);
  free_outcome(&outcome);
}

static int stop(void *calls) {
  ++*(int *)calls;
  return 1;
}

static void poll_until(sqlite3 *db, int64_t steps) {
  struct scan_poll poll;
  struct timespec from, to;
  int calls = 0, polls = 0, rc = scan_poll_open(&poll, db);
  clock_gettime(CLOCK_MONOTONIC, &from);
  sqlite3_progress_handler(db, (int)steps, stop, &calls);
  while (rc == SQLITE_OK && polls < 100000) rc = scan_poll(&poll), polls++;
  clock_gettime(CLOCK_MONOTONIC, &to);
  sqlite3_progress_handler(db, 0, NULL, NULL);
  scan_poll_close(&poll);
  double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
  printf("poll %d after %d, %d calls, ns each %.0f\n", rc, polls, calls, ns / polls);
}

/* ---- An authorizer ---- */

static bool is_meant(const char *pattern, const char *argument) {
  return strcmp(pattern, "*") == 0 || sqlite3_stricmp(pattern, argument ? argument : "") == 0;
}

/* `rule` is "ACTION argument argument RESULT". */
static int authorize(void *rule, int action, const char *first, const char *second, const char *schema,
                     const char *trigger) {
  char name[16], one[64], two[64], result[16];
  (void)schema, (void)trigger;
  if (sscanf(rule, "%15s %63s %63s %15s", name, one, two, result) != 4) return SQLITE_OK;
  int meant = strcmp(name, "READ") == 0 ? SQLITE_READ : SQLITE_PRAGMA;
  if (action != meant || !is_meant(one, first) || !is_meant(two, second)) return SQLITE_OK;
  return strcmp(result, "IGNORE") == 0 ? SQLITE_IGNORE : SQLITE_DENY;
}

/* ---- A collation ---- */

static int fold(const unsigned char *text, int at) {
  bool is_letter = (text[at] | 32) >= 'a' && (text[at] | 32) <= 'z';
  return is_letter || (at && text[at - 1] == 0xc3) ? text[at] | 32 : text[at];
}

static int collate(void *state, int a_length, const void *a, int b_length, const void *b) {
  (void)state;
  for (int i = 0; i < a_length && i < b_length; i++)
    if (fold(a, i) != fold(b, i)) return fold(a, i) - fold(b, i);
  return a_length - b_length;
}

static bool answer(sqlite3 *db, const struct work *work, char *rule) {
  struct outcome outcome;
  const char *what = string(work, DO) ? string(work, DO) : "print";
  char *error = NULL;
  if (string(work, COLLATION))
    return sqlite3_create_collation(db, string(work, COLLATION), SQLITE_UTF8, NULL, collate) == SQLITE_OK;
  if (string(work, AUTHORIZE)) return snprintf(rule, 200, "%s", string(work, AUTHORIZE)) > 0;
  if (string(work, SQL)) {
    if (sqlite3_exec(db, string(work, SQL), NULL, NULL, &error) != SQLITE_OK) printf("error %s\n", error);
    sqlite3_free(error);
    return !error;
  }
  if (strcmp(what, "compare") == 0) return compare(db, work);
  if (strcmp(what, "memory") == 0) return fail_memory(db, work);
  if (strcmp(what, "poll") == 0) return poll_until(db, work->steps), true;
  if (strcmp(what, "interrupt") == 0) return scan_interrupted(db, work), true;
  enum way way = strcmp(what, "fields") == 0 ? FIELDS : strcmp(what, "twice") == 0 ? TWICE : AS_ASKED;
  scan_once(db, work, way, &outcome);
  print_outcome(&outcome);
  free_outcome(&outcome);
  return true;
}

static sqlite3 *open_database(const char *path, char *rule) {
  sqlite3 *db;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI;
  if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
    fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(db));
    exit(2);
  }
  *rule = '\0';
  sqlite3_busy_timeout(db, 10000);
  sqlite3_set_authorizer(db, authorize, rule);
  return db;
}

int main(int n, char **arguments) {
  char rule[200], *line = NULL;
  size_t room = 0;
  bool well = true;
  if (n != 2) return 2;
  take_over_memory();
  sqlite3 *db = open_database(arguments[1], rule);
  for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
    struct work work;
    read_work(line, (size_t)length, &work);
    if (string(&work, OPEN)) {
      sqlite3_close(db);
      db = open_database(string(&work, OPEN), rule);
    } else {
      well = answer(db, &work, rule) && well;
    }
    free_work(&work);
    fflush(stdout);
  }
  free(line);
  sqlite3_close(db);
  return well ? 0 : 1;
}
