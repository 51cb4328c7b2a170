/*
** The group of each row. Where times are integers and the only key is one, too, a row costs a comparison with the
** bucket's ends and two loads: the key's number from a small cache, the group from the bucket's line of the matrix.
*/
#include "ext/kernel/rollup_inside.h"
#include <string.h>

/* A matrix of SLOTS_FREE places is never too empty. */
enum { GROUPS_FIRST = 64, SLOTS_FREE = 1 << 20, SLOTS_PER_GROUP = 8 };

void rollup_forget_near(struct rollup *rollup) {
  for (int i = 0; i < NEAR_KEYS; i++) rollup->near[i].key = i + 1; /* a key that belongs elsewhere */
}

/* ---- Groups ---- */

static bool grow_groups(struct rollup *rollup) {
  uint32_t old = rollup->capacity;
  size_t capacity = old ? (size_t)old * 2 : GROUPS_FIRST;
  if (capacity >= NUMBER_NONE) {
    rollup->memory.status = ROLLUP_FULL;
    return false;
  }
  if (!kept_resize(rollup, old, (uint32_t)capacity)) return false;
  struct rollup_group *all =
      rollup_grow(&rollup->memory, rollup->all, &rollup->all_bytes, capacity * sizeof *all);
  if (!all) return false;
  rollup->all = all;
  if (rollup->spec->wants_rows) {
    int64_t *rows = rollup_grow(&rollup->memory, rollup->rows, &rollup->rows_bytes, capacity * sizeof *rows);
    if (!rows) return false;
    rollup->rows = rows;
  }
  rollup->capacity = (uint32_t)capacity;
  return true;
}

static uint32_t add_group(struct rollup *rollup, uint32_t bucket, uint32_t key) {
  if (rollup->n_groups == rollup->capacity && !grow_groups(rollup)) return NUMBER_NONE;
  uint32_t group = rollup->n_groups++;
  rollup->all[group] = (struct rollup_group){.bucket = bucket, .key = key};
  if (rollup->rows) rollup->rows[group] = 0;
  kept_start(rollup, group);
  return group;
}

/* ---- From pairs to groups ---- */

static size_t hash_pair(const struct rollup *rollup, uint32_t bucket, uint32_t key) {
  uint64_t pair = (uint64_t)bucket << 32 | key;
  pair *= UINT64_C(0x9e3779b97f4a7c15);
  pair = (pair ^ pair >> 32) * UINT64_C(0xd6e8feb86659fd93);
  return (size_t)(pair >> (64 - rollup->slot_bits));
}

static uint32_t *hashed_slot(const struct rollup *rollup, uint32_t bucket, uint32_t key) {
  size_t at = hash_pair(rollup, bucket, key);
  for (;; at = (at + 1) & (rollup->n_slots - 1)) {
    uint32_t *slot = &rollup->slots[at];
    if (*slot == 0) return slot;
    const struct rollup_group *group = &rollup->all[*slot - 1];
    if (group->bucket == bucket && group->key == key) return slot;
  }
}

static uint32_t *matrix_slot(const struct rollup *rollup, uint32_t bucket, uint32_t key) {
  return &rollup->slots[((size_t)bucket << rollup->key_bits) + key];
}

/* New slots, all empty, in which the groups are placed once more. */
static bool new_slots(struct rollup *rollup, size_t n_slots) {
  if (n_slots * sizeof *rollup->slots > rollup->slots_bytes) {
    uint32_t *slots =
        rollup_grow(&rollup->memory, rollup->slots, &rollup->slots_bytes, n_slots * sizeof *rollup->slots);
    if (!slots) return false;
    rollup->slots = slots;
  }
  rollup->n_slots = n_slots;
  memset(rollup->slots, 0, n_slots * sizeof *rollup->slots);
  for (uint32_t i = 0; i < rollup->n_groups; i++) {
    const struct rollup_group *group = &rollup->all[i];
    *(rollup->is_hashed ? hashed_slot : matrix_slot)(rollup, group->bucket, group->key) = i + 1;
  }
  return true;
}

/* More lines of the matrix; those that are there stay. */
static bool more_lines(struct rollup *rollup, size_t n_slots) {
  size_t old = rollup->n_slots;
  uint32_t *slots =
      rollup_grow(&rollup->memory, rollup->slots, &rollup->slots_bytes, n_slots * sizeof *rollup->slots);
  if (!slots) return false;
  rollup->slots = slots;
  rollup->n_slots = n_slots;
  memset(slots + old, 0, (n_slots - old) * sizeof *slots);
  return true;
}

static bool begin_to_hash(struct rollup *rollup) {
  rollup->is_hashed = true;
  rollup->slot_bits = 16;
  while ((size_t)1 << rollup->slot_bits < (size_t)rollup->n_groups * 4) rollup->slot_bits++;
  return new_slots(rollup, (size_t)1 << rollup->slot_bits);
}

/* Room for all buckets, and for the key: a larger matrix, or a hash table where it would be too empty. */
static bool grow_matrix(struct rollup *rollup, uint32_t key) {
  int key_bits = rollup->key_bits ? rollup->key_bits : 3, line_bits = 4;
  while ((uint64_t)key >> key_bits) key_bits++;
  while ((uint64_t)rollup->buckets.n >> line_bits) line_bits++;
  size_t n_slots = (size_t)1 << (key_bits + line_bits);
  if (n_slots < rollup->n_slots) n_slots = rollup->n_slots;
  if (n_slots > SLOTS_FREE && n_slots / SLOTS_PER_GROUP > rollup->n_groups) return begin_to_hash(rollup);
  if (key_bits == rollup->key_bits && n_slots * sizeof *rollup->slots > rollup->slots_bytes)
    return more_lines(rollup, n_slots);
  rollup->key_bits = key_bits;
  return new_slots(rollup, n_slots);
}

/* Where the pair's group is or shall be noted; NULL: failed. */
static uint32_t *slot_of(struct rollup *rollup, uint32_t bucket, uint32_t key) {
  if (!rollup->is_hashed) {
    bool has_room = rollup->key_bits && (uint64_t)key >> rollup->key_bits == 0 &&
                    ((uint64_t)bucket + 1) << rollup->key_bits <= rollup->n_slots;
    if (!has_room && !grow_matrix(rollup, key)) return NULL;
    if (!rollup->is_hashed) return matrix_slot(rollup, bucket, key);
  }
  if (rollup->n_groups >= rollup->n_slots / 2) {
    rollup->slot_bits++;
    if (!new_slots(rollup, (size_t)1 << rollup->slot_bits)) return NULL;
  }
  return hashed_slot(rollup, bucket, key);
}

uint32_t rollup_group_of(struct rollup *rollup, uint32_t bucket, uint32_t key) {
  const struct rollup_spec *spec = rollup->spec;
  if (!spec->grain || spec->n_keys == 0) { /* nothing to pair: numbered alike */
    uint32_t number = spec->grain ? bucket : key;
    while (rollup->n_groups <= number)
      if (add_group(rollup, spec->grain ? rollup->n_groups : 0, spec->grain ? 0 : rollup->n_groups) ==
          NUMBER_NONE)
        return NUMBER_NONE;
    return number;
  }
  uint32_t *slot = slot_of(rollup, bucket, key);
  if (!slot) return NUMBER_NONE;
  if (*slot == 0) {
    uint32_t group = add_group(rollup, bucket, key);
    if (group == NUMBER_NONE) return NUMBER_NONE;
    *slot = group + 1;
  }
  return *slot - 1;
}

/* ---- Keys ---- */

static uint32_t number_of_integer(struct rollup *rollup, int64_t key) {
  struct near_key *near = &rollup->near[key & (NEAR_KEYS - 1)];
  if (near->key == key) return near->number;
  struct rollup_value value = {.type = BATCH_INTEGER, .is.integer = key};
  uint32_t number = distinct_number(&rollup->keys, &rollup->memory, &value);
  if (number != NUMBER_NONE) *near = (struct near_key){.key = key, .number = number};
  return number;
}

static uint32_t key_at(struct rollup *rollup, const struct batch *batch, int row) {
  const struct rollup_spec *spec = rollup->spec;
  if (spec->n_keys == 0) return 0;
  for (int i = 0; i < spec->n_keys; i++) {
    const struct batch_column *column = &batch->columns[spec->keys[i].column];
    struct rollup_value *value = &rollup->tuple[i];
    value->type = batch_type_at(column, row);
    if (spec->n_keys == 1 && value->type == BATCH_INTEGER)
      return number_of_integer(rollup, column->values[row].integer);
    value->is = column->values[row];
    value->length = value->type == BATCH_TEXT || value->type == BATCH_BLOB ? column->lengths[row] : 0;
  }
  return distinct_number(&rollup->keys, &rollup->memory, rollup->tuple);
}

/* ---- Rows ---- */

static bool group_any(struct rollup *rollup, const struct batch *batch) {
  bool has_times = rollup->spec->grain != NULL;
  if (has_times && !rollup_bucket_rows(rollup, &batch->columns[rollup->spec->time_column], batch->n))
    return false;
  for (int row = 0; row < batch->n; row++) {
    uint32_t bucket = has_times ? rollup->batch_buckets[row] : 0;
    rollup->groups[row] = NUMBER_NONE;
    if (bucket == NUMBER_NONE) continue;
    uint32_t key = key_at(rollup, batch, row);
    if (key == NUMBER_NONE) return false;
    rollup->groups[row] = rollup_group_of(rollup, bucket, key);
    if (rollup->groups[row] == NUMBER_NONE) return false;
  }
  return true;
}

/* The bucket's line of the matrix; NULL: it has none, look the slow way. */
static const uint32_t *line_of(const struct rollup *rollup, uint32_t bucket) {
  if (rollup->is_hashed || ((uint64_t)bucket + 1) << rollup->key_bits > rollup->n_slots) return NULL;
  return matrix_slot(rollup, bucket, 0);
}

/*
** The rows from `row` on that are in the stretch and whose keys have a group in its line. Returns the first row that
** is not so. A function of its own, so that all it needs stays in registers.
*/
static __attribute__((noinline)) int
group_known(const struct rollup *rollup, const struct time_stretch *stretch, const uint32_t *line,
            const union batch_value *times, const union batch_value *keys, int row, int n, uint32_t *groups) {
  const struct near_key *near = rollup->near;
  const struct time_stretch now = *stretch;
  for (; row < n; row++) {
    int64_t key = keys[row].integer;
    const struct near_key *place = &near[key & (NEAR_KEYS - 1)];
    if (!stretch_has(&now, times[row].integer) || place->key != key) break;
    uint32_t group = line[place->number];
    if (group == 0) break;
    groups[row] = group - 1;
  }
  return row;
}

static bool group_integers(struct rollup *rollup, const union batch_value *times,
                           const union batch_value *keys, int n) {
  const struct time_stretch *stretch = &rollup->times.integers;
  for (int row = 0; row < n; row++) {
    const uint32_t *line = line_of(rollup, stretch->bucket);
    if (line) row = group_known(rollup, stretch, line, times, keys, row, n, rollup->groups);
    if (row == n) break;
    rollup->groups[row] = NUMBER_NONE;
    if (!stretch_has(stretch, times[row].integer) &&
        rollup_bucket_of_integer(rollup, times[row].integer) == NUMBER_NONE) {
      if (rollup->memory.status != ROLLUP_OK) return false;
      rollup->n_skipped++;
      continue;
    }
    uint32_t number = number_of_integer(rollup, keys[row].integer);
    if (number == NUMBER_NONE) return false;
    rollup->groups[row] = rollup_group_of(rollup, stretch->bucket, number);
    if (rollup->groups[row] == NUMBER_NONE) return false;
  }
  return true;
}

/* Groups without keys are numbered as their buckets are. */
static bool group_times(struct rollup *rollup, const union batch_value *times, int n) {
  struct time_stretch stretch = rollup->times.integers;
  for (int row = 0; row < n; row++) {
    if (!stretch_has(&stretch, times[row].integer)) {
      uint32_t bucket = rollup_bucket_of_integer(rollup, times[row].integer);
      if (bucket != NUMBER_NONE) rollup_group_of(rollup, bucket, 0);
      if (rollup->memory.status != ROLLUP_OK) return false;
      rollup->n_skipped += bucket == NUMBER_NONE;
      stretch = rollup->times.integers;
      if (bucket == NUMBER_NONE) {
        rollup->groups[row] = NUMBER_NONE;
        continue;
      }
    }
    rollup->groups[row] = stretch.bucket;
  }
  return true;
}

bool rollup_group_rows(struct rollup *rollup, const struct batch *batch) {
  const struct rollup_spec *spec = rollup->spec;
  const struct batch_column *times = spec->grain ? &batch->columns[spec->time_column] : NULL;
  const struct batch_column *keys = spec->n_keys ? &batch->columns[spec->keys[0].column] : NULL;
  if (times && batch_is(times, BATCH_INTEGER)) {
    if (!keys) return group_times(rollup, times->values, batch->n);
    if (spec->n_keys == 1 && batch_is(keys, BATCH_INTEGER))
      return group_integers(rollup, times->values, keys->values, batch->n);
  }
  return group_any(rollup, batch);
}
