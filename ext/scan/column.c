#include "ext/scan/column.h"
#include "ext/scan/utf16.h"
#include <stdlib.h>

void shapes_used_in(struct shapes_used *used, const struct rows *rows) {
  const bool *seen = rows->seen;
  used->n = 0;
  for (int i = 0; i < rows->shapes.n; i++) {
    uint16_t slot = rows->shapes.slots[i];
    if (seen[slot]) used->slots[used->n++] = slot;
    if (seen[slot + SHAPE_PACKED]) used->slots[used->n++] = slot + SHAPE_PACKED;
  }
}

/* What the fields of one column in a batch have in common. */
struct common {
  const struct shape_field *fields; /* by slot */
  struct shape_field first;         /* of any shape that is used */
  bool one_kind;                    /* all are read as `first` is, */
  bool one_place;                   /* and where it is */
  bool converted;                   /* any is */
  unsigned present;                 /* types */
};

static struct common common_of(const struct rows *rows, const struct shapes_used *used, size_t field) {
  struct common common = {.fields = shape_fields(&rows->shapes, field), .one_kind = true, .one_place = true};
  common.first = common.fields[used->slots[0]];
  for (int i = 0; i < used->n; i++) {
    const struct shape_field *f = &common.fields[used->slots[i]], *first = &common.first;
    common.present |= 1u << f->type;
    common.converted |= f->converted;
    common.one_kind &= f->type == first->type && f->shift == first->shift && f->keep == first->keep &&
                       f->constant == first->constant && f->converted == first->converted;
    common.one_place &= f->offset == first->offset;
  }
  return common;
}

static bool has_bytes(unsigned present) {
  return present & (1u << BATCH_TEXT | 1u << BATCH_BLOB);
}

static int64_t bits_of(double real) {
  return (union batch_value){.real = real}.integer;
}

static const uint64_t infinity = (uint64_t)0x7ff
                                 << 52; /* its bits; above them, but for the sign: not a number */

static bool is_nan(uint64_t bits) {
  return (bits & INT64_MAX) > infinity;
}

/* The loops below are what a row's field costs; where the compiler does not unroll by itself, it is told to. */

/* Numbers that all rows have in the same place. */
static void read_alike(const struct rows *rows, const struct shape_field *field, union batch_value *values) {
  const int n = rows->n, shift = field->shift;
  const uint32_t offset = field->offset;
  const unsigned char *const *records = rows->record;
  if (!field->keep) {
    for (int i = 0; i < n; i++) values[i].integer = (int64_t)field->constant;
  } else if (field->converted) {
    for (int i = 0; i < n; i++) values[i].real = (double)((int64_t)bytes_be64(records[i] + offset) >> shift);
  } else {
#pragma GCC unroll 4
    for (int i = 0; i < n; i++) values[i].integer = (int64_t)bytes_be64(records[i] + offset) >> shift;
  }
}

/* Numbers that all rows have alike, but not in the same place. */
static void read_moving(const struct rows *rows, const struct common *common, union batch_value *values) {
  const struct shape_field *fields = common->fields;
  const uint16_t *shapes = rows->shape;
  const int n = rows->n, shift = common->first.shift;
#pragma GCC unroll 4
  for (int i = 0; i < n; i++)
    values[i].integer = (int64_t)bytes_be64(rows->record[i] + fields[shapes[i]].offset) >> shift;
}

static inline int64_t number_of(const unsigned char *record, const struct shape_field *f) {
  int64_t v = (int64_t)bytes_be64(record + f->offset) >> f->shift;
  return (int64_t)(((uint64_t)v & f->keep) | f->constant);
}

/* Numbers of one type, stored in several ways, without a branch that depends on a row. */
static void read_stored(const struct rows *rows, const struct common *common, union batch_value *values) {
  const struct shape_field *fields = common->fields;
  const uint16_t *shapes = rows->shape;
  const int n = rows->n;
#pragma GCC unroll 4
  for (int i = 0; i < n; i++) values[i].integer = number_of(rows->record[i], &fields[shapes[i]]);
  for (int i = 0; common->converted && i < n; i++)
    if (fields[rows->shape[i]].converted) values[i].real = (double)values[i].integer;
}

/* Numbers and NULLs of several types. */
static void read_mixed(const struct rows *rows, const struct common *common, struct batch_column *out) {
  const struct shape_field *fields = common->fields;
  union batch_value *values = out->values;
  uint8_t *types = out->types;
  const int n = rows->n;
  for (int i = 0; i < n; i++) {
    const struct shape_field *f = &fields[rows->shape[i]];
    int64_t v = number_of(rows->record[i], f);
    values[i].integer = f->converted ? bits_of((double)v) : v;
    types[i] = f->type;
  }
}

static void read_numbers(const struct rows *rows, const struct common *common, struct batch_column *out) {
  if (common->one_kind && (common->one_place || !common->first.keep))
    read_alike(rows, &common->first, out->values);
  else if (common->one_kind && !common->converted)
    read_moving(rows, common, out->values);
  else if (!(common->present & (common->present - 1)))
    read_stored(rows, common, out->values);
  else
    read_mixed(rows, common, out);
}

/* Texts and blobs, perhaps among others. */
static void read_bytes(const struct rows *rows, const struct common *common, size_t field,
                       struct batch_column *out) {
  const struct scan_value *absent = &rows->shapes.scan->fields[field].default_value;
  if (common->present & ~(1u << BATCH_TEXT | 1u << BATCH_BLOB)) read_mixed(rows, common, out);
  for (int i = 0; i < rows->n; i++) {
    const struct shape_field *f = &common->fields[rows->shape[i]];
    out->types[i] = f->type;
    if (!has_bytes(1u << f->type)) continue;
    out->values[i].bytes = f->is_default ? absent->is.bytes : rows->record[i] + f->offset;
    out->lengths[i] = f->size;
  }
}

/* Is one of them not a number? Two at a time: there are vectors of 16 bytes about everywhere. */
static bool has_nan(const union batch_value *values, int n) {
  typedef uint64_t pair __attribute__((vector_size(16)));
  const pair sign = {INT64_MAX, INT64_MAX}, limit = {infinity, infinity};
  pair found = {0}; /* the highest bits: a difference below 0 */
#pragma GCC unroll 4
  for (int i = 0; i + 1 < n; i += 2) {
    pair two;
    memcpy(&two, &values[i], sizeof two);
    found |= limit - (two & sign);
  }
  return (found[0] | found[1]) >> 63 || is_nan((uint64_t)values[n - 1].integer);
}

/* SQLite reads a real that is not a number as NULL. */
static void nan_to_null(struct batch_column *column, int n) {
  if (column->present == 1u << BATCH_REAL) {
    if (!has_nan(column->values, n)) return;
    memset(column->types, BATCH_REAL, (size_t)n);
  }
  column->present = 0;
  for (int i = 0; i < n; i++) {
    if (column->types[i] == BATCH_REAL && is_nan((uint64_t)column->values[i].integer)) {
      column->types[i] = BATCH_NULL;
      column->values[i].integer = 0;
    }
    column->present |= 1u << column->types[i];
  }
}

static int to_utf8(struct column *column, const struct rows *rows, const struct common *common,
                   struct batch_column *out) {
  size_t room = 1;
  for (int i = 0; i < rows->n; i++) {
    const struct shape_field *f = &common->fields[rows->shape[i]];
    if (f->type == BATCH_TEXT && !f->is_default) room += utf16_room(f->size);
  }
  if (room > column->texts_size) {
    free(column->texts);
    column->texts = malloc(room);
    column->texts_size = column->texts ? room : 0;
    if (!column->texts) return SQLITE_NOMEM;
  }
  unsigned char *to = column->texts;
  for (int i = 0; i < rows->n; i++) {
    const struct shape_field *f = &common->fields[rows->shape[i]];
    size_t length;
    if (f->type != BATCH_TEXT || f->is_default) continue;
    if (!utf16_to_utf8(out->values[i].bytes, f->size, column->encoding == PAGE_UTF16BE, to, &length))
      return SOURCE_NOT_UNDERSTOOD;
    out->values[i].bytes = to;
    out->lengths[i] = (uint32_t)length;
    to += length;
  }
  return SQLITE_OK;
}

int column_read(struct column *column, const struct rows *rows, const struct shapes_used *used,
                struct batch_column *out) {
  if (rows->shapes.scan->fields[column->field].place == FIELD_ROWID) {
    out->values = (union batch_value *)rows->rowid;
    out->present = 1u << BATCH_INTEGER;
    return SQLITE_OK;
  }
  struct common common = common_of(rows, used, column->field);
  out->present = common.present;
  if (has_bytes(common.present))
    read_bytes(rows, &common, column->field, out);
  else
    read_numbers(rows, &common, out);
  if (common.present >> BATCH_REAL & 1) nan_to_null(out, rows->n);
  if (column->encoding == PAGE_UTF8 || !(common.present >> BATCH_TEXT & 1)) return SQLITE_OK;
  return to_utf8(column, rows, &common, out);
}

void column_keep(struct batch_column *column, const uint16_t *kept, int n) {
  bool mixed = column->present & (column->present - 1);
  for (int i = 0; i < n; i++) column->values[i] = column->values[kept[i]];
  if (has_bytes(column->present))
    for (int i = 0; i < n; i++) column->lengths[i] = column->lengths[kept[i]];
  if (!mixed) return;
  column->present = 0;
  for (int i = 0; i < n; i++) {
    column->types[i] = column->types[kept[i]];
    column->present |= 1u << column->types[i];
  }
}
