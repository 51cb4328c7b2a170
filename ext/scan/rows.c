#include "ext/scan/rows.h"
#include <stdlib.h>

static const char malformed[] = "malformed page";

bool rows_open(struct rows *rows, const struct scan *scan, const struct btree_shape *tree,
               struct chain_reader chains) {
  rows->tree = tree;
  rows->chains = chains;
  rows->wants_rowid = false;
  rows->n = rows->n_chained = rows->n_slow = 0;
  memset(rows->seen, 0, sizeof rows->seen);
  rows->arena = NULL;
  rows->arena_size = rows->chained_bytes = 0;
  rows->why = NULL;
  for (size_t i = 0; i < scan->n_fields; i++) rows->wants_rowid |= scan->fields[i].place == FIELD_ROWID;
  return shape_table_open(&rows->shapes, scan);
}

void rows_close(struct rows *rows) {
  shape_table_close(&rows->shapes);
  free(rows->arena);
}

static int not_understood(struct rows *rows, const char *why) {
  rows->why = why;
  return SOURCE_NOT_UNDERSTOOD;
}

/* The shape of a record whose header goes beyond its cell, into its chain. */
static int find_far_shape(struct rows *rows, const unsigned char *record, uint32_t payload, uint32_t local,
                          int *slot, uint32_t *before) {
  uint32_t header = shape_header_size(record, payload);
  struct shape_field all = {.size = header}, there = all;
  unsigned char *bytes = calloc(1, (size_t)header + PAGE_SLACK);
  if (!bytes) return SQLITE_NOMEM;
  struct chain chain = {record, local, 0, &all, &there, 1, 1, bytes};
  int code = rows->chains.read(rows->chains.state, &chain, 1, &rows->why);
  *slot = code == SQLITE_OK ? shape_find(&rows->shapes, bytes, payload, header, before) : SHAPE_MALFORMED;
  free(bytes);
  return code;
}

/* Keeps a row for rows_collect(). Its shape is the packed one. */
static void add_chained(struct rows *rows, const unsigned char *record, uint32_t local, uint32_t before,
                        int slot) {
  const struct shape_table *shapes = &rows->shapes;
  const struct shape_field *fields = shapes->fields + slot;
  rows->chained[rows->n_chained] = rows->n;
  rows->chain[rows->n_chained++] = (struct chain){
      record, local, before, fields, fields + SHAPE_PACKED, shapes->scan->n_fields, 2 * SHAPE_SLOTS, NULL};
  rows->chained_bytes += shapes->shapes[slot].packed;
  rows->record[rows->n] = record;
  rows->shape[rows->n] = (uint16_t)(slot + SHAPE_PACKED);
}

/* Adds a row of any kind; `room` bytes are left in the page from its record on. */
static int add_row(struct rows *rows, const unsigned char *record, uint64_t payload, uint32_t room,
                   int64_t rowid) {
  if (payload > INT32_MAX) return not_understood(rows, malformed);
  uint32_t local = btree_local(rows->tree, (uint32_t)payload);
  if (local + (local < payload ? 4 : 0) > room) return not_understood(rows, malformed);
  uint32_t before = 0;
  int slot = shape_find(&rows->shapes, record, (uint32_t)payload, local, &before);
  if (slot == SHAPE_NOT_LOCAL && local < payload) {
    int code = find_far_shape(rows, record, (uint32_t)payload, local, &slot, &before);
    if (code != SQLITE_OK) return code;
  }
  if (slot == SHAPE_FULL) return ROWS_FULL;
  if (slot == SHAPE_NO_DEFAULT) return not_understood(rows, "column's default");
  if (slot < 0) return not_understood(rows, malformed);
  if ((uint64_t)before + rows->shapes.shapes[slot].needed > local) {
    if (rows->chained_bytes > CHAINED_MAX) return ROWS_FULL;
    add_chained(rows, record, local, before, slot);
  } else {
    rows->record[rows->n] = record + before;
    rows->shape[rows->n] = (uint16_t)slot;
  }
  rows->seen[rows->shape[rows->n]] = true;
  rows->rowid[rows->n++].integer = rowid;
  return SQLITE_OK;
}

int rows_add_cell(struct rows *rows, const unsigned char *cell, uint32_t room) {
  if (rows->n == BATCH_ROWS) return ROWS_FULL;
  uint64_t payload;
  unsigned n = varint_read(cell, &payload);
  return n < room ? add_row(rows, cell + n, payload, room - n, 0) : not_understood(rows, malformed);
}

/* Adds what is no plain row, or says why not; the rest of rows_add_leaf's loop. */
static int add_cell_at(struct rows *rows, const unsigned char *page, uint32_t at) {
  const uint32_t usable = rows->tree->usable;
  uint64_t payload, rowid = 0;
  rows->n_slow++;
  at += varint_read(page + at, &payload);
  if (rows->tree->has_rowids) at += varint_read(page + at, &rowid);
  return at < usable ? add_row(rows, page + at, payload, usable - at, (int64_t)rowid)
                     : not_understood(rows, malformed);
}

/* rows_add_leaf for one kind of tree and of keys, which the compiler knows. This is the loop that all rows come
   through: plain ones are done with here, others are left to add_cell_at. */
static inline __attribute__((always_inline)) int add_leaf(struct rows *rows, const struct btree_cells *cells,
                                                          const unsigned char *page, uint32_t *cell,
                                                          const bool has_rowids, const bool wants_rowid,
                                                          const bool skips, const unsigned words) {
  const uint32_t room = (uint32_t)(BATCH_ROWS - rows->n), left = cells->n - *cell, last = cells->last;
  const unsigned char *pointer = cells->pointers + 2 * *cell;
  const unsigned char *stop = pointer + 2 * (left < room ? left : room), *end = page + rows->tree->usable;
  const uint32_t local_max = rows->tree->local_max;
  const struct shape_table *table = &rows->shapes;
  int n = rows->n, code = left <= room ? SQLITE_OK : ROWS_FULL;
  for (; pointer < stop; pointer += 2, n++) {
    uint32_t at = bytes_be16(pointer);
    if (__builtin_expect(at > last, false)) {
      code = not_understood(rows, malformed);
      break;
    }
    const unsigned char *record = page + at;
    uint64_t payload = *record++;
    if (payload >= 0x80) record += varint_read(record - 1, &payload) - 1;
    if (has_rowids) {
      uint64_t le = bytes_le64(record), rowid;
      unsigned length = varint_length(le);
      if (wants_rowid) {
        if (length < 9)
          rowid = varint_value(le, length);
        else
          varint_read(record, &rowid);
        rows->rowid[n].integer = (int64_t)rowid;
      }
      record += length;
    }
    unsigned slot;
    uint32_t before;
    bool plain = shape_find_fast(table, record, skips, words, &slot, &before) && payload <= local_max &&
                 record + payload <= end && shape_fits(&table->shapes[slot], (uint32_t)payload - before);
    if (__builtin_expect(plain, true)) {
      rows->record[n] = record + before;
      rows->shape[n] = (uint16_t)slot;
      rows->seen[slot] = true;
      continue;
    }
    rows->n = n;
    int added = add_cell_at(rows, page, at);
    if (added != SQLITE_OK) {
      code = added;
      break;
    }
  }
  rows->n = n;
  *cell = (uint32_t)(pointer - cells->pointers) / 2;
  return code;
}

int rows_add_leaf(struct rows *rows, const struct btree_cells *cells, const unsigned char *page,
                  uint32_t *cell) {
  const bool has_rowids = rows->tree->has_rowids, wants_rowid = has_rowids && rows->wants_rowid;
  const bool skips = rows->shapes.skips > 0;
  const unsigned words = rows->shapes.words;
  if (skips && words == 1) return add_leaf(rows, cells, page, cell, has_rowids, wants_rowid, true, 1);
  if (skips || words > 2) return add_leaf(rows, cells, page, cell, has_rowids, wants_rowid, skips, words);
  if (wants_rowid && words == 1) return add_leaf(rows, cells, page, cell, true, true, false, 1);
  if (has_rowids && words == 1) return add_leaf(rows, cells, page, cell, true, false, false, 1);
  if (words == 1) return add_leaf(rows, cells, page, cell, false, false, false, 1);
  return add_leaf(rows, cells, page, cell, has_rowids, wants_rowid, false, 2);
}

static void forget_seen(struct rows *rows) {
  for (int i = 0; i < rows->shapes.n; i++) {
    rows->seen[rows->shapes.slots[i]] = false;
    rows->seen[rows->shapes.slots[i] + SHAPE_PACKED] = false;
  }
}

int rows_collect(struct rows *rows) {
  if (rows->n_slow > rows->n / 4) shape_table_skip(&rows->shapes);
  if (!rows->n_chained) return SQLITE_OK;
  if (rows->chained_bytes + PAGE_SLACK > rows->arena_size) {
    free(rows->arena);
    rows->arena_size = rows->chained_bytes + PAGE_SLACK;
    rows->arena = calloc(1, rows->arena_size);
    if (!rows->arena) {
      rows->arena_size = 0;
      return SQLITE_NOMEM;
    }
  }
  unsigned char *into = rows->arena;
  for (int i = 0; i < rows->n_chained; i++) {
    int row = rows->chained[i];
    rows->record[row] = rows->chain[i].into = into;
    into += rows->shapes.shapes[rows->shape[row] - SHAPE_PACKED].packed;
  }
  return rows->chains.read(rows->chains.state, rows->chain, (size_t)rows->n_chained, &rows->why);
}

void rows_keep(struct rows *rows, const uint16_t *kept, int n) {
  forget_seen(rows);
  for (int i = 0; i < n; i++) {
    rows->record[i] = rows->record[kept[i]];
    rows->rowid[i] = rows->rowid[kept[i]];
    rows->shape[i] = rows->shape[kept[i]];
    rows->seen[rows->shape[i]] = true;
  }
  rows->n = n;
}

void rows_clear(struct rows *rows) {
  forget_seen(rows);
  rows->n = rows->n_chained = rows->n_slow = 0;
  rows->chained_bytes = 0;
  const struct shape_table *shapes = &rows->shapes;
  if (shapes->n == SHAPES_MAX || shapes->words_next > shapes->words || shapes->skips_next > shapes->skips)
    shape_table_clear(&rows->shapes);
}
