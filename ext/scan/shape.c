#include "ext/scan/shape.h"
#include <stdlib.h>

_Static_assert(SHAPE_SLOTS == 1 << (64 - 53), "shape_slot() gives that many");

static const uint8_t integer_sizes[] = {0, 1, 2, 3, 4, 6, 8}; /* by serial type */

/* The fields that are in records, sorted by insertion: there are few, mostly in order. */
static void sort_fields(struct shape_table *table) {
  const struct scan_field *fields = table->scan->fields;
  for (size_t i = 0; i < table->scan->n_fields; i++) {
    if (fields[i].place == FIELD_ROWID) continue;
    size_t at = table->n_by_place++;
    for (; at && fields[table->by_place[at - 1]].place > fields[i].place; at--)
      table->by_place[at] = table->by_place[at - 1];
    table->by_place[at] = i;
  }
  if (table->n_by_place) table->n_types = (uint32_t)fields[table->by_place[table->n_by_place - 1]].place + 1;
}

bool shape_table_open(struct shape_table *table, const struct scan *scan) {
  *table = (struct shape_table){.scan = scan};
  table->by_place = malloc((scan->n_fields + 1) * sizeof *table->by_place);
  table->keys = malloc(SHAPE_SLOTS * SHAPE_WORDS_MAX * sizeof *table->keys);
  table->plain_keys = malloc(SHAPE_SLOTS * SHAPE_WORDS_MAX * sizeof *table->plain_keys);
  table->shapes = malloc(SHAPE_SLOTS * sizeof *table->shapes);
  table->fields =
      calloc(2 * SHAPE_SLOTS * (scan->n_fields + 1), sizeof *table->fields); /* a rowid has no bytes */
  if (!table->by_place || !table->keys || !table->plain_keys || !table->shapes || !table->fields)
    return false;
  sort_fields(table);
  table->words_next = table->n_types / 8 + 1; /* with the header's size that many bytes and one more */
  if (table->words_next > SHAPE_WORDS_MAX) table->words_next = SHAPE_WORDS_MAX;
  shape_table_clear(table);
  return true;
}

void shape_table_close(struct shape_table *table) {
  free(table->by_place);
  free(table->keys);
  free(table->plain_keys);
  free(table->shapes);
  free(table->fields);
}

void shape_table_clear(struct shape_table *table) {
  table->words = table->words_next;
  table->n = 0;
  for (unsigned i = 0; i < table->words; i++) {
    uint32_t bytes = table->n_types + 1 > 8 * i ? table->n_types + 1 - 8 * i : 0;
    table->plain[i] = bytes >= 8 ? ~(uint64_t)0 : ((uint64_t)1 << 8 * bytes) - 1;
  }
  memset(table->keys, 0, SHAPE_SLOTS * table->words * sizeof *table->keys);
  memset(table->plain_keys, 0, SHAPE_SLOTS * table->words * sizeof *table->plain_keys);
  table->plain_keys[0] = 1; /* 0 is in slot 0, where it must not be found; 1 is in another */
}

uint32_t shape_header_size(const unsigned char *record, uint32_t payload) {
  uint64_t size;
  unsigned n = varint_read(record, &size);
  return size >= n && size <= payload ? (uint32_t)size : 0;
}

/* How many bytes of a header make its key. 0: malformed; more than `local`: it can't be told from these. */
static uint32_t key_length(const struct shape_table *table, const unsigned char *record, uint32_t header,
                           uint32_t local) {
  uint64_t unused;
  uint32_t at = varint_read(record, &unused);
  for (uint32_t i = 0; i < table->n_types && at < header; i++) {
    if (at >= local) return local + 1;
    at += varint_read(record + at, &unused);
  }
  return at <= header ? at : 0;
}

/* A value as the record has it. False: a serial type that no record has. */
static bool describe(const struct scan_field *column, uint64_t serial, uint64_t offset,
                     struct shape_field *field) {
  bool real = column->affinity == AFFINITY_REAL;
  *field = (struct shape_field){.offset = (uint32_t)offset, .type = BATCH_INTEGER, .keep = ~(uint64_t)0};
  if (serial == 0) {
    field->type = BATCH_NULL;
    field->keep = 0;
  } else if (serial <= 6) {
    field->size = integer_sizes[serial];
    field->shift = (uint8_t)(64 - 8 * field->size);
    field->converted = real;
    if (real) field->type = BATCH_REAL;
  } else if (serial == 7) {
    field->size = 8;
    field->type = BATCH_REAL;
  } else if (serial <= 9) {
    union batch_value one = {.integer = 1};
    if (real) one.real = 1.0, field->type = BATCH_REAL;
    field->keep = 0;
    field->constant = serial == 9 ? (uint64_t)one.integer : 0;
  } else if (serial >= 12) {
    field->size = (uint32_t)((serial - 12) / 2);
    field->type = serial & 1 ? BATCH_TEXT : BATCH_BLOB;
  }
  return serial < 10 || serial >= 12;
}

static void describe_default(const struct scan_field *column, struct shape_field *field) {
  const struct scan_value *value = &column->default_value;
  *field = (struct shape_field){.type = (uint8_t)value->type, .is_default = true};
  if (value->type == BATCH_TEXT || value->type == BATCH_BLOB)
    field->size = value->length;
  else if (value->type == BATCH_INTEGER && column->affinity == AFFINITY_REAL) {
    field->type = BATCH_REAL;
    field->constant = (uint64_t)(union batch_value){.real = (double)value->is.integer}.integer;
  } else if (value->type != BATCH_NULL)
    field->constant = (uint64_t)value->is.integer;
}

/* The bytes of a value in a record. */
static uint64_t serial_size(uint64_t serial) {
  return serial >= 12 ? (serial - 12) / 2 : serial <= 6 ? integer_sizes[serial] : serial == 7 ? 8 : 0;
}

/* Reads a header into a slot, as OP_Column of SQLite's VDBE does: it looks at the total only where the header ends. */
static int understand(struct shape_table *table, unsigned slot, const unsigned char *record, uint32_t payload,
                      uint32_t header) {
  const struct scan *scan = table->scan;
  struct shape *shape = &table->shapes[slot];
  uint64_t serial, end = header;
  uint32_t at = varint_read(record, &serial);
  size_t next = 0; /* of by_place */
  shape->packed = 0;
  for (uint32_t place = 0; place < table->n_types && at < header; place++) {
    at += varint_read(record + at, &serial);
    for (; next < table->n_by_place && (uint32_t)scan->fields[table->by_place[next]].place == place; next++) {
      size_t f = table->by_place[next];
      struct shape_field *field = table->fields + f * 2 * SHAPE_SLOTS + slot, *packed = field + SHAPE_PACKED;
      if (!describe(&scan->fields[f], serial, end, field)) return SHAPE_MALFORMED;
      *packed = *field;
      packed->offset = shape->packed;
      shape->packed += field->size;
    }
    end += serial_size(serial);
    if (end > payload) return SHAPE_MALFORMED;
  }
  if (at > header) return SHAPE_MALFORMED;
  for (; next < table->n_by_place; next++) {
    size_t f = table->by_place[next];
    if (!scan->fields[f].default_known) return SHAPE_NO_DEFAULT;
    struct shape_field *field = table->fields + f * 2 * SHAPE_SLOTS + slot;
    describe_default(&scan->fields[f], field);
    field[SHAPE_PACKED] = *field;
  }
  shape->needed = (uint32_t)end;
  shape->spare = at == header ? 0 : INT32_MAX;
  return shape_fits(shape, payload) ? (int)slot : SHAPE_MALFORMED;
}

/* Has each varint of the key one byte? */
static bool is_plain(const uint64_t *key, unsigned words) {
  uint64_t any = 0;
  for (unsigned i = 0; i < words; i++) any |= key[i];
  return !(any & 0x8080808080808080u);
}

int shape_find(struct shape_table *table, const unsigned char *record, uint32_t payload, uint32_t local) {
  uint32_t header = shape_header_size(record, payload);
  if (!header) return SHAPE_MALFORMED;
  uint32_t length = key_length(table, record, header, local);
  if (length > local) return SHAPE_NOT_LOCAL;
  if (!length) return SHAPE_MALFORMED;
  if (length > 8 * table->words && table->words < SHAPE_WORDS_MAX) {
    table->words_next = table->words + 1;
    return SHAPE_FULL;
  }
  uint64_t key[SHAPE_WORDS_MAX] = {0};
  if (length <= 8 * table->words) {
    unsigned char bytes[8 * SHAPE_WORDS_MAX] = {0};
    memcpy(bytes, record, length);
    for (unsigned i = 0; i < table->words; i++) key[i] = bytes_le64(bytes + 8 * i);
  } else {
    key[0] = (uint64_t)(table->n + 1) << 8; /* too long to be found again: like no header */
  }
  size_t bytes = table->words * sizeof *key;
  uint64_t hash = 0;
  for (unsigned i = 0; i < table->words; i++) hash = shape_hash(hash, key[i]);
  unsigned slot = shape_slot(hash);
  while (table->keys[slot * table->words] && memcmp(&table->keys[slot * table->words], key, bytes) != 0)
    slot = (slot + 1) % SHAPE_SLOTS;
  if (table->keys[slot * table->words]) {
    return shape_fits(&table->shapes[slot], payload) ? (int)slot : SHAPE_MALFORMED;
  }
  if (table->n == SHAPES_MAX) return SHAPE_FULL;
  int found = understand(table, slot, record, payload, header);
  if (found >= 0) {
    memcpy(&table->keys[slot * table->words], key, bytes);
    if (is_plain(key, table->words)) memcpy(&table->plain_keys[slot * table->words], key, bytes);
    table->slots[table->n++] = (uint16_t)slot;
  }
  return found;
}
