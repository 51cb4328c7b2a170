#include "tool/engine/scanning.h"
#include "ext/scan/page_file.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDEST 9.2e18 /* whole numbers below it fit an int64_t */

enum {
  BYTES_MAX = 48 << 20,  /* of the groups that are in memory at a time */
  PARTITIONS_MAX = 10000 /* claimed in one short transaction */
};

/* ------------------------------------------------------------------------------------------------- opening */

static int add_column(struct scanning *scanning, const char *name) {
  for (size_t i = 0; i < scanning->n_columns; i++)
    if (strcmp(scanning->columns[i], name) == 0) return (int)i;
  scanning->columns[scanning->n_columns] = name;
  return (int)scanning->n_columns++;
}

static unsigned wants(const struct scan_form *form, size_t n_results, size_t value) {
  unsigned all = 0;
  for (size_t i = 0; i < n_results; i++) {
    if (form->results[i].what < RESULT_COUNT || form->results[i].of != value) continue;
    switch (form->results[i].what) {
    case RESULT_SUM:
    case RESULT_TOTAL:
    case RESULT_AVG:
      all |= ROLLUP_SUM;
      break;
    case RESULT_MIN:
      all |= ROLLUP_MIN;
      break;
    case RESULT_MAX:
      all |= ROLLUP_MAX;
      break;
    case RESULT_MIN_AT:
    case RESULT_MAX_AT:
    case RESULT_FIRST:
    case RESULT_FIRST_AT:
    case RESULT_LAST:
    case RESULT_LAST_AT:
      all |= ROLLUP_FIRST | ROLLUP_LAST | ROLLUP_FIRST_AT | ROLLUP_LAST_AT | ROLLUP_MIN_AT | ROLLUP_MAX_AT;
      break;
    default:
      all |= ROLLUP_N;
    }
  }
  return all;
}

static void specify(struct engine *engine, struct scanning *scanning) {
  const struct summary *s = scanning->summary;
  const struct scan_form *form = s->scan;
  size_t first = (size_t)scanning_first_key(scanning);
  struct rollup_key *keys = engine_alloc(engine, (form->n_keys + 2) * sizeof *keys);
  struct rollup_field *fields = engine_alloc(engine, (form->n_values + 1) * sizeof *fields);
  scanning->columns = engine_alloc(engine, (1 + form->n_keys + form->n_values) * sizeof *scanning->columns);
  if (!engine_ok(engine)) return;
  add_column(scanning, s->time);
  for (size_t i = 0; i < form->n_keys; i++) keys[first + i].column = add_column(scanning, form->keys[i]);
  for (size_t i = 0; i < form->n_values; i++)
    fields[i] = (struct rollup_field){add_column(scanning, form->values[i]), wants(form, s->n_columns, i)};
  keys[0].column = first ? (int)scanning->n_columns : keys[0].column;
  scanning->spec = (struct rollup_spec){.grain = &scanning->grain,
                                        .time_column = (int)(scanning->n_columns + first),
                                        .n_keys = (int)(first + form->n_keys),
                                        .keys = keys,
                                        .n_fields = (int)form->n_values,
                                        .fields = fields,
                                        .bytes_max = BYTES_MAX};
  for (size_t i = 0; i < s->n_columns; i++) scanning->spec.wants_rows |= form->results[i].what == RESULT_ROWS;
  scanning->batch = engine_alloc(engine, (scanning->n_columns + 2) * sizeof *scanning->batch);
  scanning->time_types = engine_alloc(engine, BATCH_ROWS * sizeof *scanning->time_types);
  scanning->indexes = engine_alloc(engine, BATCH_ROWS * sizeof *scanning->indexes);
  scanning->index_types = engine_alloc(engine, BATCH_ROWS * sizeof *scanning->index_types);
}

/* Width and modifiers as they stand in time_bucket, with commas between them. */
static bool parse_bucket(struct engine *engine, const char *text, struct time_grain *grain) {
  struct time_width width = {.text = text, .length = strcspn(text, ",")};
  struct time_modifier unit = {.text = text + width.length + 1};
  bool has_unit = text[width.length] != 0;
  if (has_unit) unit.length = strlen(unit.text);
  if (strspn(text, "0123456789") == width.length) {
    width.integer = strtoll(text, 0, 10);
    width.text = 0;
  }
  return time_grain_parse(grain, width, &unit, has_unit, 0) ||
         engine_fail(engine, CODE_FAILED, "%s", grain->error);
}

static bool open_grain(struct engine *engine, struct scanning *scanning) {
  const char *bucket = scanning->summary->scan->zoom_bucket;
  if (bucket) return parse_bucket(engine, bucket, &scanning->grain);
  return time_grain_parse(&scanning->grain, (struct time_width){.integer = 1}, 0, 0, 0);
}

struct scanning *scanning_open(struct engine *engine, const struct summary *s) {
  if (!s->scan || !engine_ok(engine)) return 0;
  struct scanning *scanning = engine_alloc(engine, sizeof *scanning);
  if (!scanning) return 0;
  scanning->summary = s;
  specify(engine, scanning);
  if (!engine_ok(engine)) return 0;
  if (!open_grain(engine, scanning)) return 0;
  scanning->rollup = rollup_open(&scanning->spec);
  if (scanning->rollup) return scanning;
  scanning_close(scanning);
  return 0;
}

void scanning_close(struct scanning *scanning) {
  if (!scanning) return;
  rollup_close(scanning->rollup);
  time_grain_free(&scanning->grain);
}

bool scanning_reads_pages(struct engine *engine) {
  struct page_file file;
  const char *why;
  bool reads = engine_ok(engine) && page_file_open(engine->db, "main", &file, &why) == SQLITE_OK;
  if (reads) page_file_close(&file);
  return reads;
}

/* ---------------------------------------------------------------------------------------------- partitions */

static void read_value(struct engine *engine, sqlite3_stmt *row, int i, struct scan_value *value) {
  value->type = (enum batch_type)sqlite3_column_type(row, i);
  if (value->type == BATCH_INTEGER) value->is.integer = sqlite3_column_int64(row, i);
  if (value->type == BATCH_REAL) value->is.real = sqlite3_column_double(row, i);
  if (value->type != BATCH_TEXT) return;
  value->is.bytes = (const unsigned char *)engine_column(engine, row, i);
  value->length = (uint32_t)sqlite3_column_bytes(row, i);
}

/* An end of a numeric partition as a whole number, which it always is but for an infinity. */
static bool make_whole(struct scan_value *end) {
  if (end->type == BATCH_INTEGER) return true;
  if (end->type != BATCH_REAL) return false;
  double real = end->is.real;
  if (real < WIDEST && (real <= -WIDEST || real != floor(real))) return false;
  end->is.integer = real >= WIDEST ? INT64_MAX : (int64_t)real;
  end->type = BATCH_INTEGER;
  return true;
}

static int compare_bytes(const unsigned char *a, size_t a_n, const unsigned char *b, size_t b_n) {
  size_t n = a_n < b_n ? a_n : b_n;
  int sign = n > 0 ? memcmp(a, b, n) : 0;
  return sign ? sign : (a_n > b_n) - (a_n < b_n);
}

/* Two ends of partitions of one shape. */
static bool is_before(const struct scan_value *a, const struct scan_value *b) {
  if (a->type == BATCH_INTEGER) return a->is.integer < b->is.integer;
  return compare_bytes(a->is.bytes, a->length, b->is.bytes, b->length) < 0;
}

/* False where the ends are not what they should be. What has no ends has no rows. */
static bool read_partition(struct engine *engine, struct scanning *scanning, sqlite3_stmt *row) {
  struct scanned_partition partition = {.number = sqlite3_column_int64(row, 0)};
  read_value(engine, row, 1, &partition.start);
  read_value(engine, row, 2, &partition.lo);
  read_value(engine, row, 3, &partition.hi);
  if (partition.lo.type == BATCH_NULL || partition.hi.type == BATCH_NULL) return true;
  bool is_text = scanning->summary->shape.is_text;
  if (is_text ? partition.lo.type != BATCH_TEXT || partition.hi.type != BATCH_TEXT
              : !make_whole(&partition.lo) || !make_whole(&partition.hi))
    return false;
  if (!is_before(&partition.lo, &partition.hi)) return true;
  size_t n = scanning->n_partitions;
  if (n > 0 && is_before(&partition.lo, &scanning->partitions[n - 1].hi)) return false;
  scanning->partitions = engine_grow(engine, scanning->partitions, &scanning->n_partitions, sizeof partition);
  if (scanning->partitions) scanning->partitions[scanning->n_partitions++] = partition;
  return engine_ok(engine);
}

static bool read_partitions(struct engine *engine, struct scanning *scanning, const struct sql_variable *v,
                            int64_t n) {
  scanning->partitions = 0;
  scanning->n_partitions = scanning->last = 0;
  sqlite3_stmt *rows = engine_prepare(engine, sql_text(engine, "scanned_partitions", v));
  if (rows) sqlite3_bind_int64(rows, 1, n);
  bool good = true;
  while (good && engine_step(engine, rows)) good = read_partition(engine, scanning, rows);
  engine_finalize(engine, rows);
  return good && engine_ok(engine);
}

/* ------------------------------------------------------------------------------------ a row's partition */

/* The index of the partition that holds the time; false where it is none of ours. */
static bool find_partition(struct scanning *scanning, const struct scan_value *time) {
  size_t low = 0, high = scanning->n_partitions; /* the last that begins by then is below `high` */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (is_before(time, &scanning->partitions[middle].lo))
      high = middle;
    else
      low = middle + 1;
  }
  if (low == 0 || !is_before(time, &scanning->partitions[low - 1].hi)) return false;
  scanning->last = low - 1;
  scanning->partitions[low - 1].is_seen = true;
  return true;
}

/* A row's time as the ends of partitions are. False where it is of another type, or no time. */
static bool read_time(const struct scanning *scanning, const struct batch_column *times, int row,
                      struct scan_value *time) {
  time->type = batch_type_at(times, row);
  time->is = times->values[row];
  if (scanning->summary->shape.is_text) {
    if (time->type != BATCH_TEXT) return false;
    time->length = times->lengths[row];
    return true;
  }
  if (time->type == BATCH_REAL && fabs(time->is.real) < WIDEST) {
    time->is.integer = (int64_t)floor(time->is.real);
    time->type = BATCH_INTEGER;
  }
  return time->type == BATCH_INTEGER;
}

/* Most rows are in the partition of the row before. */
static bool is_in_last(const struct scanning *scanning, const struct scan_value *time) {
  const struct scanned_partition *last = &scanning->partitions[scanning->last];
  return !is_before(time, &last->lo) && is_before(time, &last->hi);
}

static void index_row(struct scanning *scanning, int row, bool found) {
  scanning->indexes[row].integer = (int64_t)scanning->last;
  scanning->index_types[row] = found ? BATCH_INTEGER : BATCH_NULL;
}

/* As index_any, for the most usual times. */
static void index_integers(struct scanning *scanning, const struct batch_column *times, int n) {
  const struct scanned_partition *last = &scanning->partitions[scanning->last];
  for (int row = 0; row < n; row++) {
    struct scan_value time = {.type = BATCH_INTEGER, .is = times->values[row]};
    bool found = time.is.integer >= last->lo.is.integer && time.is.integer < last->hi.is.integer;
    if (!found) {
      found = find_partition(scanning, &time);
      last = &scanning->partitions[scanning->last];
    }
    index_row(scanning, row, found);
  }
}

static void index_any(struct scanning *scanning, const struct batch_column *times, int n) {
  for (int row = 0; row < n; row++) {
    struct scan_value time;
    index_row(scanning, row,
              read_time(scanning, times, row, &time) &&
                  (is_in_last(scanning, &time) || find_partition(scanning, &time)));
  }
}

static bool has_null_key(const struct scanning *scanning, const struct batch *batch, int row) {
  for (int i = 1; i < scanning->spec.n_keys; i++)
    if (batch_type_at(&batch->columns[scanning->spec.keys[i].column], row) == BATCH_NULL) return true;
  return false;
}

/* The times of a zoom's rows. */
static void mask_times(struct scanning *scanning, const struct batch *batch) {
  const struct batch_column *times = &batch->columns[0];
  unsigned present = 0;
  for (int row = 0; row < batch->n; row++) {
    bool counts = scanning->index_types[row] == BATCH_INTEGER && !has_null_key(scanning, batch, row);
    scanning->time_types[row] = (uint8_t)(counts ? batch_type_at(times, row) : BATCH_NULL);
    present |= 1u << scanning->time_types[row];
  }
  struct batch_column *masked = &scanning->batch[scanning->n_columns + 1];
  *masked = *times;
  masked->types = scanning->time_types;
  masked->present = present;
}

/* The column behind all others: the indexes of the rows' partitions, NULL for those that are not ours. */
static void index_rows(struct scanning *scanning, const struct batch *batch) {
  const struct batch_column *times = &batch->columns[0];
  if (!scanning->summary->shape.is_text && batch_is(times, BATCH_INTEGER))
    index_integers(scanning, times, batch->n);
  else
    index_any(scanning, times, batch->n);
  unsigned present = 0;
  for (int row = 0; row < batch->n; row++) present |= 1u << scanning->index_types[row];
  scanning->batch[scanning->n_columns] =
      (struct batch_column){.values = scanning->indexes, .types = scanning->index_types, .present = present};
}

/* -------------------------------------------------------------------------------------------------- the scan */

/* The codes with which `take` ends a scan. */
enum { TAKE_FULL = SQLITE_TOOBIG, TAKE_FAILED = SQLITE_ABORT };

static int take(void *state, const struct batch *batch) {
  struct scanning *scanning = state;
  memcpy(scanning->batch, batch->columns, scanning->n_columns * sizeof *scanning->batch);
  index_rows(scanning, batch);
  if (scanning_first_key(scanning)) mask_times(scanning, batch);
  const struct batch indexed = {.n = batch->n, .columns = scanning->batch, .piece = batch->piece};
  enum rollup_status status = rollup_take(scanning->rollup, &indexed);
  return status == ROLLUP_OK ? SQLITE_OK : status == ROLLUP_FULL ? TAKE_FULL : TAKE_FAILED;
}

static void clear(void *state) {
  struct scanning *scanning = state;
  rollup_clear(scanning->rollup);
}

static void say(struct scanning *scanning, const char *way) {
  sqlite3_snprintf(sizeof scanning->way, scanning->way, "%s", way ? way : "");
}

/* What fails here fails again through SQL, which says why. */
static int scan(struct engine *engine, struct scanning *scanning, bool is_all) {
  const struct scan_form *form = scanning->summary->scan;
  const struct source *source = scanning->summary->source;
  struct scan_condition *conditions = engine_alloc(engine, (form->n_conditions + 2) * sizeof *conditions);
  size_t n = form->n_conditions;
  if (!conditions) return SQLITE_NOMEM;
  for (size_t i = 0; i < n; i++) conditions[i] = form->conditions[i];
  const struct scanned_partition *oldest = scanning->partitions,
                                 *newest = oldest + scanning->n_partitions - 1;
  const char *time = scanning->summary->time;
  if (!is_all) {
    conditions[n++] = (struct scan_condition){time, SCAN_GREATER_EQUAL, &oldest->lo, 1};
    conditions[n++] = (struct scan_condition){time, SCAN_LESS, &newest->hi, 1};
  }
  const struct scan_request request = {.function = "refresh",
                                       .table =
                                           engine_printf(engine, "main.%s", quoted(engine, source->name)),
                                       .columns = scanning->columns,
                                       .n_columns = scanning->n_columns,
                                       .conditions = conditions,
                                       .n_conditions = n};
  const struct scan_sink sink = {scanning, take, clear};
  struct scan *opened = 0;
  char *error = 0;
  rollup_clear(scanning->rollup);
  int rc = engine_ok(engine) ? scan_open(engine->db, &request, &opened, &error) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = scan_run(opened, &sink, 1, &error);
  say(scanning, rc == SQLITE_OK ? scan_way(opened)
                : error         ? error
                                : "a value that is no number, or too little memory");
  scan_close(opened);
  sqlite3_free(error);
  return rc;
}

/* ------------------------------------------------------------------------------------------------ results */

/* Integers whose sum doesn't fit: SQL says so, if it is asked for. */
static bool has_overflow(const struct scanning *scanning) {
  const struct summary *s = scanning->summary;
  for (size_t i = 0; i < s->n_columns; i++) {
    enum scan_result what = s->scan->results[i].what;
    if (what != RESULT_SUM && what != RESULT_TOTAL) continue;
    for (size_t group = 0; group < rollup_groups(scanning->rollup); group++) {
      struct rollup_summary summary;
      rollup_summarize(scanning->rollup, group, (int)s->scan->results[i].of, &summary);
      if (summary.sum_overflows) return true;
    }
  }
  return false;
}

/* The index of a group's partition. */
static int64_t index_of(const struct scanning *scanning, size_t group) {
  bool is_key = scanning_first_key(scanning) > 0;
  return (is_key ? rollup_key(scanning->rollup, group, 0) : rollup_bucket(scanning->rollup, group))
      .is.integer;
}

/* Puts the groups in order and tells where each partition's begin. False where they are not in the order of the
   partitions: texts, that is, which the two tell apart differently. */
static bool order_groups(struct scanning *scanning, enum rollup_status *status) {
  *status = rollup_sort(scanning->rollup);
  if (*status != ROLLUP_OK) return false;
  size_t n = rollup_groups(scanning->rollup), group = 0;
  for (size_t i = 0; i < scanning->n_partitions; i++) {
    while (group < n && index_of(scanning, group) < (int64_t)i) group++;
    scanning->partitions[i].first_group = group;
  }
  for (size_t i = 1; i < n; i++)
    if (index_of(scanning, i) < index_of(scanning, i - 1)) return false;
  return true;
}

/* How many of the newest partitions to try, after `n` were too many: as many as were seen, where the table is in the
   order of time. */
static int64_t fewer(const struct scanning *scanning, int64_t n) {
  int64_t seen = 0;
  for (size_t i = 0; i < scanning->n_partitions; i++) seen += scanning->partitions[i].is_seen;
  seen -= seen / 8 + 1;
  return seen > 0 && seen < n / 2 ? seen : n / 2;
}

enum scanned scanning_compute(struct engine *engine, struct scanning *scanning, const struct sql_variable *v,
                              bool is_all, int64_t *n) {
  enum scanned scanned = SCANNED;
  for (;; scanned = SCANNED_SOME, is_all = false) {
    struct arena_block *mark = engine_mark(engine);
    say(scanning, "the ends of partitions");
    if (*n == 0 || !read_partitions(engine, scanning, v, *n)) return SCANNED_NOTHING;
    rollup_clear(scanning->rollup);
    int rc = scanning->n_partitions > 0 ? scan(engine, scanning, is_all) : SQLITE_OK;
    enum rollup_status status = ROLLUP_OK;
    if (rc == SQLITE_OK && order_groups(scanning, &status) && !has_overflow(scanning)) return scanned;
    if (rc == SQLITE_OK)
      say(scanning, "a sum that overflows, times in several spellings, or too little memory");
    if (rc != TAKE_FULL && status != ROLLUP_FULL) return SCANNED_NOTHING;
    *n = fewer(scanning, *n);
    engine_release(engine, mark);
  }
}

int64_t scanning_next(const struct scanning *scanning) {
  double bytes = (double)rollup_bytes(scanning->rollup), n = (double)scanning->n_partitions;
  double next = n > 0 && bytes > 0 ? n * 0.8 * BYTES_MAX / bytes : PARTITIONS_MAX;
  return next > PARTITIONS_MAX ? PARTITIONS_MAX : next < 1 ? 1 : (int64_t)next;
}
