/* Keeping points: see points.h for how they lie in memory, points_sort.c and points_batch.c for the rest. */
#include "ext/kernel/points.h"
#include "ext/kernel/time_text.h"

void points_init(struct points *points) {
  *points = (struct points){.kind = POINTS_NO_CHUNK};
}

void points_free(struct points *points) {
  chunks_free(points->first);
  chunks_free(points->texts_first);
  chunks_free(points->empty);
  points_init(points);
}

void points_clear(struct points *points) {
  chunks_free(points->texts_first);
  points->texts_first = points->texts_last = NULL;
  if (!points->first) return;
  points->last->next = points->empty;
  points->empty = points->first;
  points->first = points->last = NULL;
  points->at = points->end = NULL;
  points->kind = POINTS_NO_CHUNK;
  points->tagged = false;
}

void points_follow(struct points *points, const struct points *others) {
  points->any = others->any;
  points->newest_x = others->newest_x;
  points->newest_x_real = others->newest_x_real;
  points->unsorted = others->unsorted;
  points->x_real = others->x_real;
  points->x_text = others->x_text;
}

int64_t points_count(const struct points *points) {
  int64_t count = 0;
  points_note_used(points);
  for (const struct chunk *c = points->first; c; c = c->next)
    count += (int64_t)(c->used / points_width(c->kind));
  return count;
}

/* `at` runs ahead of the newest chunk's `used`, to keep points_add_alike short: it catches up here. */
static bool open_chunk(struct points *points, uint32_t kind) {
  points_note_used(points);
  struct chunk *chunk = points->empty;
  if (!chunk) {
    chunk = chunk_after(points->last, 0);
    if (!chunk) return false;
  } else {
    points->empty = chunk->next;
    chunk->next = NULL;
    chunk->used = 0;
    if (points->last) points->last->next = chunk;
  }
  chunk->kind = kind;
  if (!points->first) points->first = chunk;
  points->last = chunk;
  points->kind = kind;
  points->at = chunk->words;
  points->end = chunk->words + chunk->capacity / points_width(kind) * points_width(kind);
  return true;
}

/* Keeps a copy of the text; NULL when out of memory. */
static const uint64_t *keep_text(struct points *points, const char *text, size_t length) {
  size_t words = length / sizeof(uint64_t) + 1; /* with a NUL at the end */
  if (!points->texts_last || points->texts_last->capacity - points->texts_last->used < words) {
    struct chunk *chunk = chunk_after(points->texts_last, words);
    if (!chunk) return NULL;
    if (!points->texts_first) points->texts_first = chunk;
    points->texts_last = chunk;
  }
  uint64_t *kept = points->texts_last->words + points->texts_last->used;
  memcpy(kept, text, length);
  ((char *)kept)[length] = '\0';
  points->texts_last->used += words;
  return kept;
}

static uint64_t bits_of(const struct point_value *value) {
  return value->type == POINT_INTEGER ? (uint64_t)value->integer : points_bits(value->real);
}

static bool is_below(uint64_t a, bool a_real, uint64_t b, bool b_real) {
  if (!a_real && !b_real) return (int64_t)a < (int64_t)b;
  return points_as_real(a, a_real) < points_as_real(b, b_real);
}

bool points_add(struct points *points, const struct point_value *x, const struct point_value *y) {
  bool x_real = x->type != POINT_INTEGER;
  uint32_t types = (x_real ? POINTS_X_REAL : 0) | (y->type != POINT_INTEGER ? POINTS_Y_REAL : 0);
  bool differs = x->type == POINT_TEXT || (points->kind != POINTS_NO_CHUNK && types != points->kind);
  uint32_t kind = points->tagged || differs ? POINTS_TAGGED : types;
  if ((kind != points->kind || points->at == points->end) && !open_chunk(points, kind)) return false;
  uint64_t tag = types;
  if (x->type == POINT_TEXT) {
    const uint64_t *text = keep_text(points, x->text, x->length);
    if (!text) return false;
    tag |= (uint64_t)(uintptr_t)text | POINTS_X_TEXT;
  }
  uint64_t x_bits = bits_of(x);
  if (points->any && is_below(x_bits, x_real, points->newest_x, points->newest_x_real))
    points->unsorted = true;
  points->any = true;
  points->newest_x = x_bits;
  points->newest_x_real = x_real;
  points->x_real |= x_real;
  points->x_text |= x->type == POINT_TEXT;
  points->tagged |= kind == POINTS_TAGGED;
  points->at[0] = x_bits;
  points->at[1] = bits_of(y);
  if (kind == POINTS_TAGGED) points->at[2] = tag;
  points->at += points_width(kind);
  return true;
}

bool point_time(const char *text, size_t length, struct point_value *x) {
  struct time_text time;
  if (memchr(text, '\0', length) || !time_text_read(text, length, &time)) return false;
  *x = (struct point_value){.type = POINT_TEXT,
                            .real = (double)time.unix_s + (double)time.nanosecond / 1e9,
                            .text = text,
                            .length = length};
  return true;
}

static struct point_value value_of(uint64_t bits, bool real) {
  struct point_value value = {.type = real ? POINT_REAL : POINT_INTEGER};
  if (real)
    value.real = points_real(bits);
  else
    value.integer = (int64_t)bits;
  return value;
}

void points_at(struct points_place place, struct point_value *x, struct point_value *y) {
  const uint64_t *words = place.chunk->words + place.position;
  uint32_t types = points_types(place.chunk->kind, words);
  *x = value_of(words[0], types & POINTS_X_REAL);
  *y = value_of(words[1], types & POINTS_Y_REAL);
  if (!(types & POINTS_X_TEXT)) return;
  x->type = POINT_TEXT;
  x->text = (const char *)(uintptr_t)(words[2] & ~POINTS_TAG_BITS);
  x->length = strlen(x->text);
}

bool points_next(struct points_place *place, struct point_value *x, struct point_value *y) {
  if (!place->chunk) return false;
  points_at(*place, x, y);
  place->position += points_width(place->chunk->kind);
  if (place->position >= place->chunk->used) *place = (struct points_place){place->chunk->next, 0};
  return true;
}
