/*
** Shapes of records: where the wanted fields of a record are, and of what type. A record begins with a header, the
** list of its fields' serial types (the file format, section 2.1). Rows of equal headers are of one shape, and a table
** has few shapes, so that a header is understood once and then found again by its bytes. Fields behind a text or a blob
** are at an offset that depends on its length, but that is in the header, too. Where lengths differ so much that there are
** too many shapes, or types take more than one byte, the columns before the first wanted one are skipped row by row, and
** shapes begin behind them.
*/
#ifndef ALMANAC_SCAN_SHAPE_H
#define ALMANAC_SCAN_SHAPE_H
#include "ext/scan/bytes.h"
#include "ext/scan/source.h"

/* A wanted field in the records of a shape. A number's bits are those of the big-endian 8 bytes at `offset`, shifted
   right by `shift` (signed), `keep` of them, and `constant`. */
struct shape_field {
  uint64_t keep, constant;
  uint32_t offset; /* bytes, from the payload's start */
  uint32_t size;   /* bytes in the payload; a default's length */
  uint8_t type;    /* enum batch_type of the value as it is to be handed out */
  uint8_t shift;   /* bits */
  bool is_default; /* the record ends before this field */
  bool converted;  /* an integer that is to be handed out as a real */
};

struct shape {
  uint32_t needed; /* bytes of payload, up to the last wanted field's end */
  uint32_t spare;  /* how many there may be beyond: none where that is the record's last field */
  uint32_t packed; /* bytes of the wanted fields alone */
};

/* A row's shape is a slot of the table, or that plus SHAPE_PACKED: the same with the wanted fields alone in the payload,
   side by side. */
enum {
  SHAPE_SLOTS = 1 << 13,
  SHAPES_MAX = 3 << 10,
  SHAPE_PACKED = SHAPE_SLOTS,
  SHAPE_WORDS_MAX = 9,
  SHAPE_SKIPS_MAX = 60
};

/* A hash table from headers to shapes. A key is the header from the first type that is not skipped to the last wanted
   field's, padded with zeros; before them a byte with their number of bytes in the header and 1 (127: or more), which
   without skipping is the header's own first byte (128: it is longer). In a free slot the key begins with 0. */
struct shape_table {
  const struct scan *scan;
  size_t *by_place; /* the fields that are in records, in the order of their places */
  size_t n_by_place;
  uint32_t places;                 /* of all wanted fields, and those before them */
  uint32_t skips, skips_next;      /* columns that are skipped; from the next clearing on */
  unsigned words, words_next;      /* 8-byte words of a key */
  int n;                           /* shapes in the table, */
  uint16_t slots[SHAPES_MAX];      /* and where they are */
  uint64_t plain[SHAPE_WORDS_MAX]; /* a mask: the key where each of its varints has one byte */
  uint64_t *keys;                  /* SHAPE_SLOTS * words */
  uint64_t *plain_keys;            /* those that shape_find_fast finds; elsewhere what can't be there */
  struct shape *shapes;            /* SHAPE_SLOTS */
  struct shape_field *fields;      /* field * 2 * SHAPE_SLOTS + slot */
};

/* A field in all shapes, by slot. */
static inline const struct shape_field *shape_fields(const struct shape_table *table, size_t field) {
  return table->fields + field * 2 * SHAPE_SLOTS;
}

/* False: out of memory; also then to be closed. */
bool shape_table_open(struct shape_table *table, const struct scan *scan);
void shape_table_close(struct shape_table *table);

/* Forgets all shapes: whoever has slots of them is done with them. */
void shape_table_clear(struct shape_table *table);

/* There are too many shapes, or they are found slowly: skips columns from the next clearing on, if that may help. */
void shape_table_skip(struct shape_table *table);

/* The shape of a record of `payload` bytes, the first `local` of which are at `record` (PAGE_SLACK more may be read): a
   slot, or one of the codes. Its fields' offsets count from *before. */
enum {
  SHAPE_FULL = -1,      /* the table has to be cleared first */
  SHAPE_MALFORMED = -2, /* no record at all, or one that is not understood */
  SHAPE_NOT_LOCAL = -3, /* more of it is needed: shape_header_size() bytes */
  SHAPE_NO_DEFAULT = -4 /* it ends before a field whose default is not known */
};
int shape_find(struct shape_table *table, const unsigned char *record, uint32_t payload, uint32_t local,
               uint32_t *before);

/* 0: malformed. */
uint32_t shape_header_size(const unsigned char *record, uint32_t payload);

/* Where the search for a key begins: a step for each word, then the slot. */
static inline uint64_t shape_hash(uint64_t hash, uint64_t word) {
  return (hash ^ hash >> 29) * 0xff51afd7ed558ccdu + word;
}
static inline unsigned shape_slot(uint64_t hash) {
  return (unsigned)(hash * 0x9e3779b97f4a7c15u >> 51);
}

/* The bytes of a value in a record, by its serial type. */
static inline uint64_t serial_size(uint64_t serial) {
  static const uint8_t small[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};
  return serial < 12 ? small[serial] : (serial - 12) >> 1;
}

/* Skips the types of columns: *at is where the next one stands, *before how much of the payload comes before its value.
   False: not that simple. */
static inline bool shape_skip_fast(const struct shape_table *table, const unsigned char *record, uint32_t *at,
                                   uint32_t *before) {
  uint32_t header = record[0];
  *at = 1;
  *before = header;
  for (uint32_t i = table->skips; i; i--) {
    uint32_t serial = record[(*at)++];
    if (serial >= 0x80) {
      uint32_t low = record[(*at)++];
      if (low >= 0x80) return false;
      serial = (serial & 0x7f) << 7 | low;
    }
    *before += (uint32_t)serial_size(serial);
  }
  return header < 0x80 && *at <= header;
}

/* shape_find's fast way, for `skips` and `words` that the compiler knows: false, and shape_find knows more. It takes the
   bytes under the mask for the key. That is true where none of them says that more follow, and such keys alone are in
   plain_keys; a header that is shorter has its own key's bytes there, and whatever follows must be like zeros. The
   record's size is not looked at: shape_fits(). */
static inline bool shape_find_fast(const struct shape_table *table, const unsigned char *record,
                                   const bool skips, const unsigned words, unsigned *slot, uint32_t *before) {
  uint64_t differs = 0, hash = 0, first = bytes_le64(record);
  uint32_t at = 1;
  *before = 0;
  if (skips) {
    if (!shape_skip_fast(table, record, &at, before)) return false;
    first = (bytes_le64(record + at - 1) & ~(uint64_t)0xff) | (record[0] - at + 1);
  }
  const unsigned char *more = record + at - 1;
  for (unsigned i = 0; i < words; i++)
    hash = shape_hash(hash, (i ? bytes_le64(more + 8 * i) : first) & table->plain[i]);
  *slot = shape_slot(hash);
  for (unsigned i = 0; i < words; i++)
    differs |=
        ((i ? bytes_le64(more + 8 * i) : first) & table->plain[i]) ^ table->plain_keys[*slot * words + i];
  return !differs;
}

/* May a record of this shape have so many bytes from where its offsets count? */
static inline bool shape_fits(const struct shape *shape, uint32_t payload) {
  return payload - shape->needed <= shape->spare;
}

#endif
