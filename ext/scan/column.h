/* The values of one field in all rows of a batch, as sqlite3_column_*() would give them. */
#ifndef ALMANAC_SCAN_COLUMN_H
#define ALMANAC_SCAN_COLUMN_H
#include "ext/scan/rows.h"

/* Which shapes a batch's rows have: a field that all of them have in the same place needs no look at the rows' own. */
struct shapes_used {
  int n;
  uint16_t slots[BATCH_ROWS];
};
void shapes_used_in(struct shapes_used *used, const struct rows *rows);

struct column {
  size_t field;
  enum page_encoding encoding;
  unsigned char *texts; /* converted to UTF-8 */
  size_t texts_size;
};

/* Fills `out`, whose arrays have room for a batch; rowids are not copied but pointed to. SQLITE_OK, SQLITE_NOMEM or
   SOURCE_NOT_UNDERSTOOD (ill-formed UTF-16). */
int column_read(struct column *column, const struct rows *rows, const struct shapes_used *used,
                struct batch_column *out);

/* Keeps only the n rows whose numbers are in `kept`. */
void column_keep(struct batch_column *column, const uint16_t *kept, int n);

#endif
