/*
** The rollup without SQLite, beside brute force: every row is kept, groups are found by looking through all of them, and
** numbers are compared as long doubles, which hold every 64-bit integer. Random grains, types, collations, sizes of
** batches, rollups that are merged, cleared and reused; bounds; and every allocation failing once.
** Usage: rollup SEED WORLDS
*/
#include "ext/kernel/rollup.h"
#include "driver.h"
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

_Static_assert(LDBL_MANT_DIG >= 64, "the oracle wants every 64-bit integer in a long double");

/* ---- Memory that fails ---- */

static long allocations_left = -1; /* -1: as many as wanted */
static int live;

static int fails(void) {
  if (allocations_left < 0) return 0;
  return allocations_left-- == 0;
}
void *__real_malloc(size_t), *__real_calloc(size_t, size_t), *__real_realloc(void *, size_t);
void __real_free(void *);
void *__wrap_malloc(size_t n) {
  void *at = fails() ? NULL : __real_malloc(n);
  live += at != NULL;
  return at;
}
void *__wrap_calloc(size_t n, size_t size) {
  void *at = fails() ? NULL : __real_calloc(n, size);
  live += at != NULL;
  return at;
}
void *__wrap_realloc(void *old, size_t n) {
  void *at = fails() ? NULL : __real_realloc(old, n);
  live += at && !old;
  return at;
}
void __wrap_free(void *at) {
  live -= at != NULL;
  __real_free(at);
}

/* ---- A world ---- */

enum { ROWS_MAX = 4000, KEYS_MAX = 3, FIELDS_MAX = 2, COLUMNS = 1 + KEYS_MAX + FIELDS_MAX };

static struct rollup_value rows[ROWS_MAX][COLUMNS];
static int n_rows;
static struct rollup_key keys[KEYS_MAX];
static struct rollup_field fields[FIELDS_MAX];
static struct time_grain grain;
static struct rollup_spec spec;
static char pool[1 << 20];
static size_t pool_used;

static int upto(int n) {
  return (int)(next() % (uint64_t)n);
}

static struct rollup_value integer(int64_t i) {
  return (struct rollup_value){.type = BATCH_INTEGER, .is.integer = i};
}
static struct rollup_value real(double d) {
  return (struct rollup_value){.type = BATCH_REAL, .is.real = d};
}
static struct rollup_value null(void) {
  return (struct rollup_value){.type = BATCH_NULL};
}
static struct rollup_value bytes(enum batch_type type, const char *text, size_t length) {
  assert(pool_used + length + 1 <= sizeof pool);
  char *at = pool + pool_used;
  memcpy(at, text, length);
  pool_used += length + 1;
  return (struct rollup_value){.type = type, .is.bytes = (unsigned char *)at, .length = (uint32_t)length};
}

static struct rollup_value any_time(int mode, int i) {
  static const int offsets[] = {0, 0, 0, 3600, 5400, -7200};
  int64_t s = INT64_C(1711800000) + (upto(3) ? i * 40 : upto(200000));
  char text[64], day[40];
  struct time_text time = {.unix_s = s, .spelling = {.has_time = true, .separator = ' '}};
  if (mode == 4) mode = upto(4);
  if (upto(40) == 0) return null();
  switch (mode) {
  case 0:
    return integer(upto(100) ? s : upto(2) ? INT64_MIN + upto(9999) : INT64_MAX - upto(9999));
  case 1:
    return real(upto(60) ? (double)s + upto(4) / 4.0 : upto(2) ? 1e300 : -INFINITY);
  case 2:
    return upto(3) ? integer(s) : bytes(BATCH_BLOB, "x", 1);
  }
  time.spelling.has_time = upto(9) != 0;
  time_text_write(&time, day);
  int shape = time.spelling.has_time ? upto(6) : 0;
  if (upto(40) == 0) return bytes(BATCH_TEXT, "no time", (size_t)upto(8));
  if (shape == 3) {
    int offset = offsets[upto(6)];
    snprintf(text, sizeof text, "%s%c%02d:%02d", day, offset < 0 ? '-' : '+', abs(offset) / 3600,
             abs(offset) / 60 % 60);
  } else
    snprintf(text, sizeof text, "%s%s", day, (const char *[]){"", "Z", ".5", "", ".25", ".250Z"}[shape]);
  return bytes(BATCH_TEXT, text, strlen(text));
}

static struct rollup_value any_key(int mode) {
  static const char *const texts[] = {"a",       "A", "a ", "b", "", " ", "B", "abcdefghijkl", "ABCDEFGHijkl",
                                      "\xc3\x84"};
  static const double reals[] = {1.0,      0.5,       -0.0, 9007199254740992.0,     9007199254740994.0,
                                 INFINITY, -INFINITY, 1e19, -9223372036854775808.0, 3};
  static const int64_t integers[] = {0, 1, INT64_C(1) << 53, (INT64_C(1) << 53) + 1, INT64_MIN, INT64_MAX,
                                     3, -1};
  if (mode == 3) mode = upto(3);
  if (mode != 0 && upto(12) == 0) return null();
  if (mode == 0) return integer(upto(10) ? upto(30) : 4096 * upto(5));
  if (mode == 1) return upto(2) ? real(reals[upto(10)]) : integer(integers[upto(8)]);
  const char *text = texts[upto(10)];
  return bytes(upto(4) ? BATCH_TEXT : BATCH_BLOB, text, strlen(text));
}

static struct rollup_value any_value(int mode) {
  if (mode == 4) mode = upto(3);
  if (mode >= 2 && upto(5) == 0) return null();
  switch (mode) {
  case 0:
    return integer(upto(20) - 10);
  case 1:
    return real(upto(400) ? upto(2000) / 16.0 - 50 : upto(2) ? INFINITY : -INFINITY);
  case 2:
    return integer(upto(3) ? (int64_t)next() : upto(2) ? INT64_MAX : INT64_MIN);
  default:
    return integer(upto(3));
  }
}

static void make_grain(void) {
  static const char *const widths[] = {"1 hour", "15 minutes", "1 day",  "1 month", "250ms",
                                       "1 week", "90 s",       "1500ms", "7h"};
  static const char *const modifiers[] = {"",   "Europe/Berlin", "America/St_Johns",
                                          "ms", "fraction=3",    "origin=2024-02-05"};
  for (;;) {
    const char *width = widths[upto(9)], *modifier = modifiers[upto(6)];
    struct time_modifier one = {modifier, strlen(modifier)};
    struct time_width given = {.text = width, .length = strlen(width)};
    if (time_grain_parse(&grain, given, &one, one.length > 0, NULL)) return;
  }
}

static void make_world(void) {
  int key_modes[KEYS_MAX], value_modes[FIELDS_MAX], time_mode = upto(5);
  bool has_grain = upto(8) != 0;
  pool_used = 0;
  make_grain();
  spec = (struct rollup_spec){
      .grain = has_grain ? &grain : NULL,
      .time_column = 0,
      .n_keys = upto(3) ? 1 : upto(KEYS_MAX + 1),
      .keys = keys,
      .n_fields = upto(FIELDS_MAX + 1),
      .fields = fields,
      .wants_rows = upto(2),
  };
  for (int i = 0; i < KEYS_MAX; i++) {
    keys[i] = (struct rollup_key){.column = 1 + i, .collation = (enum rollup_collation)upto(3)};
    key_modes[i] = upto(4);
  }
  for (int i = 0; i < FIELDS_MAX; i++) {
    fields[i] =
        (struct rollup_field){.column = 1 + KEYS_MAX + i, .wants = (unsigned)upto(has_grain ? 1024 : 16)};
    value_modes[i] = upto(5);
  }
  n_rows = 1 + upto(upto(8) ? 300 : ROWS_MAX);
  for (int i = 0; i < n_rows; i++) {
    rows[i][0] = any_time(time_mode, i);
    for (int k = 0; k < KEYS_MAX; k++) rows[i][1 + k] = any_key(key_modes[k]);
    for (int f = 0; f < FIELDS_MAX; f++) rows[i][1 + KEYS_MAX + f] = any_value(value_modes[f]);
  }
}

/* ---- Brute force ---- */

static long double number(const struct rollup_value *value) {
  return value->type == BATCH_INTEGER ? (long double)value->is.integer : (long double)value->is.real;
}

static int place_of(const struct rollup_value *value) {
  return value->type == BATCH_NULL ? 0 : value->type == BATCH_TEXT ? 2 : value->type == BATCH_BLOB ? 3 : 1;
}

static int raw(const struct rollup_value *a, const struct rollup_value *b) {
  for (uint32_t i = 0; i < a->length && i < b->length; i++)
    if (a->is.bytes[i] != b->is.bytes[i]) return a->is.bytes[i] < b->is.bytes[i] ? -1 : 1;
  return a->length < b->length ? -1 : a->length > b->length;
}

static int compare(const struct rollup_value *a, const struct rollup_value *b) {
  if (place_of(a) != place_of(b)) return place_of(a) - place_of(b);
  if (place_of(a) == 0) return 0;
  if (place_of(a) > 1) return raw(a, b);
  return number(a) < number(b) ? -1 : number(a) > number(b);
}

/* As the collation sees a text: folded or trimmed. */
static struct rollup_value seen(const struct rollup_value *value, enum rollup_collation collation,
                                char *room) {
  struct rollup_value seen = *value;
  if (value->type != BATCH_TEXT || collation == ROLLUP_BINARY) return seen;
  for (uint32_t i = 0; i < value->length; i++) {
    unsigned char byte = value->is.bytes[i];
    room[i] = (char)(collation == ROLLUP_NOCASE && byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
  }
  while (collation == ROLLUP_RTRIM && seen.length && room[seen.length - 1] == ' ') seen.length--;
  seen.is.bytes = (unsigned char *)room;
  return seen;
}

static bool same_key(const struct rollup_value *a, const struct rollup_value *b,
                     enum rollup_collation collation) {
  char left[64], right[64];
  struct rollup_value x = seen(a, collation, left), y = seen(b, collation, right);
  return compare(&x, &y) == 0;
}

/* What is shown of two equal ones. */
static struct rollup_value shown(struct rollup_value a, struct rollup_value b) {
  if (a.type != b.type) return a.type == BATCH_INTEGER ? a : b;
  return a.type == BATCH_TEXT && raw(&b, &a) < 0 ? b : a;
}

static bool bucket_of(const struct rollup_value *time, struct rollup_value *bucket,
                      struct time_text *instant) {
  struct time_number given = {.is_real = time->type == BATCH_REAL}, start;
  char out[TIME_TEXT_MAX];
  if (time->type == BATCH_TEXT) {
    if (!time_text_read((const char *)time->is.bytes, time->length, instant)) return false;
    struct time_text moved = *instant;
    if (!time_grain_bucket_text(&grain, &moved)) return false;
    size_t length = time_text_write(&moved, out);
    if (length) *bucket = bytes(BATCH_TEXT, out, length);
    return length > 0;
  }
  if (time->type != BATCH_INTEGER && time->type != BATCH_REAL) return false;
  if (given.is_real)
    given.real = time->is.real;
  else
    given.integer = time->is.integer;
  if (!time_grain_bucket_number(&grain, &given, &start)) return false;
  *bucket = start.is_real ? real(start.real) : integer(start.integer);
  return true;
}

struct brute {
  struct rollup_value bucket, keys[KEYS_MAX];
  int64_t n_rows;
  int rows[ROWS_MAX];
} * groups;
static int n_groups;
static struct time_text instants[ROWS_MAX];

static bool same_keys(const struct rollup_value *a, const struct rollup_value *b) {
  for (int k = 0; k < spec.n_keys; k++)
    if (!same_key(&a[k], &b[k], keys[k].collation)) return false;
  return true;
}

/* A bucket and a tuple of keys look alike in all their groups. */
static void share_looks(struct brute *group, struct rollup_value bucket,
                        const struct rollup_value *row_keys) {
  for (struct brute *other = groups; other < groups + n_groups; other++) {
    if (compare(&other->bucket, &bucket) == 0) other->bucket = group->bucket = shown(other->bucket, bucket);
    for (int k = 0; k < spec.n_keys && same_keys(other->keys, row_keys); k++)
      other->keys[k] = group->keys[k] = shown(other->keys[k], row_keys[k]);
  }
}

static void brute_force(void) {
  n_groups = 0;
  for (int i = 0; i < n_rows; i++) {
    struct rollup_value bucket = null();
    if (spec.grain && !bucket_of(&rows[i][0], &bucket, &instants[i])) continue;
    int g = 0;
    for (; g < n_groups; g++) {
      bool same = compare(&groups[g].bucket, &bucket) == 0 && same_keys(groups[g].keys, &rows[i][1]);
      if (same) break;
    }
    struct brute *group = &groups[g];
    if (g == n_groups) {
      n_groups++;
      group->n_rows = 0;
      group->bucket = bucket;
      for (int k = 0; k < spec.n_keys; k++) group->keys[k] = rows[i][1 + k];
    }
    share_looks(group, bucket, &rows[i][1]);
    group->rows[group->n_rows++] = i;
  }
}

static int compare_times(int a, int b) {
  if (rows[a][0].type != BATCH_TEXT) return compare(&rows[a][0], &rows[b][0]);
  const struct time_text *x = &instants[a], *y = &instants[b];
  if (x->unix_s != y->unix_s) return x->unix_s < y->unix_s ? -1 : 1;
  return x->nanosecond < y->nanosecond ? -1 : x->nanosecond > y->nanosecond;
}

static bool same(const struct rollup_value *a, const struct rollup_value *b) {
  if (a->type != b->type) return false;
  return a->type == BATCH_NULL || (a->type == BATCH_REAL && isnan(a->is.real) && isnan(b->is.real)) ||
         compare(a, b) == 0;
}

/* The value and the time of the rows of which none is before another by value (and time), or by time (and value). */
static void extreme(const struct brute *group, int column, int value_sign, int time_sign, bool by_time,
                    struct rollup_value *value, struct rollup_value *at) {
  int best = -1;
  for (int j = 0; j < group->n_rows; j++) {
    int i = group->rows[j];
    if (rows[i][column].type == BATCH_NULL) continue;
    int by_value = best < 0 ? -1 : value_sign * compare(&rows[i][column], &rows[best][column]);
    int in_time = best < 0 || !spec.grain ? 0 : time_sign * compare_times(i, best);
    if (by_time ? in_time < 0 || (in_time == 0 && by_value < 0)
                : by_value < 0 || (by_value == 0 && in_time < 0))
      best = i;
  }
  *value = *at = null();
  for (int j = 0; j < group->n_rows && best >= 0; j++) {
    int i = group->rows[j];
    if (rows[i][column].type == BATCH_NULL) continue;
    bool now = !spec.grain || compare_times(i, best) == 0,
         alike = compare(&rows[i][column], &rows[best][column]) == 0;
    if (alike && (now || !by_time))
      *value = value->type == BATCH_NULL ? rows[i][column] : shown(*value, rows[i][column]);
    if (now && (alike || by_time)) *at = at->type == BATCH_NULL ? rows[i][0] : shown(*at, rows[i][0]);
  }
}

static void check_sum(const struct brute *group, int column, const struct rollup_summary *got) {
  __int128 whole = 0;
  long double total = 0, size = 0;
  double plain = 0;
  int64_t n = 0;
  bool has_real = false;
  for (int j = 0; j < group->n_rows; j++) {
    const struct rollup_value *value = &rows[group->rows[j]][column];
    if (value->type == BATCH_NULL) continue;
    n++;
    if (value->type == BATCH_INTEGER) whole += value->is.integer;
    has_real |= value->type == BATCH_REAL;
    total += number(value);
    plain += (double)number(value);
    size += fabsl(number(value));
  }
  assert(got->n == n);
  if (n == 0) {
    assert(got->sum.type == BATCH_NULL && got->avg.type == BATCH_NULL && !got->sum_overflows);
    return;
  }
  bool fits = whole >= INT64_MIN && whole <= INT64_MAX;
  assert(got->sum_overflows == (!has_real && !fits));
  if (isnan(plain)) {
    assert(got->sum.type == BATCH_NULL && got->avg.type == BATCH_NULL);
  } else if (isinf(plain)) {
    assert(got->sum.is.real == plain && got->avg.is.real == plain);
  } else {
    long double within = size * (n + 4) * 0x1p-53L;
    assert(got->avg.type == BATCH_REAL && fabsl(got->avg.is.real - total / n) <= within / n);
    if (has_real) assert(got->sum.type == BATCH_REAL && fabsl(got->sum.is.real - total) <= within);
    if (!has_real && fits) assert(got->sum.type == BATCH_INTEGER && got->sum.is.integer == (int64_t)whole);
  }
}

static void check_field(const struct rollup *rollup, size_t place, const struct brute *group, int f) {
  struct rollup_summary got;
  struct rollup_value value, at;
  int column = fields[f].column;
  unsigned wants = fields[f].wants;
  rollup_summarize(rollup, place, f, &got);
  if (wants & ROLLUP_SUM) check_sum(group, column, &got);
  extreme(group, column, 1, 1, false, &value, &at);
  if (wants & ROLLUP_MIN) assert(same(&got.min, &value));
  if (wants & ROLLUP_MIN_AT) assert(same(&got.min_at, &at));
  extreme(group, column, -1, 1, false, &value, &at);
  if (wants & ROLLUP_MAX) assert(same(&got.max, &value));
  if (wants & ROLLUP_MAX_AT) assert(same(&got.max_at, &at));
  extreme(group, column, 1, 1, true, &value, &at);
  if (wants & ROLLUP_FIRST) assert(same(&got.first, &value));
  if (wants & ROLLUP_FIRST_AT) assert(same(&got.first_at, &at));
  extreme(group, column, -1, -1, true, &value, &at);
  if (wants & ROLLUP_LAST) assert(same(&got.last, &value));
  if (wants & ROLLUP_LAST_AT) assert(same(&got.last_at, &at));
}

static void check(struct rollup *rollup) {
  assert(rollup_groups(rollup) == (size_t)n_groups);
  assert(rollup_sort(rollup) == ROLLUP_OK);
  for (size_t place = 0; place < (size_t)n_groups; place++) {
    struct rollup_value bucket = rollup_bucket(rollup, place), found[KEYS_MAX];
    int g = 0;
    for (int k = 0; k < spec.n_keys; k++) found[k] = rollup_key(rollup, place, k);
    while (g < n_groups && (compare(&groups[g].bucket, &bucket) != 0 || !same_keys(groups[g].keys, found)))
      g++;
    assert(g < n_groups && same(&groups[g].bucket, &bucket));
    for (int k = 0; k < spec.n_keys; k++) assert(same(&groups[g].keys[k], &found[k]));
    if (spec.wants_rows) assert(rollup_rows(rollup, place) == groups[g].n_rows);
    for (int f = 0; f < spec.n_fields; f++) check_field(rollup, place, &groups[g], f);
    if (place == 0) continue;
    struct rollup_value before = rollup_bucket(rollup, place - 1);
    int order = compare(&before, &bucket);
    for (int k = 0; k < spec.n_keys && order == 0; k++) {
      struct rollup_value left = rollup_key(rollup, place - 1, k), right = rollup_key(rollup, place, k);
      order = compare(&left, &right);
    }
    assert(order < 0);
  }
}

/* ---- Batches ---- */

static union batch_value values[COLUMNS][BATCH_ROWS];
static uint32_t lengths[COLUMNS][BATCH_ROWS];
static uint8_t types[COLUMNS][BATCH_ROWS];

/* Rows from..to-1 as a batch whose bytes are gone when it returns. */
static enum rollup_status take(struct rollup *rollup, const int *which, int n) {
  struct batch_column columns[COLUMNS];
  static char room[1 << 17];
  size_t used = 0;
  for (int c = 0; c < COLUMNS; c++) {
    columns[c] = (struct batch_column){values[c], lengths[c], types[c], 0};
    for (int i = 0; i < n; i++) {
      const struct rollup_value *value = &rows[which[i]][c];
      columns[c].present |= 1u << value->type;
      types[c][i] = (uint8_t)value->type;
      lengths[c][i] = value->type == BATCH_TEXT || value->type == BATCH_BLOB ? value->length : 0xdeadbeef;
      values[c][i] = value->is;
      if (value->type != BATCH_TEXT && value->type != BATCH_BLOB) continue;
      if (used + value->length > sizeof room) abort();
      memcpy(room + used, value->is.bytes, value->length);
      values[c][i].bytes = (unsigned char *)room + used;
      used += value->length;
    }
    if ((columns[c].present & (columns[c].present - 1)) == 0) memset(types[c], 0xee, sizeof types[c]);
  }
  struct batch batch = {n, columns, 0};
  enum rollup_status status = rollup_take(rollup, &batch);
  memset(room, 0xee, used);
  return status;
}

/* Deals the rows to some rollups in batches, and merges all into the first. */
static enum rollup_status fill(struct rollup **rollups, int n_rollups) {
  int which[BATCH_ROWS];
  enum rollup_status status = ROLLUP_OK;
  for (int i = 0; i < n_rows && status == ROLLUP_OK;) {
    int n = 1 + upto(upto(2) ? 20 : 400);
    if (n > n_rows - i) n = n_rows - i;
    for (int j = 0; j < n; j++) which[j] = i++;
    status = take(rollups[upto(n_rollups)], which, n);
  }
  for (int r = 1; r < n_rollups && status == ROLLUP_OK; r++) status = rollup_merge(rollups[0], rollups[r]);
  return status;
}

static void test_worlds(int worlds) {
  for (int world = 0; world < worlds; world++) {
    struct rollup *rollups[4];
    int n = 1 + upto(4);
    make_world();
    brute_force();
    for (int r = 0; r < n; r++) assert((rollups[r] = rollup_open(&spec)));
    for (int again = 0; again < 2; again++) {
      assert(fill(rollups, n) == ROLLUP_OK);
      check(rollups[0]);
      for (int r = 0; r < n; r++) rollup_clear(rollups[r]);
      assert(rollup_groups(rollups[0]) == 0 && rollup_sort(rollups[0]) == ROLLUP_OK);
    }
    for (int r = 0; r < n; r++) rollup_close(rollups[r]);
    time_grain_free(&grain);
  }
}

/* Many buckets and keys, of which few pairs exist, then nearly all: both ways to find a group, and the change between. */
static void test_sparse_and_dense(void) {
  static int64_t expected[400][3000];
  struct time_width width = {.integer = 10};
  assert(time_grain_parse(&grain, width, NULL, 0, NULL));
  keys[0] = (struct rollup_key){.column = 1};
  fields[0] = (struct rollup_field){.column = 2, .wants = ROLLUP_SUM};
  spec = (struct rollup_spec){.grain = &grain, .n_keys = 1, .keys = keys, .n_fields = 1, .fields = fields};
  struct rollup *rollup = rollup_open(&spec);
  static union batch_value t[BATCH_ROWS], k[BATCH_ROWS], v[BATCH_ROWS];
  struct batch_column columns[] = {{t, NULL, NULL, 2}, {k, NULL, NULL, 2}, {v, NULL, NULL, 2}};
  for (int b = 0; b < 700; b++) {
    struct batch batch = {BATCH_ROWS, columns, 0};
    for (int i = 0; i < BATCH_ROWS; i++) {
      int bucket = b < 2 ? i % 400 : upto(400), key = b < 2 ? (b * BATCH_ROWS + i) % 3000 : upto(3000);
      t[i].integer = bucket * 10 + upto(10);
      k[i].integer = key * INT64_C(1000003);
      v[i].integer = 1;
      expected[bucket][key]++;
    }
    assert(rollup_take(rollup, &batch) == ROLLUP_OK);
  }
  assert(rollup_sort(rollup) == ROLLUP_OK);
  size_t place = 0;
  for (int bucket = 0; bucket < 400; bucket++)
    for (int key = 0; key < 3000; key++) {
      struct rollup_summary got;
      if (expected[bucket][key] == 0) continue;
      assert(rollup_bucket(rollup, place).is.integer == bucket * 10);
      assert(rollup_key(rollup, place, 0).is.integer == key * INT64_C(1000003));
      rollup_summarize(rollup, place++, 0, &got);
      assert(got.n == expected[bucket][key] && got.sum.is.integer == got.n);
    }
  assert(place == rollup_groups(rollup));
  assert(rollup_bytes(rollup) < place * 200);
  rollup_close(rollup);
}

static void test_bound(void) {
  make_world();
  spec = (struct rollup_spec){.grain = &grain, .n_keys = 1, .keys = keys, .bytes_max = 20000};
  int which[1];
  struct rollup *rollup = rollup_open(&spec);
  enum rollup_status status = ROLLUP_OK;
  for (int i = 0; i < 100000 && status == ROLLUP_OK; i++) {
    rows[0][0] = integer(i * INT64_C(10000000));
    rows[0][1] = integer(i);
    which[0] = 0;
    status = take(rollup, which, 1);
  }
  assert(status == ROLLUP_FULL);
  rollup_clear(rollup);
  rows[0][0] = integer(1);
  assert(take(rollup, which, 1) == ROLLUP_OK && rollup_groups(rollup) == 1);
  rollup_close(rollup);
  time_grain_free(&grain);
}

static void test_refused(void) {
  struct time_width width = {.integer = 10};
  int which[] = {0};
  make_world();
  time_grain_free(&grain);
  assert(time_grain_parse(&grain, width, NULL, 0, NULL));
  fields[0] = (struct rollup_field){.column = 4, .wants = ROLLUP_N};
  spec = (struct rollup_spec){.grain = &grain, .n_fields = 1, .fields = fields};
  struct rollup *rollup = rollup_open(&spec);
  rows[0][0] = integer(5);
  rows[0][4] = bytes(BATCH_TEXT, "one", 3);
  assert(take(rollup, which, 1) == ROLLUP_OK); /* counted, whatever it is */
  rollup_close(rollup);
  fields[0].wants = ROLLUP_MAX;
  rollup = rollup_open(&spec);
  assert(take(rollup, which, 1) == ROLLUP_BAD_VALUE);
  assert(rollup_bad_column(rollup) == 4 && strcmp(rollup_bad_value(rollup), "'one'") == 0);
  rollup_clear(rollup);
  rows[0][4] = bytes(BATCH_BLOB, "one", 3);
  assert(take(rollup, which, 1) == ROLLUP_BAD_VALUE &&
         strcmp(rollup_bad_value(rollup), "a blob of 3 bytes") == 0);
  rollup_clear(rollup);
  rows[0][0] = null();
  assert(take(rollup, which, 1) == ROLLUP_OK && rollup_groups(rollup) == 0); /* skipped, as WHERE would */
  rows[0][0] = bytes(BATCH_TEXT, "0123456789012345678901234567890123456789\xc3\xa4", 42);
  assert(take(rollup, which, 1) == ROLLUP_BAD_TIME && rollup_bad_column(rollup) == 0);
  assert(strcmp(rollup_bad_value(rollup), "'0123456789012345678901234567890123456789...'") == 0);
  rollup_close(rollup);
}

/* Each allocation fails once: an error, nothing lost, and after a clear all is right. */
static void test_no_memory(void) {
  make_world();
  brute_force();
  while (n_rows < 200 || n_rows > 299 || spec.n_fields < 2 || n_groups > 60) {
    time_grain_free(&grain);
    make_world();
    brute_force();
  }
  uint64_t start = seed;
  int before = live;
  for (long fail = 0;; fail++) {
    struct rollup *rollups[2];
    seed = start;
    allocations_left = fail;
    rollups[0] = rollup_open(&spec);
    rollups[1] = rollup_open(&spec);
    enum rollup_status status = rollups[0] && rollups[1] ? fill(rollups, 2) : ROLLUP_NO_MEMORY;
    if (status == ROLLUP_OK) status = rollup_sort(rollups[0]);
    bool failed = allocations_left < 0;
    allocations_left = -1;
    assert(status == (failed ? ROLLUP_NO_MEMORY : ROLLUP_OK));
    if (failed && rollups[0] && rollups[1]) {
      rollup_clear(rollups[0]);
      rollup_clear(rollups[1]);
      seed = start;
      assert(fill(rollups, 2) == ROLLUP_OK);
    }
    if (rollups[0] && rollups[1]) check(rollups[0]);
    rollup_close(rollups[0]);
    rollup_close(rollups[1]);
    assert(live == before);
    if (!failed) break;
  }
  time_grain_free(&grain);
}

int main(int argc, char **argv) {
  seed = strtoull(argv[1], NULL, 10);
  groups = malloc(sizeof *groups * ROWS_MAX);
  assert(argc == 3 && groups);
  test_worlds(atoi(argv[2]));
  test_sparse_and_dense();
  test_bound();
  test_refused();
  for (int i = 0; i < 3; i++) test_no_memory();
  free(groups);
  return 0;
}
