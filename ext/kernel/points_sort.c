/*
** Sorting points by x, stably: each chunk by radix, then neighbours are merged, so memory grows by a few chunks
** only. The longest steps between two questions whether to go on are a few milliseconds.
*/
#include "ext/kernel/points.h"
#include <stdlib.h>

#define DIGITS 8 /* of a key, 8 bits each */

/* An unsigned key in the order of x; all keys of a line are made in the same way. -0.0 equals 0.0. */
static uint64_t key_of(bool by_real, uint32_t kind, const uint64_t *words) {
  const uint64_t sign = (uint64_t)1 << 63;
  if (!by_real) return words[0] ^ sign;
  uint64_t bits = points_bits(points_as_real(words[0], points_types(kind, words) & POINTS_X_REAL) + 0.0);
  return bits & sign ? ~bits : bits | sign;
}

/* Counts the values of every digit of the chunk's keys; true if the chunk is in order already. */
static bool count_digits(bool by_real, const struct chunk *chunk, uint32_t counts[DIGITS][256]) {
  size_t width = points_width(chunk->kind);
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
  size_t width = points_width(from->kind), next[256], sum = 0;
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
  size_t points = chunk->used / points_width(chunk->kind);
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
  const struct go_on *go_on;
  struct chunk *input[2];
  size_t position[2]; /* word within the input */
  struct chunk *output_first, *output_last;
  struct chunk *empty;
};

/* Appends an empty chunk to the output; false when out of memory or told to stop. */
static bool extend_output(struct merge *m) {
  if (!go_on_asked(m->go_on)) return false;
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
  chunk->kind = m->tagged ? POINTS_TAGGED : m->input[0] ? m->input[0]->kind : m->input[1]->kind;
  if (m->output_last) m->output_last->next = chunk;
  if (!m->output_first) m->output_first = chunk;
  m->output_last = chunk;
  return true;
}

/* Moves on in input i; an emptied chunk joins the empty ones. */
static void advance(struct merge *m, int i) {
  struct chunk *chunk = m->input[i];
  m->position[i] += points_width(chunk->kind);
  if (m->position[i] < chunk->used) return;
  m->input[i] = chunk->next;
  m->position[i] = 0;
  chunk->next = m->empty;
  m->empty = chunk;
}

/* Moves the next point of input i to the output; false as extend_output. */
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
  if (m->tagged) out[2] = kind & POINTS_TAGGED ? point[2] : kind;
  m->output_last->used += width;
  advance(m, i);
  return true;
}

static uint64_t next_key(const struct merge *m, int i) {
  return key_of(m->by_real, m->input[i]->kind, m->input[i]->words + m->position[i]);
}

/*
** Moves points until one of the inputs is empty and the other one is at the start of a chunk, so that no
** chunk stays behind with a few points in it; false as extend_output.
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
static bool merge_lists(const struct points *line, const struct go_on *go_on, struct chunk **into,
                        struct chunk *other, struct chunk **empty) {
  struct chunk *end = last_of(*into);
  const uint64_t *newest = end->words + end->used - points_width(end->kind);
  if (key_of(line->x_real, end->kind, newest) <= key_of(line->x_real, other->kind, other->words)) {
    end->next = other;
    return true;
  }
  struct merge m = {.by_real = line->x_real,
                    .tagged = line->tagged,
                    .go_on = go_on,
                    .input = {*into, other},
                    .empty = *empty};
  bool done = merge_points(&m);
  append_rest(&m, 0);
  append_rest(&m, 1); /* both only after a failure: then the list is whole, though not sorted */
  *into = m.output_first;
  *empty = m.empty;
  return done;
}

/*
** Merges neighbouring lists until one is left, the line. After a failure all points are still in it, though not
** sorted: so also where the lists are not `sorted`.
*/
static bool merge_all(struct points *line, const struct go_on *go_on, struct chunk **lists, size_t count,
                      bool sorted) {
  struct chunk *empty = NULL;
  bool done = sorted;
  while (count > 1) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i += 2) {
      struct chunk *list = lists[i];
      if (i + 1 < count && done)
        done = merge_lists(line, go_on, &list, lists[i + 1], &empty);
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

/* Sorts each chunk and makes it a list of its own; false when told to stop, and then some are not sorted. */
static bool sort_chunks(struct points *line, const struct go_on *go_on, struct chunk **lists,
                        struct chunk *room) {
  bool done = true;
  struct chunk *next = line->first;
  for (size_t i = 0; next; i++) {
    lists[i] = next;
    next = next->next;
    lists[i]->next = NULL;
    done = done && go_on_asked(go_on);
    if (done) sort_chunk(line->x_real, lists[i], room);
  }
  return done;
}

bool points_sort(struct points *line, const struct go_on *go_on) {
  if (!line->unsorted || !line->first) return true;
  points_note_used(line);
  size_t count = 0, most = 0;
  for (const struct chunk *c = line->first; c; c = c->next) {
    count++;
    if (c->used > most) most = c->used;
  }
  struct chunk **lists = malloc(count * sizeof *lists), *room = chunk_after(NULL, most);
  bool done = lists && room;
  if (done) {
    done = sort_chunks(line, go_on, lists, room);
    done = merge_all(line, go_on, lists, count, done);
    line->at = line->last->words + line->last->used;
    line->end = line->at;
    line->kind = line->last->kind;
    line->unsorted = !done;
  }
  free(lists);
  free(room);
  return done;
}
