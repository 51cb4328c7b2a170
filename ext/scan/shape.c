#include "ext/scan/shape.h"
#include <stdlib.h>

_Static_assert(SHAPE_SLOTS == 1 << (64 - 51), "shape_slot() gives that many");

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
  if (table->n_by_place) table->places = (uint32_t)fields[table->by_place[table->n_by_place - 1]].place + 1;
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
  table->words_next = table->places / 8 + 1; /* that many bytes, and one before them */
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
  const uint32_t key_bytes = table->places - table->skips_next + 1;
  if (table->skips != table->skips_next) table->words_next = key_bytes / 8 + 1;
  if (table->words_next > SHAPE_WORDS_MAX) table->words_next = SHAPE_WORDS_MAX;
  table->skips = table->skips_next;
  table->words = table->words_next;
  table->n = 0;
  for (unsigned i = 0; i < table->words; i++) {
    uint32_t bytes = key_bytes > 8 * i ? key_bytes - 8 * i : 0;
    table->plain[i] = bytes >= 8 ? ~(uint64_t)0 : ((uint64_t)1 << 8 * bytes) - 1;
  }
  memset(table->keys, 0, SHAPE_SLOTS * table->words * sizeof *table->keys);
  memset(table->plain_keys, 0, SHAPE_SLOTS * table->words * sizeof *table->plain_keys);
  table->plain_keys[0] = 1; /* 0 is in slot 0, where it must not be found; 1 is in another */
}

void shape_table_skip(struct shape_table *table) {
  uint32_t first = table->n_by_place ? (uint32_t)table->scan->fields[table->by_place[0]].place : 0;
  if (first <= SHAPE_SKIPS_MAX) table->skips_next = first;
}

uint32_t shape_header_size(const unsigned char *record, uint32_t payload) {
  uint64_t size;
  unsigned n = varint_read(record, &size);
  return size >= n && size <= payload ? (uint32_t)size : 0;
}

/* A header that is being read. */
struct header {
  const unsigned char *record;
  uint32_t size, local, payload;
  uint32_t types;  /* where the types begin that are in the key, */
  uint32_t end;    /* and end */
  uint64_t before; /* bytes of payload before their values */
};

/* Reads on behind `count` types; adds the sizes of what they stand for. SHAPE_MALFORMED, SHAPE_NOT_LOCAL, or 0. */
static int pass_types(struct header *header, uint32_t count, uint32_t *at, uint64_t *bytes) {
  uint64_t serial;
  for (; count && *at < header->size; count--) {
    if (*at >= header->local) return SHAPE_NOT_LOCAL;
    *at += varint_read(header->record + *at, &serial);
    if (*at > header->local) return SHAPE_NOT_LOCAL;
    *bytes += serial_size(serial);
    if (*bytes > header->payload) return SHAPE_MALFORMED;
  }
  return *at <= header->size ? 0 : SHAPE_MALFORMED;
}

static int read_header(const struct shape_table *table, struct header *header) {
  uint64_t unused;
  header->size = shape_header_size(header->record, header->payload);
  if (!header->size) return SHAPE_MALFORMED;
  header->types = varint_read(header->record, &unused);
  header->before = header->size;
  int code = pass_types(header, table->skips, &header->types, &header->before);
  uint64_t after = header->before;
  header->end = header->types;
  return code ? code : pass_types(header, table->places - table->skips, &header->end, &after);
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
    field->size = (uint32_t)serial_size(serial);
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

/* Do offsets count from behind the skipped columns' values, or from behind a header whose size is not in the key? */
static bool counts_from_behind(const struct shape_table *table, const struct header *header) {
  return table->skips || header->size >= 128;
}

/* Reads a header into a slot, as OP_Column of SQLite's VDBE does: it looks at the total only where the header ends. */
static int understand(struct shape_table *table, unsigned slot, const struct header *header) {
  const struct scan *scan = table->scan;
  struct shape *shape = &table->shapes[slot];
  uint64_t serial, end = counts_from_behind(table, header) ? 0 : header->before;
  uint64_t all =
      0; /* bytes of wanted fields: those of a column as often as it is wanted, more than there are in the record */
  size_t next = 0; /* of by_place */
  for (uint32_t place = table->skips, at = header->types; at < header->end; place++) {
    at += varint_read(header->record + at, &serial);
    for (; next < table->n_by_place && (uint32_t)scan->fields[table->by_place[next]].place == place; next++) {
      size_t f = table->by_place[next];
      struct shape_field *field = table->fields + f * 2 * SHAPE_SLOTS + slot, *packed = field + SHAPE_PACKED;
      if (!describe(&scan->fields[f], serial, end, field)) return SHAPE_MALFORMED;
      *packed = *field;
      packed->offset = (uint32_t)all;
      all += field->size;
      if (all > INT32_MAX) return SHAPE_MALFORMED;
    }
    end += serial_size(serial);
  }
  for (; next < table->n_by_place; next++) {
    size_t f = table->by_place[next];
    if (!scan->fields[f].default_known) return SHAPE_NO_DEFAULT;
    struct shape_field *field = table->fields + f * 2 * SHAPE_SLOTS + slot;
    describe_default(&scan->fields[f], field);
    field[SHAPE_PACKED] = *field;
  }
  shape->packed = (uint32_t)all;
  shape->needed = (uint32_t)end;
  shape->spare = header->end == header->size ? 0 : INT32_MAX;
  return (int)slot;
}

/* Has each varint of the key one byte? */
static bool is_plain(const uint64_t *key, unsigned words) {
  uint64_t any = 0;
  for (unsigned i = 0; i < words; i++) any |= key[i];
  return !(any & 0x8080808080808080u);
}

/* False: it is too long to be found again, and made like no header. */
static bool make_key(const struct shape_table *table, const struct header *header, uint64_t *key) {
  unsigned char bytes[8 * SHAPE_WORDS_MAX] = {0};
  uint32_t length = header->end - header->types, left = header->size - header->types + 1;
  bool fits = length + 1 <= 8 * table->words;
  if (fits) {
    bytes[0] = (unsigned char)(!table->skips && header->size >= 128 ? 128 : left < 127 ? left : 127);
    memcpy(bytes + 1, header->record + header->types, length);
  }
  for (unsigned i = 0; i < table->words; i++) key[i] = bytes_le64(bytes + 8 * i);
  if (!fits) key[0] = (uint64_t)(table->n + 1) << 8;
  return fits;
}

int shape_find(struct shape_table *table, const unsigned char *record, uint32_t payload, uint32_t local,
               uint32_t *before) {
  struct header header = {.record = record, .payload = payload, .local = local};
  uint64_t key[SHAPE_WORDS_MAX], hash = 0;
  int code = read_header(table, &header);
  if (code) return code;
  if (!make_key(table, &header, key) && table->words < SHAPE_WORDS_MAX) {
    table->words_next = table->words + 1;
    return SHAPE_FULL;
  }
  *before = counts_from_behind(table, &header) ? (uint32_t)header.before : 0;
  for (unsigned i = 0; i < table->words; i++) hash = shape_hash(hash, key[i]);
  size_t bytes = table->words * sizeof *key;
  unsigned slot = shape_slot(hash);
  while (table->keys[slot * table->words] && memcmp(&table->keys[slot * table->words], key, bytes) != 0)
    slot = (slot + 1) % SHAPE_SLOTS;
  bool is_new = !table->keys[slot * table->words];
  if (is_new && table->n == SHAPES_MAX) return SHAPE_FULL;
  code = is_new ? understand(table, slot, &header) : (int)slot;
  if (is_new && code >= 0) {
    memcpy(&table->keys[slot * table->words], key, bytes);
    if (is_plain(key, table->words)) memcpy(&table->plain_keys[slot * table->words], key, bytes);
    table->slots[table->n++] = (uint16_t)slot;
  }
  return code >= 0 && !shape_fits(&table->shapes[slot], payload - *before) ? SHAPE_MALFORMED : code;
}
