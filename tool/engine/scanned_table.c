#include "tool/engine/scanned_table.h"
#include <string.h>

struct handle {
  sqlite3_vtab base;
  const struct scanned_table *table;
};

struct cursor {
  sqlite3_vtab_cursor base;
  const struct scanning *scanning;
  size_t partition;
  size_t group, end;
  int n_fields;
  struct {
    bool is_known; /* of this group */
    struct rollup_summary summary;
  } fields[]; /* n_fields */
};

static int on_connect(sqlite3 *db, void *context, int n, const char *const *arguments, sqlite3_vtab **made,
                      char **error) {
  (void)n, (void)arguments, (void)error;
  const struct scanned_table *table = context;
  int rc = sqlite3_declare_vtab(db, table->declaration);
  if (rc != SQLITE_OK) return rc;
  struct handle *handle = sqlite3_malloc(sizeof *handle);
  if (!handle) return SQLITE_NOMEM;
  *handle = (struct handle){.table = table};
  *made = &handle->base;
  return SQLITE_OK;
}

static int on_disconnect(sqlite3_vtab *handle) {
  sqlite3_free(handle);
  return SQLITE_OK;
}

/* Rows are read partition by partition, never otherwise. */
static int on_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
  const struct scanning *scanning = ((struct handle *)base)->table->scanning;
  int number = (int)scanning->summary->n_columns;
  for (int i = 0; i < info->nConstraint; i++) {
    const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];
    if (constraint->iColumn != number || constraint->op != SQLITE_INDEX_CONSTRAINT_EQ || !constraint->usable)
      continue;
    info->aConstraintUsage[i].argvIndex = 1;
    info->aConstraintUsage[i].omit = 1;
    info->estimatedCost = 1;
    return SQLITE_OK;
  }
  return SQLITE_CONSTRAINT;
}

static int on_open(sqlite3_vtab *base, sqlite3_vtab_cursor **made) {
  const struct scanning *scanning = ((struct handle *)base)->table->scanning;
  int n_fields = scanning->spec.n_fields;
  struct cursor *cursor = sqlite3_malloc64(sizeof *cursor + (size_t)n_fields * sizeof cursor->fields[0]);
  if (!cursor) return SQLITE_NOMEM;
  memset(cursor, 0, sizeof *cursor);
  cursor->scanning = scanning;
  cursor->n_fields = n_fields;
  *made = &cursor->base;
  return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *cursor) {
  sqlite3_free(cursor);
  return SQLITE_OK;
}

static void forget_fields(struct cursor *cursor) {
  for (int i = 0; i < cursor->n_fields; i++) cursor->fields[i].is_known = false;
}

/* Partitions stand in the order of time, and so do their numbers, or against it. */
static int on_filter(sqlite3_vtab_cursor *base, int plan, const char *unused, int n, sqlite3_value **values) {
  (void)plan, (void)unused, (void)n;
  struct cursor *cursor = (struct cursor *)base;
  const struct scanning *scanning = cursor->scanning;
  int64_t number = sqlite3_value_int64(values[0]);
  size_t low = 0, high = scanning->n_partitions;
  bool rises = high > 0 && scanning->partitions[0].number < scanning->partitions[high - 1].number;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int64_t at = scanning->partitions[middle].number;
    if (rises ? at < number : at > number)
      low = middle + 1;
    else
      high = middle;
  }
  cursor->partition = low;
  cursor->group = cursor->end = 0;
  if (low < scanning->n_partitions && scanning->partitions[low].number == number) {
    cursor->group = scanning->partitions[low].first_group;
    cursor->end = low + 1 < scanning->n_partitions ? scanning->partitions[low + 1].first_group
                                                   : rollup_groups(scanning->rollup);
  }
  forget_fields(cursor);
  return SQLITE_OK;
}

static int on_next(sqlite3_vtab_cursor *base) {
  struct cursor *cursor = (struct cursor *)base;
  cursor->group++;
  forget_fields(cursor);
  return SQLITE_OK;
}

static int on_eof(sqlite3_vtab_cursor *base) {
  const struct cursor *cursor = (struct cursor *)base;
  return cursor->group >= cursor->end;
}

static void give(sqlite3_context *out, enum batch_type type, union batch_value is, uint32_t length) {
  switch (type) {
  case BATCH_INTEGER:
    sqlite3_result_int64(out, is.integer);
    break;
  case BATCH_REAL:
    sqlite3_result_double(out, is.real);
    break;
  case BATCH_TEXT:
    sqlite3_result_text(out, (const char *)is.bytes, (int)length, SQLITE_TRANSIENT);
    break;
  case BATCH_BLOB:
    sqlite3_result_blob(out, is.bytes, (int)length, SQLITE_TRANSIENT);
    break;
  case BATCH_NULL:
    break;
  }
}

static void give_value(sqlite3_context *out, struct rollup_value value) {
  give(out, value.type, value.is, value.length);
}

static const struct rollup_summary *summary_of(struct cursor *cursor, size_t field) {
  if (!cursor->fields[field].is_known)
    rollup_summarize(cursor->scanning->rollup, cursor->group, (int)field, &cursor->fields[field].summary);
  cursor->fields[field].is_known = true;
  return &cursor->fields[field].summary;
}

static void give_total(sqlite3_context *out, const struct rollup_value *sum) {
  sqlite3_result_double(out, sum->type == BATCH_INTEGER ? (double)sum->is.integer
                             : sum->type == BATCH_REAL  ? sum->is.real
                                                        : 0.0);
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int i) {
  struct cursor *cursor = (struct cursor *)base;
  const struct scanning *scanning = cursor->scanning;
  const struct summary *s = scanning->summary;
  const struct scanned_partition *partition = &scanning->partitions[cursor->partition];
  if ((size_t)i >= s->n_columns) {
    sqlite3_result_int64(out, partition->number);
    return SQLITE_OK;
  }
  size_t of = s->scan->results[i].of;
  switch (s->scan->results[i].what) {
  case RESULT_BUCKET:
    give(out, partition->start.type, partition->start.is, partition->start.length);
    break;
  case RESULT_KEY:
    give_value(out, rollup_key(scanning->rollup, cursor->group, scanning_first_key(scanning) + (int)of));
    break;
  case RESULT_ROWS:
    sqlite3_result_int64(out, rollup_rows(scanning->rollup, cursor->group));
    break;
  case RESULT_COUNT:
    sqlite3_result_int64(out, summary_of(cursor, of)->n);
    break;
  case RESULT_SUM:
    give_value(out, summary_of(cursor, of)->sum);
    break;
  case RESULT_TOTAL:
    give_total(out, &summary_of(cursor, of)->sum);
    break;
  case RESULT_AVG:
    give_value(out, summary_of(cursor, of)->avg);
    break;
  case RESULT_MIN:
    give_value(out, summary_of(cursor, of)->min);
    break;
  case RESULT_MAX:
    give_value(out, summary_of(cursor, of)->max);
    break;
  case RESULT_MIN_AT:
    give_value(out, summary_of(cursor, of)->min_at);
    break;
  case RESULT_MAX_AT:
    give_value(out, summary_of(cursor, of)->max_at);
    break;
  case RESULT_FIRST:
    give_value(out, summary_of(cursor, of)->first);
    break;
  case RESULT_FIRST_AT:
    give_value(out, summary_of(cursor, of)->first_at);
    break;
  case RESULT_LAST:
    give_value(out, summary_of(cursor, of)->last);
    break;
  case RESULT_LAST_AT:
    give_value(out, summary_of(cursor, of)->last_at);
    break;
  }
  return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
  *rowid = (sqlite3_int64)((struct cursor *)base)->group;
  return SQLITE_OK;
}

/* Without xCreate: there without CREATE VIRTUAL TABLE. */
static const sqlite3_module module = {
    .xConnect = on_connect,
    .xBestIndex = on_best_index,
    .xDisconnect = on_disconnect,
    .xOpen = on_open,
    .xClose = on_close,
    .xFilter = on_filter,
    .xNext = on_next,
    .xEof = on_eof,
    .xColumn = on_column,
    .xRowid = on_rowid,
};

bool scanned_table_open(struct engine *engine, const struct scanning *scanning, const char *name,
                        const char *declaration, struct scanned_table *table) {
  *table = (struct scanned_table){.name = name, .declaration = declaration, .scanning = scanning};
  if (!engine_ok(engine)) return false;
  if (sqlite3_create_module_v2(engine->db, name, &module, table, 0) != SQLITE_OK)
    return engine_fail_sqlite(engine);
  return true;
}

void scanned_table_close(struct engine *engine, struct scanned_table *table) {
  if (table->name) sqlite3_create_module_v2(engine->db, table->name, 0, 0, 0);
  table->name = 0;
}
