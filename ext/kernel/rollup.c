/* Rows grouped by bucket and keys; see rollup.h and, for how, rollup_inside.h. */
#include "ext/kernel/rollup_inside.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory ---- */

void *rollup_grow(struct rollup_memory *memory, void *array, size_t *bytes, size_t wanted) {
  size_t more = wanted - *bytes;
  if (memory->bytes_max && (memory->bytes > memory->bytes_max || more > memory->bytes_max - memory->bytes)) {
    memory->status = ROLLUP_FULL;
    return NULL;
  }
  void *grown = realloc(array, wanted);
  if (!grown) {
    memory->status = ROLLUP_NO_MEMORY;
    return NULL;
  }
  memory->bytes += more;
  *bytes = wanted;
  return grown;
}

void rollup_free(struct rollup_memory *memory, void *array, size_t bytes) {
  free(array);
  memory->bytes -= bytes;
}

void *rollup_bytes_add(struct rollup_memory *memory, struct rollup_bytes *bytes, size_t length) {
  size_t words = length / sizeof(uint64_t) + 1;
  struct chunk *chunk = bytes->last;
  if (!chunk || chunk->capacity - chunk->used < words) {
    if (memory->bytes_max && memory->bytes > memory->bytes_max) {
      memory->status = ROLLUP_FULL;
      return NULL;
    }
    chunk = chunk_after(chunk, words);
    if (!chunk) {
      memory->status = ROLLUP_NO_MEMORY;
      return NULL;
    }
    if (!bytes->first) bytes->first = chunk;
    bytes->last = chunk;
    memory->bytes += chunk->capacity * sizeof(uint64_t);
  }
  void *at = chunk->words + chunk->used;
  chunk->used += words;
  return at;
}

void rollup_bytes_free(struct rollup_memory *memory, struct rollup_bytes *bytes) {
  for (const struct chunk *chunk = bytes->first; chunk; chunk = chunk->next)
    memory->bytes -= chunk->capacity * sizeof(uint64_t);
  chunks_free(bytes->first);
  *bytes = (struct rollup_bytes){0};
}

/* ---- Opening and closing ---- */

static enum kept_level level_of(unsigned wants) {
  if (wants & (ROLLUP_MIN_AT | ROLLUP_MAX_AT)) return KEPT_PLACES;
  if (wants & (ROLLUP_FIRST | ROLLUP_LAST | ROLLUP_FIRST_AT | ROLLUP_LAST_AT)) return KEPT_ENDS;
  return wants & (ROLLUP_SUM | ROLLUP_MIN | ROLLUP_MAX) ? KEPT_SUMS : KEPT_N;
}

static void open_field(struct rollup *rollup, int i) {
  unsigned wants = rollup->spec->fields[i].wants;
  struct kept_field *field = &rollup->fields[i];
  field->level = level_of(wants);
  field->cell_bytes = kept_bytes(field->level);
  rollup->keeps_instants |= field->level >= KEPT_ENDS;
  rollup->keeps_texts |= (wants & (ROLLUP_FIRST_AT | ROLLUP_LAST_AT | ROLLUP_MIN_AT | ROLLUP_MAX_AT)) != 0;
}

struct rollup *rollup_open(const struct rollup_spec *spec) {
  struct rollup *rollup = calloc(1, sizeof *rollup);
  if (!rollup) return NULL;
  rollup->spec = spec;
  rollup->memory.bytes_max = spec->bytes_max;
  rollup->buckets.width = 1;
  rollup->keys.width = spec->n_keys;
  rollup->keys.keys = spec->keys;
  rollup->fields = calloc((size_t)spec->n_fields + 1, sizeof *rollup->fields);
  rollup->near = calloc(NEAR_KEYS, sizeof *rollup->near);
  rollup->tuple = calloc((size_t)spec->n_keys + 1, sizeof *rollup->tuple);
  if (!rollup->fields || !rollup->near || !rollup->tuple) {
    rollup_close(rollup);
    return NULL;
  }
  rollup_forget_near(rollup);
  for (int i = 0; i < spec->n_fields; i++) open_field(rollup, i);
  return rollup;
}

static void free_groups(struct rollup *rollup) {
  struct rollup_memory *memory = &rollup->memory;
  kept_free(rollup);
  distinct_free(&rollup->buckets, memory);
  distinct_free(&rollup->keys, memory);
  rollup_bytes_free(memory, &rollup->texts);
  rollup_free(memory, rollup->all, rollup->all_bytes);
  rollup_free(memory, rollup->rows, rollup->rows_bytes);
  rollup_free(memory, rollup->slots, rollup->slots_bytes);
  rollup_free(memory, rollup->order, rollup->order_bytes);
  rollup_free(memory, rollup->instants, rollup->instants_bytes);
}

void rollup_close(struct rollup *rollup) {
  if (!rollup) return;
  free_groups(rollup);
  free(rollup->fields);
  free(rollup->near);
  free(rollup->tuple);
  free(rollup);
}

/* After a failure, arrays may have more room than was noted: they are not kept. */
static void start_again(struct rollup *rollup) {
  struct rollup old = *rollup;
  free_groups(rollup);
  *rollup = (struct rollup){
      .spec = old.spec,
      .memory.bytes_max = old.memory.bytes_max,
      .buckets.width = 1,
      .keys = {.width = old.keys.width, .keys = old.keys.keys},
      .fields = old.fields,
      .keeps_instants = old.keeps_instants,
      .keeps_texts = old.keeps_texts,
      .near = old.near,
      .tuple = old.tuple,
  };
}

void rollup_clear(struct rollup *rollup) {
  rollup_forget_near(rollup);
  if (rollup->memory.status != ROLLUP_OK) {
    start_again(rollup);
    return;
  }
  distinct_clear(&rollup->buckets, &rollup->memory);
  distinct_clear(&rollup->keys, &rollup->memory);
  rollup_bytes_free(&rollup->memory, &rollup->texts);
  if (rollup->n_slots) memset(rollup->slots, 0, rollup->n_slots * sizeof *rollup->slots);
  rollup->times = (struct rollup_times){0};
  rollup->n_groups = 0;
  rollup->is_sorted = false;
}

/* ---- Taking rows ---- */

bool rollup_refuse(struct rollup *rollup, enum rollup_status status, int column,
                   const struct batch_column *values, int row) {
  char *shown = rollup->bad_value;
  size_t room = sizeof rollup->bad_value;
  rollup->memory.status = status;
  rollup->bad_column = column;
  int length = (int)values->lengths[row], cut = length > 40 ? 40 : length;
  const unsigned char *bytes = values->values[row].bytes;
  while (cut > 0 && cut < length && (bytes[cut] & 0xc0) == 0x80) cut--; /* not inside of a character */
  if (batch_type_at(values, row) == BATCH_BLOB)
    snprintf(shown, room, "a blob of %d bytes", length);
  else
    snprintf(shown, room, "'%.*s%s'", cut, (const char *)bytes, cut < length ? "..." : "");
  return false;
}

enum rollup_status rollup_take(struct rollup *rollup, const struct batch *batch) {
  rollup->is_sorted = false;
  rollup->n_skipped = 0;
  if (rollup_group_rows(rollup, batch)) kept_take(rollup, batch);
  return rollup->memory.status;
}

/* The numbers in `into` of the tuples of `from`. */
static bool map_tuples(struct rollup *rollup, struct distinct *into, const struct distinct *from,
                       uint32_t *map) {
  for (uint32_t i = 0; i < from->n; i++) {
    map[i] = distinct_number(into, &rollup->memory, from->values + (size_t)i * (size_t)from->width);
    if (map[i] == NUMBER_NONE) return false;
  }
  return true;
}

enum rollup_status rollup_merge(struct rollup *into, const struct rollup *from) {
  size_t bytes = 0, n = (size_t)from->n_groups + from->buckets.n + from->keys.n;
  if (into->memory.status != ROLLUP_OK || from->n_groups == 0) return into->memory.status;
  into->is_sorted = false;
  uint32_t *groups = rollup_grow(&into->memory, NULL, &bytes, n * sizeof *groups);
  if (!groups) return into->memory.status;
  uint32_t *buckets = groups + from->n_groups, *keys = buckets + from->buckets.n;
  bool good = map_tuples(into, &into->buckets, &from->buckets, buckets) &&
              map_tuples(into, &into->keys, &from->keys, keys);
  for (uint32_t group = 0; group < from->n_groups && good; group++) {
    const struct rollup_group *pair = &from->all[group];
    groups[group] = rollup_group_of(into, from->buckets.n ? buckets[pair->bucket] : 0,
                                    from->keys.n ? keys[pair->key] : 0);
    good = groups[group] != NUMBER_NONE;
  }
  if (good) kept_merge(into, from, groups);
  rollup_free(&into->memory, groups, bytes);
  return into->memory.status;
}

/* ---- Reading ---- */

enum rollup_status rollup_status(const struct rollup *rollup) {
  return rollup->memory.status;
}

int rollup_bad_column(const struct rollup *rollup) {
  return rollup->bad_column;
}

const char *rollup_bad_value(const struct rollup *rollup) {
  return rollup->bad_value;
}

size_t rollup_bytes(const struct rollup *rollup) {
  return rollup->memory.bytes + sizeof *rollup + NEAR_KEYS * sizeof *rollup->near;
}

size_t rollup_groups(const struct rollup *rollup) {
  return rollup->n_groups;
}

struct rollup_value rollup_bucket(const struct rollup *rollup, size_t group) {
  if (!rollup->spec->grain) return (struct rollup_value){.type = BATCH_NULL};
  return rollup->buckets.values[rollup->all[rollup_group_at(rollup, group)].bucket];
}

struct rollup_value rollup_key(const struct rollup *rollup, size_t group, int key) {
  size_t tuple = rollup->all[rollup_group_at(rollup, group)].key;
  return rollup->keys.values[tuple * (size_t)rollup->keys.width + (size_t)key];
}

int64_t rollup_rows(const struct rollup *rollup, size_t group) {
  return rollup->rows[rollup_group_at(rollup, group)];
}
