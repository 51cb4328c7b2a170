/*
** Through SQL: one SELECT, whose rows are put into batches. Always works, for views too, and is what the page source must
** agree with. The conditions stand in its WHERE, so that SQLite uses its indexes; their values are bound.
**
** R-1  Columns are named with the table's alias before them: a plain "x" that is no column would be a string to SQLite.
** R-2  Rows of a range of rowids come in their order, and by them: an index on a condition's column would be searched
**      for each such range.
** R-3  Texts and blobs are copied, and live as long as their batch. A batch that holds much is handed on early.
** R-4  Where the request wants the table's own order, rows have it: without being asked, SQLite reads an index that has all
**      the columns, in that index's order. An index that finds few rows is still used, and they are sorted.
*/
#include "ext/scan/source.h"
#include <math.h>
#include <string.h>

enum { TEXTS_MOST = 4 << 20 /* bytes of texts and blobs, after which a batch is handed on */ };

/* ---- The SELECT ---- */

static void append_column(sqlite3_str *sql, const char *name) {
  sqlite3_str_appendf(sql, "r.\"%w\"", name);
}

static bool is_null(const struct scan_value *value) {
  return value->type == BATCH_NULL || (value->type == BATCH_REAL && isnan(value->is.real));
}

/* `column IN (?, ?)`, IS NULL or both. */
static void append_equal(sqlite3_str *sql, const char *name, const struct scan_condition *condition) {
  size_t n_null = 0;
  for (size_t i = 0; i < condition->n_values; i++) n_null += is_null(&condition->values[i]);
  size_t n = condition->n_values - n_null;
  if (!condition->n_values) sqlite3_str_appendall(sql, "0");
  if (n) {
    append_column(sql, name);
    sqlite3_str_appendall(sql, n == 1 ? " = ?" : " IN (?");
    for (size_t i = 1; i < n; i++) sqlite3_str_appendall(sql, ",?");
    if (n > 1) sqlite3_str_appendall(sql, ")");
  }
  if (n && n_null) sqlite3_str_appendall(sql, " OR ");
  if (n_null) {
    append_column(sql, name);
    sqlite3_str_appendall(sql, " IS NULL");
  }
}

static void append_condition(sqlite3_str *sql, const char *name, const struct scan_condition *condition) {
  static const char *const operators[] = {[SCAN_DIFFERS] = "<>",
                                          [SCAN_LESS] = "<",
                                          [SCAN_LESS_EQUAL] = "<=",
                                          [SCAN_GREATER] = ">",
                                          [SCAN_GREATER_EQUAL] = ">="};
  sqlite3_str_appendall(sql, "(");
  if (condition->operator== SCAN_EQUAL) {
    append_equal(sql, name, condition);
  } else if (is_null(condition->values) && condition->operator!= SCAN_DIFFERS) {
    sqlite3_str_appendall(sql, "0");
  } else {
    append_column(sql, name);
    if (is_null(condition->values))
      sqlite3_str_appendall(sql, " IS NOT NULL");
    else
      sqlite3_str_appendf(sql, " %s ?", operators[condition->operator]);
  }
  sqlite3_str_appendall(sql, ")");
}

static char *select_text(const struct scan *scan, size_t n_columns, bool rowid_range) {
  sqlite3_str *sql = sqlite3_str_new(scan->db);
  sqlite3_str_appendall(sql, n_columns ? "SELECT " : "SELECT 1");
  for (size_t i = 0; i < n_columns; i++) {
    if (i) sqlite3_str_appendall(sql, ", ");
    append_column(sql, scan->fields[i].name);
  }
  sqlite3_str_appendall(sql, " FROM ");
  if (scan->schema) sqlite3_str_appendf(sql, "\"%w\".", scan->schema);
  sqlite3_str_appendf(sql, "\"%w\" AS r", scan->table);
  if (rowid_range) sqlite3_str_appendall(sql, " NOT INDEXED");
  const char *before = " WHERE ";
  for (size_t i = 0; i < scan->n_tests; i++, before = " AND ") {
    sqlite3_str_appendall(sql, before);
    append_condition(sql, scan->fields[scan->tests[i].field].name, &scan->request->conditions[i]);
  }
  if (rowid_range) {
    sqlite3_str_appendall(sql, before);
    append_column(sql, scan->rowid_name);
    sqlite3_str_appendall(sql, " BETWEEN ? AND ?");
  }
  if (scan->order) sqlite3_str_appendf(sql, " ORDER BY %s", scan->order);
  return sqlite3_str_finish(sql);
}

int scan_bind_value(sqlite3_stmt *select, int at, const struct scan_value *value) {
  switch (value->type) {
  case BATCH_INTEGER:
    return sqlite3_bind_int64(select, at, value->is.integer);
  case BATCH_REAL:
    return sqlite3_bind_double(select, at, value->is.real);
  case BATCH_TEXT:
    return sqlite3_bind_text64(select, at, (const char *)value->is.bytes, value->length, SQLITE_STATIC,
                               SQLITE_UTF8);
  default:
    return sqlite3_bind_blob64(select, at, value->is.bytes, value->length, SQLITE_STATIC);
  }
}

static int bind_all(const struct scan *scan, sqlite3_stmt *select, const int64_t *rowid_range) {
  int at = 1, rc = SQLITE_OK;
  for (size_t i = 0; i < scan->n_tests; i++) {
    const struct scan_condition *condition = &scan->request->conditions[i];
    for (size_t k = 0; k < condition->n_values && rc == SQLITE_OK; k++)
      if (!is_null(&condition->values[k])) rc = scan_bind_value(select, at++, &condition->values[k]);
  }
  for (int end = 0; rowid_range && end < 2 && rc == SQLITE_OK; end++)
    rc = sqlite3_bind_int64(select, at++, rowid_range[end]);
  return rc;
}

int sql_source_prepare(struct scan *scan, size_t n_columns, const int64_t *rowid_range, sqlite3_stmt **select,
                       char **error) {
  *select = NULL;
  char *sql = select_text(scan, n_columns, rowid_range != NULL);
  if (!sql) return SQLITE_NOMEM;
  int rc = sqlite3_prepare_v2(scan->db, sql, -1, select, NULL);
  sqlite3_free(sql);
  if (rc == SQLITE_OK) rc = bind_all(scan, *select, rowid_range);
  if (rc == SQLITE_OK) return rc;
  rc = scan_sqlite_error(scan, error, rc);
  sqlite3_finalize(*select);
  *select = NULL;
  return rc;
}

/* Does an index find the rows? If not, or if they have an order already, all is as cheap by the key. */
static int choose_order(struct scan *scan, char **error) {
  sqlite3_stmt *select, *plan = NULL;
  if (!scan->request->in_order || !scan->key || scan->order) return SQLITE_OK;
  int rc = sql_source_prepare(scan, scan->request->n_columns, NULL, &select, error);
  if (rc != SQLITE_OK) return rc;
  char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sqlite3_sql(select));
  rc = sql ? sqlite3_prepare_v2(scan->db, sql, -1, &plan, NULL) : SQLITE_NOMEM;
  if (rc == SQLITE_OK) rc = sqlite3_step(plan);
  const char *detail = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(plan, 3) : NULL;
  bool searches = detail && strncmp(detail, "SEARCH", 6) == 0 && strstr(detail, " INDEX ");
  scan->order = searches ? scan->sorted_key : scan->key;
  sqlite3_finalize(plan);
  sqlite3_finalize(select);
  sqlite3_free(sql);
  return scan_is_final(rc) ? rc & 0xff : SQLITE_OK;
}

/* ---- Batches ---- */

/* Memory for the bytes of a batch: blocks that never move. */
struct block {
  struct block *next;
  size_t used, size;
  unsigned char bytes[];
};

struct filling {
  struct batch batch;
  struct batch_column *columns;
  size_t n_columns;
  struct block *blocks; /* the newest first */
  size_t n_bytes;       /* in all of them */
};

static unsigned char *keep_bytes(struct filling *filling, const void *bytes, size_t n) {
  struct block *block = filling->blocks;
  if (!block || block->size - block->used < n) {
    size_t size = n > 65536 ? n : 65536;
    block = sqlite3_malloc64(sizeof *block + size);
    if (!block) return NULL;
    *block = (struct block){.next = filling->blocks, .size = size};
    filling->blocks = block;
  }
  unsigned char *kept = block->bytes + block->used;
  if (n) memcpy(kept, bytes, n);
  block->used += n;
  filling->n_bytes += n;
  return kept;
}

/* Forgets the bytes; a block of the usual size stays. */
static void forget_bytes(struct filling *filling, bool all) {
  struct block *kept = NULL;
  while (filling->blocks) {
    struct block *block = filling->blocks;
    filling->blocks = block->next;
    if (all || kept || block->size > 65536)
      sqlite3_free(block);
    else
      kept = block;
  }
  if (kept) {
    kept->next = NULL;
    kept->used = 0;
    filling->blocks = kept;
  }
  filling->n_bytes = 0;
}

static int fill_bytes(struct filling *filling, struct batch_column *column, sqlite3_stmt *select, int at,
                      bool is_text) {
  int row = filling->batch.n;
  const void *bytes =
      is_text ? (const void *)sqlite3_column_text(select, at) : sqlite3_column_blob(select, at);
  int length = sqlite3_column_bytes(select, at);
  if (!bytes && (is_text || length)) return SQLITE_NOMEM;
  unsigned char *kept = keep_bytes(filling, bytes, (size_t)length);
  if (!kept) return SQLITE_NOMEM;
  column->values[row].bytes = kept;
  column->lengths[row] = (uint32_t)length;
  return SQLITE_OK;
}

static int fill_value(struct filling *filling, struct batch_column *column, sqlite3_stmt *select, int at) {
  int row = filling->batch.n, type = sqlite3_column_type(select, at);
  column->types[row] = (uint8_t)type;
  column->present |= 1u << type;
  switch (type) {
  case SQLITE_INTEGER:
    column->values[row].integer = sqlite3_column_int64(select, at);
    return SQLITE_OK;
  case SQLITE_FLOAT:
    column->values[row].real = sqlite3_column_double(select, at);
    return SQLITE_OK;
  case SQLITE_NULL:
    column->values[row].integer = 0;
    return SQLITE_OK;
  default:
    return fill_bytes(filling, column, select, at, type == SQLITE_TEXT);
  }
}

static int hand_on(struct filling *filling, const struct scan_sink *sink) {
  if (!filling->batch.n) return SQLITE_OK;
  int rc = sink->take(sink->state, &filling->batch);
  filling->batch.n = 0;
  for (size_t i = 0; i < filling->n_columns; i++) filling->columns[i].present = 0;
  forget_bytes(filling, false);
  return rc;
}

static int fill_row(struct filling *filling, sqlite3_stmt *select, const struct scan_sink *sink) {
  for (size_t i = 0; i < filling->n_columns; i++) {
    int rc = fill_value(filling, &filling->columns[i], select, (int)i);
    if (rc != SQLITE_OK) return rc;
  }
  filling->batch.n++;
  return filling->batch.n == BATCH_ROWS || filling->n_bytes >= TEXTS_MOST ? hand_on(filling, sink)
                                                                          : SQLITE_OK;
}

static bool filling_open(struct filling *filling, size_t n_columns, int64_t piece) {
  size_t each = sizeof(union batch_value) + sizeof(uint32_t) + sizeof(uint8_t);
  *filling = (struct filling){.n_columns = n_columns};
  filling->columns = sqlite3_malloc64(n_columns * (sizeof *filling->columns + BATCH_ROWS * each) + 1);
  if (!filling->columns) return false;
  unsigned char *at = (unsigned char *)(filling->columns + n_columns);
  for (size_t i = 0; i < n_columns; i++, at += BATCH_ROWS * each) {
    struct batch_column *column = &filling->columns[i];
    column->values = (union batch_value *)(void *)at;
    column->lengths = (uint32_t *)(void *)(column->values + BATCH_ROWS);
    column->types = (uint8_t *)(column->lengths + BATCH_ROWS);
    column->present = 0;
  }
  filling->batch = (struct batch){.columns = filling->columns, .piece = piece};
  return true;
}

static void filling_close(struct filling *filling) {
  forget_bytes(filling, true);
  sqlite3_free(filling->columns);
}

int sql_source_run(struct scan *scan, const int64_t *rowid_range, int64_t piece, const struct scan_sink *sink,
                   char **error) {
  sqlite3_stmt *select;
  struct filling filling;
  int rc = rowid_range ? SQLITE_OK : choose_order(scan, error);
  if (rc == SQLITE_OK) rc = sql_source_prepare(scan, scan->request->n_columns, rowid_range, &select, error);
  if (rc != SQLITE_OK) return rc;
  if (!filling_open(&filling, scan->request->n_columns, piece)) {
    sqlite3_finalize(select);
    return SQLITE_NOMEM;
  }
  int sunk = SQLITE_OK;
  while (sunk == SQLITE_OK && (rc = sqlite3_step(select)) == SQLITE_ROW)
    sunk = fill_row(&filling, select, sink);
  if (sunk == SQLITE_OK && rc == SQLITE_DONE) sunk = hand_on(&filling, sink);
  if (sunk == SQLITE_OK && rc != SQLITE_DONE) sunk = scan_sqlite_error(scan, error, rc);
  sqlite3_finalize(select);
  filling_close(&filling);
  return sunk;
}
