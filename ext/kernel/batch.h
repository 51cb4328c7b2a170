/*
** A batch: up to BATCH_ROWS rows of some columns of a table, each column's values side by side, as the kernels
** take them. Who reads tables fills it (../scan/scan.h). Plain C: no SQLite here.
*/
#ifndef ALMANAC_BATCH_H
#define ALMANAC_BATCH_H
#include <stdbool.h>
#include <stdint.h>

enum { BATCH_ROWS = 2048 };

/* SQLite's own numbers of its types. */
enum batch_type { BATCH_INTEGER = 1, BATCH_REAL = 2, BATCH_TEXT = 3, BATCH_BLOB = 4, BATCH_NULL = 5 };

union batch_value {
  int64_t integer;
  double real;
  const unsigned char
      *bytes; /* of a text (UTF-8, no NUL at its end) or a blob; valid until the batch is taken */
};

struct batch_column {
  union batch_value *values;
  uint32_t *lengths; /* bytes of the texts and blobs; meaningless for other types */
  uint8_t *types;    /* a row's enum batch_type: only where `present` has more than one bit */
  unsigned present;  /* the bits 1 << type of the types that are in this batch */
};

struct batch {
  int n; /* rows, 1 to BATCH_ROWS */
  const struct batch_column *columns;
  /* Rows of a piece come before those of a higher one in the table's order. A piece goes to one sink, its batches
     in order; of several pieces a sink may get any, in ascending order. */
  int64_t piece;
};

/* Are all the column's values of this type? */
static inline bool batch_is(const struct batch_column *column, enum batch_type type) {
  return column->present == 1u << type;
}

static inline enum batch_type batch_type_at(const struct batch_column *column, int row) {
  unsigned one = column->present & (column->present - 1);
  return (enum batch_type)(one ? column->types[row] : __builtin_ctz(column->present));
}

#endif
