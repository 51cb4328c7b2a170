#include "ext/scan/record.h"
#include <stdlib.h>

/* A column's arrays in one block: values, lengths, types. */
enum { COLUMN_BYTES = BATCH_ROWS * (8 + 4 + 1) };

struct decoder *decoder_new(const struct scan *scan, const struct btree_shape *tree,
                            enum page_encoding encoding, const struct scan_sink *sink,
                            struct chain_reader chains) {
  size_t n = scan->n_fields;
  struct decoder *d = calloc(1, sizeof *d);
  if (!d) return NULL;
  d->scan = scan;
  d->tree = tree;
  d->sink = sink;
  d->is_tested = calloc(n + 1, sizeof *d->is_tested);
  d->columns = calloc(n + 1, sizeof *d->columns);
  d->out = calloc(n + 1, sizeof *d->out);
  d->storage = calloc(n + 1, COLUMN_BYTES);
  if (!rows_open(&d->rows, scan, tree, chains) || !d->is_tested || !d->columns || !d->out || !d->storage) {
    decoder_free(d);
    return NULL;
  }
  for (size_t i = 0; i < scan->n_tests; i++) d->is_tested[scan->tests[i].field] = true;
  for (size_t i = 0; i < n; i++) {
    unsigned char *at = d->storage + i * COLUMN_BYTES;
    d->columns[i] = (struct column){.field = i, .encoding = encoding};
    d->out[i].values = (union batch_value *)at;
    d->out[i].lengths = (uint32_t *)(at + BATCH_ROWS * 8);
    d->out[i].types = at + BATCH_ROWS * 12;
  }
  return d;
}

void decoder_free(struct decoder *d) {
  if (!d) return;
  rows_close(&d->rows);
  for (size_t i = 0; d->columns && i < d->scan->n_fields; i++) free(d->columns[i].texts);
  free(d->is_tested);
  free(d->columns);
  free(d->out);
  free(d->storage);
  free(d);
}

static int read_column(struct decoder *d, size_t field) {
  int code = column_read(&d->columns[field], &d->rows, &d->used, &d->out[field]);
  if (code == SOURCE_NOT_UNDERSTOOD) d->rows.why = "ill-formed UTF-16";
  return code;
}

/* Keeps the rows that pass the tests, reading no other fields than theirs. */
static int test_rows(struct decoder *d) {
  struct rows *rows = &d->rows;
  for (size_t i = 0; i < d->scan->n_fields; i++) {
    int code = d->is_tested[i] ? read_column(d, i) : SQLITE_OK;
    if (code != SQLITE_OK) return code;
  }
  int n = scan_test_batch(d->scan, 0, d->scan->n_tests, d->out, rows->n, d->kept);
  if (n == rows->n) return SQLITE_OK;
  for (size_t i = 0; i < d->scan->request->n_columns; i++)
    if (d->is_tested[i] && d->scan->fields[i].place != FIELD_ROWID) column_keep(&d->out[i], d->kept, n);
  rows_keep(rows, d->kept, n);
  if (n) shapes_used_in(&d->used, rows);
  return SQLITE_OK;
}

/* Hands out the rows so far. */
static int flush(struct decoder *d, int64_t piece) {
  struct rows *rows = &d->rows;
  int code = rows_collect(rows);
  if (rows->n) shapes_used_in(&d->used, rows);
  if (code == SQLITE_OK && rows->n && d->scan->n_tests) code = test_rows(d);
  for (size_t i = 0; code == SQLITE_OK && rows->n && i < d->scan->request->n_columns; i++)
    if (!d->is_tested[i] || d->scan->fields[i].place == FIELD_ROWID) code = read_column(d, i);
  if (code == SQLITE_OK && rows->n) {
    struct batch batch = {.n = rows->n, .columns = d->out, .piece = piece};
    code = d->sink->take(d->sink->state, &batch);
  }
  rows_clear(rows);
  return code;
}

static int run_leaf(struct decoder *d, const struct piece *piece, const struct piece_part *part) {
  const unsigned char *page = piece->bytes + part->offset;
  struct btree_cells cells;
  uint32_t cell = 0;
  if (!btree_cells_of(d->tree, d->tree->leaf_type, page, part->page, &cells)) {
    d->rows.why = "malformed page";
    return SOURCE_NOT_UNDERSTOOD;
  }
  int code;
  while ((code = rows_add_leaf(&d->rows, &cells, page, &cell)) == ROWS_FULL) {
    code = flush(d, piece->number);
    if (code != SQLITE_OK) break;
  }
  return code;
}

static int run_cell(struct decoder *d, const struct piece *piece, const struct piece_part *part) {
  int code;
  while ((code = rows_add_cell(&d->rows, piece->bytes + part->offset, part->size)) == ROWS_FULL) {
    code = flush(d, piece->number);
    if (code != SQLITE_OK) break;
  }
  return code;
}

int decoder_run(struct decoder *d, const struct piece *piece) {
  int code = SQLITE_OK;
  for (size_t i = 0; code == SQLITE_OK && i < piece->n_parts; i++) {
    const struct piece_part *part = &piece->parts[i];
    code = part->page ? run_leaf(d, piece, part) : run_cell(d, piece, part);
  }
  return code == SQLITE_OK ? flush(d, piece->number) : code;
}
