/*
** Decoding: pieces of a table, as they were read from the file, in; batches that pass the scan's tests out, to a sink.
** One decoder for each sink.
*/
#ifndef ALMANAC_SCAN_RECORD_H
#define ALMANAC_SCAN_RECORD_H
#include "ext/scan/column.h"

/* A part of a piece: a leaf page, or a single row's cell from an interior page (`page` 0). */
struct piece_part {
  uint32_t offset, size; /* in bytes */
  uint32_t page;
};

/* Some leaves that follow each other, and their rows' number in the table's order. */
struct piece {
  int64_t number;
  unsigned char *bytes; /* size + PAGE_SLACK */
  uint32_t size;
  uint32_t pages_end, cells_begin; /* pages from the front, cells from the back */
  struct piece_part *parts;
  size_t n_parts, parts_max;
};

struct decoder {
  const struct scan *scan;
  const struct btree_shape *tree;
  const struct scan_sink *sink;
  bool *is_tested; /* fields */
  struct column *columns;
  struct batch_column *out;
  unsigned char *storage; /* of `out` */
  struct shapes_used used;
  uint16_t kept[BATCH_ROWS];
  struct rows rows;
};

/* NULL: out of memory. */
struct decoder *decoder_new(const struct scan *scan, const struct btree_shape *tree,
                            enum page_encoding encoding, const struct scan_sink *sink,
                            struct chain_reader chains);
void decoder_free(struct decoder *decoder);

/* SQLITE_OK; a code as of scan_run; or SOURCE_NOT_UNDERSTOOD and rows.why. */
int decoder_run(struct decoder *decoder, const struct piece *piece);

#endif
