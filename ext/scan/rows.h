/*
** The rows of leaves, one after the other, up to a batch of them: where each one's record begins, and its shape. What
** is in the fields comes later, column by column (column.h).
*/
#ifndef ALMANAC_SCAN_ROWS_H
#define ALMANAC_SCAN_ROWS_H
#include "ext/scan/btree.h"
#include "ext/scan/chain.h"
#include "ext/scan/shape.h"

enum { CHAINED_MAX = 1 << 20 }; /* bytes of overflowing rows, from which on a batch is not filled further */

struct rows {
  const struct btree_shape *tree;
  struct shape_table shapes;
  bool wants_rowid;
  struct chain_reader chains;

  int n;
  int n_slow; /* rows that shape_find_fast did not know */
  const unsigned char *record[BATCH_ROWS];
  union batch_value rowid[BATCH_ROWS];
  uint16_t shape[BATCH_ROWS];
  bool seen[2 * SHAPE_SLOTS]; /* is there a row of this shape? */

  /* Those whose wanted fields are not all in their cells. They are collected before the batch is read. */
  int n_chained;
  int chained[BATCH_ROWS];        /* rows */
  struct chain chain[BATCH_ROWS]; /* n_chained */
  size_t chained_bytes;
  unsigned char *arena;
  size_t arena_size;
  const char *why;
};

/* False: out of memory; also then to be closed. */
bool rows_open(struct rows *rows, const struct scan *scan, const struct btree_shape *tree,
               struct chain_reader chains);
void rows_close(struct rows *rows);

enum { ROWS_FULL = -2 }; /* the rows so far have to be taken, and rows_clear() called, before it goes on */

/* Adds the rows of a leaf from *cell on, and counts *cell up. SQLITE_OK, SQLITE_NOMEM, ROWS_FULL, SOURCE_NOT_UNDERSTOOD or
   what the reader of chains says. */
int rows_add_leaf(struct rows *rows, const struct btree_cells *cells, const unsigned char *page,
                  uint32_t *cell);

/* Adds one row whose cell is in `room` bytes. */
int rows_add_cell(struct rows *rows, const unsigned char *cell, uint32_t room);

/* Collects what is in chains; then all records can be read. */
int rows_collect(struct rows *rows);

/* Keeps only the n rows whose numbers are in `kept`, ascending. */
void rows_keep(struct rows *rows, const uint16_t *kept, int n);

void rows_clear(struct rows *rows);

#endif
