/*
** Distinct tuples of values, as SQL's GROUP BY tells them apart, in a hash table with open addressing. Numbers are
** hashed by what they are worth, texts as their collation sees them.
*/
#include "ext/kernel/number.h"
#include "ext/kernel/rollup_inside.h"
#include <math.h>
#include <string.h>

#define TWO_63 9223372036854775808.0

/* ---- Comparison ---- */

static int compare_numbers(const struct rollup_value *a, const struct rollup_value *b) {
  if (a->type != b->type)
    return a->type == BATCH_INTEGER ? compare_integer_real(a->is.integer, b->is.real)
                                    : -compare_integer_real(b->is.integer, a->is.real);
  if (a->type == BATCH_INTEGER) return (a->is.integer > b->is.integer) - (a->is.integer < b->is.integer);
  return (a->is.real > b->is.real) - (a->is.real < b->is.real);
}

static int compare_bytes(const struct rollup_value *a, const struct rollup_value *b) {
  uint32_t length = a->length < b->length ? a->length : b->length;
  int order = length ? memcmp(a->is.bytes, b->is.bytes, length) : 0;
  return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* NULL, numbers, texts, blobs. */
static int class_of(const struct rollup_value *value) {
  static const uint8_t classes[] = {
      [BATCH_NULL] = 0, [BATCH_INTEGER] = 1, [BATCH_REAL] = 1, [BATCH_TEXT] = 2, [BATCH_BLOB] = 3};
  return classes[value->type];
}

int rollup_compare(const struct rollup_value *a, const struct rollup_value *b) {
  int class = class_of(a), other = class_of(b);
  if (class != other) return class - other;
  return class == 0 ? 0 : class == 1 ? compare_numbers(a, b) : compare_bytes(a, b);
}

/* ---- Texts as a collation sees them ---- */

static unsigned char folded(unsigned char byte) {
  return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte | 0x20) : byte;
}

/* SQLite's NOCASE looks no further than to a NUL, but at the length. */
static uint32_t nocase_length(const struct rollup_value *text) {
  const unsigned char *end = text->length ? memchr(text->is.bytes, 0, text->length) : NULL;
  return end ? (uint32_t)(end - text->is.bytes) : text->length;
}

static bool same_nocase(const struct rollup_value *a, const struct rollup_value *b) {
  uint32_t length = nocase_length(a);
  if (a->length != b->length || length != nocase_length(b)) return false;
  for (uint32_t i = 0; i < length; i++)
    if (folded(a->is.bytes[i]) != folded(b->is.bytes[i])) return false;
  return true;
}

static struct rollup_value trimmed(const struct rollup_value *text) {
  struct rollup_value value = *text;
  while (value.length > 0 && value.is.bytes[value.length - 1] == ' ') value.length--;
  return value;
}

static bool same_value(const struct rollup_value *a, const struct rollup_value *b,
                       enum rollup_collation collation) {
  if (a->type == BATCH_TEXT && b->type == BATCH_TEXT && collation != ROLLUP_BINARY) {
    if (collation == ROLLUP_NOCASE) return same_nocase(a, b);
    struct rollup_value left = trimmed(a), right = trimmed(b);
    return compare_bytes(&left, &right) == 0;
  }
  return rollup_compare(a, b) == 0;
}

/* ---- Hashes ---- */

static uint64_t mix(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 29;
}

static uint64_t hash_bytes(uint64_t hash, const unsigned char *bytes, uint32_t length) {
  uint64_t word = 0;
  for (; length >= 8; bytes += 8, length -= 8) {
    memcpy(&word, bytes, 8);
    hash = mix(hash, word);
  }
  word = length;
  for (uint32_t i = 0; i < length; i++) word = word << 8 | bytes[i];
  return mix(hash, word);
}

static uint64_t hash_nocase(uint64_t hash, const struct rollup_value *text) {
  uint32_t length = nocase_length(text);
  for (uint32_t i = 0; i < length; i++) hash = (hash ^ folded(text->is.bytes[i])) * UINT64_C(0x100000001b3);
  return mix(hash, text->length);
}

static uint64_t hash_value(uint64_t hash, const struct rollup_value *value, enum rollup_collation collation) {
  double real = value->is.real;
  uint64_t bits;
  switch (value->type) {
  case BATCH_INTEGER:
    return mix(hash, (uint64_t)value->is.integer);
  case BATCH_REAL:
    if (real >= -TWO_63 && real < TWO_63 && real == floor(real)) return mix(hash, (uint64_t)(int64_t)real);
    memcpy(&bits, &real, sizeof bits);
    return mix(hash, bits);
  case BATCH_TEXT:
    if (collation == ROLLUP_NOCASE) return hash_nocase(hash, value);
    if (collation == ROLLUP_RTRIM) {
      struct rollup_value text = trimmed(value);
      return hash_bytes(hash, text.is.bytes, text.length);
    }
    return hash_bytes(hash, value->is.bytes, value->length);
  case BATCH_BLOB:
    return hash_bytes(hash ^ BATCH_BLOB, value->is.bytes, value->length);
  case BATCH_NULL:
    break;
  }
  return mix(hash, UINT64_C(0x6e756c6c));
}

static enum rollup_collation collation_of(const struct distinct *distinct, int i) {
  return distinct->keys ? distinct->keys[i].collation : ROLLUP_BINARY;
}

static uint32_t hash_tuple(const struct distinct *distinct, const struct rollup_value *tuple) {
  uint64_t hash = 0;
  for (int i = 0; i < distinct->width; i++) hash = hash_value(hash, &tuple[i], collation_of(distinct, i));
  return (uint32_t)(hash >> 32);
}

/* ---- The table ---- */

static bool grow_tuples(struct distinct *distinct, struct rollup_memory *memory) {
  size_t capacity = distinct->n ? (size_t)distinct->n * 2 : 64;
  if (capacity >= NUMBER_NONE) {
    memory->status = ROLLUP_FULL;
    return false;
  }
  uint32_t *hashes =
      rollup_grow(memory, distinct->hashes, &distinct->hashes_bytes, capacity * sizeof *hashes);
  if (!hashes) return false;
  distinct->hashes = hashes;
  struct rollup_value *values = rollup_grow(memory, distinct->values, &distinct->values_bytes,
                                            capacity * (size_t)distinct->width * sizeof *values);
  if (values) distinct->values = values;
  return values;
}

static bool has_room(const struct distinct *distinct) {
  size_t n = (size_t)distinct->n + 1;
  return n * sizeof *distinct->hashes <= distinct->hashes_bytes &&
         n * (size_t)distinct->width * sizeof *distinct->values <= distinct->values_bytes;
}

static bool grow_slots(struct distinct *distinct, struct rollup_memory *memory) {
  size_t n_slots = distinct->n_slots ? distinct->n_slots * 2 : 128;
  uint32_t *slots = rollup_grow(memory, distinct->slots, &distinct->slots_bytes, n_slots * sizeof *slots);
  if (!slots) return false;
  memset(slots, 0, n_slots * sizeof *slots);
  for (uint32_t number = 0; number < distinct->n; number++) {
    size_t at = distinct->hashes[number] & (n_slots - 1);
    while (slots[at]) at = (at + 1) & (n_slots - 1);
    slots[at] = number + 1;
  }
  distinct->slots = slots;
  distinct->n_slots = n_slots;
  return true;
}

static bool keep_bytes(struct distinct *distinct, struct rollup_memory *memory, struct rollup_value *value) {
  if (value->type != BATCH_TEXT && value->type != BATCH_BLOB) return true;
  unsigned char *bytes = rollup_bytes_add(memory, &distinct->bytes, value->length);
  if (!bytes) return false;
  if (value->length) memcpy(bytes, value->is.bytes, value->length);
  value->is.bytes = bytes;
  return true;
}

/* Of equal values, is the second to be shown? */
static bool is_shown(const struct rollup_value *kept, const struct rollup_value *value) {
  if (kept->type != value->type) return value->type == BATCH_INTEGER;
  return value->type == BATCH_TEXT && compare_bytes(value, kept) < 0;
}

/* Equal in all that shows: the rule, and quickly told. */
static inline bool is_alike(const struct rollup_value *a, const struct rollup_value *b) {
  if (a->type != b->type) return false;
  if (a->type == BATCH_INTEGER) return a->is.integer == b->is.integer;
  if (a->type == BATCH_NULL || a->type == BATCH_REAL) return rollup_compare(a, b) == 0;
  return a->length == b->length && (a->length == 0 || memcmp(a->is.bytes, b->is.bytes, a->length) == 0);
}

static bool same_tuple(struct distinct *distinct, struct rollup_memory *memory, uint32_t number,
                       const struct rollup_value *tuple) {
  struct rollup_value *kept = distinct->values + (size_t)number * (size_t)distinct->width;
  bool looks_different = false;
  for (int i = 0; i < distinct->width; i++) {
    if (is_alike(&kept[i], &tuple[i])) continue;
    if (!same_value(&kept[i], &tuple[i], collation_of(distinct, i))) return false;
    looks_different = true;
  }
  for (int i = 0; i < distinct->width && looks_different; i++) {
    if (!is_shown(&kept[i], &tuple[i])) continue;
    struct rollup_value value = tuple[i];
    if (keep_bytes(distinct, memory, &value)) kept[i] = value;
  }
  return true;
}

uint32_t distinct_number(struct distinct *distinct, struct rollup_memory *memory,
                         const struct rollup_value *tuple) {
  uint32_t hash = hash_tuple(distinct, tuple);
  if (distinct->n >= distinct->n_slots / 2 && !grow_slots(distinct, memory)) return NUMBER_NONE;
  size_t at = hash & (distinct->n_slots - 1);
  for (; distinct->slots[at]; at = (at + 1) & (distinct->n_slots - 1)) {
    uint32_t number = distinct->slots[at] - 1;
    if (distinct->hashes[number] == hash && same_tuple(distinct, memory, number, tuple))
      return memory->status == ROLLUP_OK ? number : NUMBER_NONE;
  }
  if (!has_room(distinct) && !grow_tuples(distinct, memory)) return NUMBER_NONE;
  struct rollup_value *kept = distinct->values + (size_t)distinct->n * (size_t)distinct->width;
  for (int i = 0; i < distinct->width; i++) {
    kept[i] = tuple[i];
    if (!keep_bytes(distinct, memory, &kept[i])) return NUMBER_NONE;
  }
  distinct->hashes[distinct->n] = hash;
  distinct->slots[at] = ++distinct->n;
  return distinct->n - 1;
}

void distinct_clear(struct distinct *distinct, struct rollup_memory *memory) {
  rollup_bytes_free(memory, &distinct->bytes);
  if (distinct->n) memset(distinct->slots, 0, distinct->n_slots * sizeof *distinct->slots);
  distinct->n = 0;
}

void distinct_free(struct distinct *distinct, struct rollup_memory *memory) {
  rollup_bytes_free(memory, &distinct->bytes);
  rollup_free(memory, distinct->values, distinct->values_bytes);
  rollup_free(memory, distinct->hashes, distinct->hashes_bytes);
  rollup_free(memory, distinct->slots, distinct->slots_bytes);
}
