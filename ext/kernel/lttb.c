/*
** Largest Triangle Three Buckets.
**
** Source: Sveinn Steinarsson, "Downsampling Time Series for Visual Representation", MSc thesis, University
** of Iceland, 2013, with the arithmetic of its reference implementation, so that the same points are
** picked, to the bit: every = (N - 2) / (n - 2) as a double; bucket i holds [floor(i*every)+1,
** floor((i+1)*every)+1); the third corner of the triangle is the mean of the next bucket, cut off at N, its
** coordinates summed in sequence; the first largest area wins. Coordinates are doubles in all of it
** (integers beyond 2^53 are rounded here, and come out as they went in).
**
** Points lie in chunks, 16 bytes each: the bits of x and y, and the chunk knows their types. Where types vary
** (NUMERIC columns hold 5 and 5.5 as different types) or x is text, points have a third word, the tag: the
** LTTB_X_REAL and LTTB_Y_REAL bits, and the address of the text.
*/
#include "ext/kernel/lttb.h"
#include <math.h>
#include <stdlib.h>

#define TAG_BITS   ((uint64_t)7) /* texts are aligned to words, so their addresses end in three zeros */
#define WORDS_MOST 3             /* a point's words, with its tag */

void lttb_init(struct lttb *line) {
  *line = (struct lttb){.kind = LTTB_NO_CHUNK};
}

void lttb_free(struct lttb *line) {
  chunks_free(line->first);
  chunks_free(line->texts_first);
  lttb_init(line);
}

static size_t words_per_point(uint32_t kind) {
  return kind & LTTB_TAGGED ? 3 : 2;
}

/* `at` runs ahead of the newest chunk's `used`, to keep lttb_add_alike short: this catches up. */
static void note_used(const struct lttb *line) {
  if (line->last) line->last->used = (size_t)(line->at - line->last->words);
}

int64_t lttb_count(const struct lttb *line) {
  int64_t count = 0;
  note_used(line);
  for (const struct chunk *c = line->first; c; c = c->next)
    count += (int64_t)(c->used / words_per_point(c->kind));
  return count;
}

static bool open_chunk(struct lttb *line, uint32_t kind) {
  note_used(line);
  struct chunk *chunk = chunk_after(line->last, 0);
  if (!chunk) return false;
  size_t width = words_per_point(kind);
  chunk->kind = kind;
  if (!line->first) line->first = chunk;
  line->last = chunk;
  line->kind = kind;
  line->at = chunk->words;
  line->end = chunk->words + chunk->capacity / width * width;
  return true;
}

/* Keeps a copy of the text; NULL when out of memory. */
static const uint64_t *keep_text(struct lttb *line, const char *text) {
  size_t length = strlen(text) + 1;
  size_t words = (length + sizeof(uint64_t) - 1) / sizeof(uint64_t);
  if (!line->texts_last || line->texts_last->capacity - line->texts_last->used < words) {
    struct chunk *chunk = chunk_after(line->texts_last, words);
    if (!chunk) return NULL;
    if (!line->texts_first) line->texts_first = chunk;
    line->texts_last = chunk;
  }
  uint64_t *kept = line->texts_last->words + line->texts_last->used;
  memcpy(kept, text, length);
  line->texts_last->used += words;
  return kept;
}

static uint64_t bits_of(const struct lttb_value *value) {
  return value->type == LTTB_INTEGER ? (uint64_t)value->integer : lttb_bits(value->real);
}

static double as_real(uint64_t bits, bool real) {
  return real ? lttb_real(bits) : (double)(int64_t)bits;
}

static bool is_below(uint64_t a, bool a_real, uint64_t b, bool b_real) {
  if (!a_real && !b_real) return (int64_t)a < (int64_t)b;
  return as_real(a, a_real) < as_real(b, b_real);
}

bool lttb_add(struct lttb *line, const struct lttb_value *x, const struct lttb_value *y) {
  bool x_real = x->type != LTTB_INTEGER;
  uint32_t types = (x_real ? LTTB_X_REAL : 0) | (y->type != LTTB_INTEGER ? LTTB_Y_REAL : 0);
  bool differs = x->type == LTTB_TEXT || (line->kind != LTTB_NO_CHUNK && types != line->kind);
  uint32_t kind = line->tagged || differs ? LTTB_TAGGED : types;
  if ((kind != line->kind || line->at == line->end) && !open_chunk(line, kind)) return false;
  uint64_t tag = types;
  if (x->type == LTTB_TEXT) {
    const uint64_t *text = keep_text(line, x->text);
    if (!text) return false;
    tag |= (uint64_t)(uintptr_t)text | LTTB_X_TEXT;
  }
  uint64_t x_bits = bits_of(x);
  bool first = line->last == line->first && line->at == line->last->words;
  if (!first && is_below(x_bits, x_real, line->newest_x, line->newest_x_real)) line->unsorted = true;
  line->newest_x = x_bits;
  line->newest_x_real = x_real;
  line->x_real |= x_real;
  line->tagged |= kind == LTTB_TAGGED;
  line->at[0] = x_bits;
  line->at[1] = bits_of(y);
  if (kind == LTTB_TAGGED) line->at[2] = tag;
  line->at += words_per_point(kind);
  return true;
}

/* The types of the point at `words` in a chunk of this kind. */
static uint32_t types_of(uint32_t kind, const uint64_t *words) {
  return kind & LTTB_TAGGED ? (uint32_t)(words[2] & TAG_BITS) : kind;
}

/* ---- Sorting: each chunk by radix, then neighbours are merged, so memory grows by a few chunks only ---- */

#define DIGITS 8 /* of a key, 8 bits each */

/* An unsigned key in the order of x; all keys of a line are made in the same way. -0.0 equals 0.0. */
static uint64_t key_of(bool by_real, uint32_t kind, const uint64_t *words) {
  const uint64_t sign = (uint64_t)1 << 63;
  if (!by_real) return words[0] ^ sign;
  uint64_t bits = lttb_bits(as_real(words[0], types_of(kind, words) & LTTB_X_REAL) + 0.0);
  return bits & sign ? ~bits : bits | sign;
}

/* Counts the values of every digit of the chunk's keys; true if the chunk is in order already. */
static bool count_digits(bool by_real, const struct chunk *chunk, uint32_t counts[DIGITS][256]) {
  size_t width = words_per_point(chunk->kind);
  uint64_t newest = 0;
  bool sorted = true;
  memset(counts, 0, sizeof(uint32_t[DIGITS][256]));
  for (const uint64_t *p = chunk->words; p < chunk->words + chunk->used; p += width) {
    uint64_t key = key_of(by_real, chunk->kind, p);
    sorted &= key >= newest;
    newest = key;
    for (int digit = 0; digit < DIGITS; digit++) counts[digit][key >> (8 * digit) & 255]++;
  }
  return sorted;
}

/* Deals the points out from `from` to `to`, stably, by one digit of their keys. */
static void deal(bool by_real, int digit, const uint32_t counts[256], const struct chunk *from,
                 struct chunk *to) {
  size_t width = words_per_point(from->kind), next[256], sum = 0;
  for (int value = 0; value < 256; value++) {
    next[value] = sum * width;
    sum += counts[value];
  }
  for (const uint64_t *p = from->words; p < from->words + from->used; p += width) {
    size_t *slot = &next[key_of(by_real, from->kind, p) >> (8 * digit) & 255];
    memcpy(to->words + *slot, p, width * sizeof *p);
    *slot += width;
  }
  to->used = from->used;
  to->kind = from->kind;
}

/* Sorts one chunk, with room of at least its size to deal to. */
static void sort_chunk(bool by_real, struct chunk *chunk, struct chunk *room) {
  uint32_t counts[DIGITS][256];
  struct chunk *from = chunk, *to = room;
  if (count_digits(by_real, chunk, counts)) return;
  size_t points = chunk->used / words_per_point(chunk->kind);
  uint64_t some_key = key_of(by_real, chunk->kind, chunk->words);
  for (int digit = 0; digit < DIGITS; digit++) {
    if (counts[digit][some_key >> (8 * digit) & 255] == points) continue; /* all alike here */
    deal(by_real, digit, counts[digit], from, to);
    struct chunk *swap = from;
    from = to;
    to = swap;
  }
  if (from != chunk) memcpy(chunk->words, from->words, from->used * sizeof(uint64_t));
}

static struct chunk *last_of(struct chunk *list) {
  while (list->next) list = list->next;
  return list;
}

/* A merge in progress: two inputs, an output, and emptied chunks that become output again. */
struct merge {
  bool by_real, tagged;
  struct chunk *input[2];
  size_t position[2]; /* word within the input */
  struct chunk *output_first, *output_last;
  struct chunk *empty;
};

/* Appends an empty chunk to the output; false when out of memory. */
static bool extend_output(struct merge *m) {
  struct chunk *chunk = m->empty;
  if (chunk) {
    m->empty = chunk->next;
  } else {
    size_t most = 0; /* as large as the inputs: a small one would soon ask again */
    for (int i = 0; i < 2; i++)
      if (m->input[i] && m->input[i]->capacity > most) most = m->input[i]->capacity;
    chunk = chunk_after(NULL, most);
    if (!chunk) return false;
  }
  chunk->next = NULL;
  chunk->used = 0;
  chunk->kind = m->tagged ? LTTB_TAGGED : m->input[0] ? m->input[0]->kind : m->input[1]->kind;
  if (m->output_last) m->output_last->next = chunk;
  if (!m->output_first) m->output_first = chunk;
  m->output_last = chunk;
  return true;
}

/* Moves on in input i; an emptied chunk joins the empty ones. */
static void advance(struct merge *m, int i) {
  struct chunk *chunk = m->input[i];
  m->position[i] += words_per_point(chunk->kind);
  if (m->position[i] < chunk->used) return;
  m->input[i] = chunk->next;
  m->position[i] = 0;
  chunk->next = m->empty;
  m->empty = chunk;
}

/* Moves the next point of input i to the output; false when out of memory. */
static bool move_point(struct merge *m, int i) {
  size_t width = m->tagged ? 3 : 2;
  if (!m->output_last || m->output_last->capacity - m->output_last->used < width) {
    if (!extend_output(m)) return false;
  }
  const uint64_t *point = m->input[i]->words + m->position[i];
  uint64_t *out = m->output_last->words + m->output_last->used;
  uint32_t kind = m->input[i]->kind;
  out[0] = point[0];
  out[1] = point[1];
  if (m->tagged) out[2] = kind & LTTB_TAGGED ? point[2] : kind;
  m->output_last->used += width;
  advance(m, i);
  return true;
}

static uint64_t next_key(const struct merge *m, int i) {
  return key_of(m->by_real, m->input[i]->kind, m->input[i]->words + m->position[i]);
}

/*
** Moves points until one of the inputs is empty and the other one is at the start of a chunk, so that no
** chunk stays behind with a few points in it; false when out of memory.
*/
static bool merge_points(struct merge *m) {
  while (m->input[0] && m->input[1])
    if (!move_point(m, next_key(m, 1) < next_key(m, 0))) return false;
  int rest = m->input[0] ? 0 : 1;
  while (m->input[rest] && m->position[rest] > 0)
    if (!move_point(m, rest)) return false;
  return true;
}

/* Appends what is left in one input; only after a failure can its first chunk have been begun. */
static void append_rest(struct merge *m, int i) {
  struct chunk *rest = m->input[i];
  if (!rest) return;
  rest->used -= m->position[i];
  memmove(rest->words, rest->words + m->position[i], rest->used * sizeof(uint64_t));
  if (m->output_last) m->output_last->next = rest;
  if (!m->output_first) m->output_first = rest;
  m->output_last = last_of(rest);
  m->input[i] = NULL;
}

/* Merges two sorted lists, the first of which goes first where keys are equal. */
static bool merge_lists(const struct lttb *line, struct chunk **into, struct chunk *other,
                        struct chunk **empty) {
  struct chunk *end = last_of(*into);
  const uint64_t *newest = end->words + end->used - words_per_point(end->kind);
  if (key_of(line->x_real, end->kind, newest) <= key_of(line->x_real, other->kind, other->words)) {
    end->next = other;
    return true;
  }
  struct merge m = {
      .by_real = line->x_real, .tagged = line->tagged, .input = {*into, other}, .empty = *empty};
  bool done = merge_points(&m);
  append_rest(&m, 0);
  append_rest(&m, 1); /* both only when out of memory: then the list is whole, though not sorted */
  *into = m.output_first;
  *empty = m.empty;
  return done;
}

/*
** Merges neighbouring lists until one is left, the line. When out of memory all points are still in it,
** though not sorted.
*/
static bool merge_all(struct lttb *line, struct chunk **lists, size_t count) {
  struct chunk *empty = NULL;
  bool done = true;
  while (count > 1) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i += 2) {
      struct chunk *list = lists[i];
      if (i + 1 < count && done)
        done = merge_lists(line, &list, lists[i + 1], &empty);
      else if (i + 1 < count)
        last_of(list)->next = lists[i + 1];
      lists[kept++] = list;
    }
    count = kept;
  }
  chunks_free(empty);
  line->first = lists[0];
  line->last = last_of(line->first);
  return done;
}

bool lttb_sort(struct lttb *line) {
  if (!line->unsorted) return true;
  note_used(line);
  size_t count = 0, most = 0;
  for (const struct chunk *c = line->first; c; c = c->next) {
    count++;
    if (c->used > most) most = c->used;
  }
  struct chunk **lists = malloc(count * sizeof *lists), *room = chunk_after(NULL, most);
  bool done = lists && room;
  if (done) {
    struct chunk *next = line->first;
    for (size_t i = 0; i < count; i++) {
      lists[i] = next;
      next = next->next;
      lists[i]->next = NULL;
      sort_chunk(line->x_real, lists[i], room);
    }
    done = merge_all(line, lists, count);
    line->at = line->last->words + line->last->used;
    line->end = line->at;
    line->kind = line->last->kind;
    line->unsorted = !done;
  }
  free(lists);
  free(room);
  return done;
}

/* ---- Picking ---- */

/* A place in the line. */
struct cursor {
  const struct chunk *chunk;
  size_t position; /* word within the chunk */
};

/* The point at the cursor, as doubles. */
struct corner {
  double x, y;
};

static struct corner corner_at(const struct chunk *chunk, size_t position) {
  const uint64_t *words = chunk->words + position;
  uint32_t types = types_of(chunk->kind, words);
  return (struct corner){as_real(words[0], types & LTTB_X_REAL), as_real(words[1], types & LTTB_Y_REAL)};
}

/* The end of the next `count` points within the cursor's chunk, as a position; takes them off `count`. */
static size_t span_end(struct cursor *cursor, int64_t *count) {
  if (cursor->position == cursor->chunk->used) *cursor = (struct cursor){cursor->chunk->next, 0};
  size_t width = words_per_point(cursor->chunk->kind);
  int64_t here = (int64_t)((cursor->chunk->used - cursor->position) / width);
  if (here > *count) here = *count;
  *count -= here;
  return cursor->position + (size_t)here * width;
}

/* The mean of the next `count` >= 1 points, summed in sequence. */
static struct corner take_mean(struct cursor *cursor, int64_t count) {
  struct corner sum = {0, 0};
  double divisor = (double)count;
  while (count > 0) {
    size_t end = span_end(cursor, &count), width = words_per_point(cursor->chunk->kind);
    for (size_t p = cursor->position; p < end; p += width) {
      struct corner point = corner_at(cursor->chunk, p);
      sum.x += point.x;
      sum.y += point.y;
    }
    cursor->position = end;
  }
  return (struct corner){sum.x / divisor, sum.y / divisor};
}

/*
** The first of the next `count` >= 1 points whose triangle with a and c is the largest. Areas that are no
** number (coordinates near the largest doubles) never win, and if all are so, the first point does.
*/
static struct cursor take_largest(struct cursor *cursor, int64_t count, struct corner a, struct corner c) {
  struct cursor best = {NULL, 0};
  double best_area = -1;
  while (count > 0) {
    size_t end = span_end(cursor, &count), width = words_per_point(cursor->chunk->kind);
    if (!best.chunk) best = *cursor;
    for (size_t p = cursor->position; p < end; p += width) {
      struct corner b = corner_at(cursor->chunk, p);
      double area = fabs((a.x - c.x) * (b.y - a.y) - (a.x - b.x) * (c.y - a.y)) * 0.5;
      if (area > best_area) {
        best_area = area;
        best = (struct cursor){cursor->chunk, p};
      }
    }
    cursor->position = end;
  }
  return best;
}

static struct lttb_value value_of(uint64_t bits, bool real) {
  struct lttb_value value = {.type = real ? LTTB_REAL : LTTB_INTEGER};
  if (real)
    value.real = lttb_real(bits);
  else
    value.integer = (int64_t)bits;
  return value;
}

static void emit_at(const struct chunk *chunk, size_t position, lttb_emit emit, void *to) {
  const uint64_t *words = chunk->words + position;
  uint32_t types = types_of(chunk->kind, words);
  struct lttb_value x = value_of(words[0], types & LTTB_X_REAL), y = value_of(words[1], types & LTTB_Y_REAL);
  if (types & LTTB_X_TEXT) {
    x.type = LTTB_TEXT;
    x.text = (const char *)(uintptr_t)(words[2] & ~TAG_BITS);
  }
  emit(to, &x, &y);
}

static void emit_all(const struct lttb *line, lttb_emit emit, void *to) {
  for (const struct chunk *c = line->first; c; c = c->next)
    for (size_t p = 0; p < c->used; p += words_per_point(c->kind)) emit_at(c, p, emit, to);
}

void lttb_pick(const struct lttb *line, int64_t n, lttb_emit emit, void *to) {
  int64_t count = lttb_count(line);
  if (n >= count) {
    emit_all(line, emit, to);
    return;
  }
  if (n == 0) return;
  emit_at(line->first, 0, emit, to);
  if (n == 1) return;
  struct cursor own = {line->first, words_per_point(line->first->kind)};
  struct cursor next = own;
  struct corner a = corner_at(line->first, 0);
  double every = n > 2 ? (double)(count - 2) / (double)(n - 2) : 0;
  if (n > 2) take_mean(&next, (int64_t)floor(every)); /* only to pass the first bucket by */
  for (int64_t i = 0; i < n - 2; i++) {
    int64_t from = (int64_t)floor((double)i * every) + 1;
    int64_t to_own = (int64_t)floor((double)(i + 1) * every) + 1;
    int64_t to_next = (int64_t)floor((double)(i + 2) * every) + 1;
    if (to_next > count) to_next = count;
    struct corner c = take_mean(&next, to_next - to_own);
    struct cursor best = take_largest(&own, to_own - from, a, c);
    a = corner_at(best.chunk, best.position);
    emit_at(best.chunk, best.position, emit, to);
  }
  emit_at(line->last, line->last->used - words_per_point(line->last->kind), emit, to);
}
