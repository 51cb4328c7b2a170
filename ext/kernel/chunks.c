/*
** Chunks of words: 1 KiB first, so that a hundred thousand small groups stay small, then twice as much each
** time.
**
** Plain malloc, and no huge pages: they would halve the page faults' cost where memory is warm, but in a
** virtual machine whose host has yet to back its memory the first touch of each costs more than all of them
** together.
*/
#include "ext/kernel/chunks.h"
#include <stdlib.h>

#define BYTES_FIRST 1024
#define BYTES_MOST  (4u << 20)

struct chunk *chunk_after(struct chunk *previous, size_t words_min) {
  const size_t header = sizeof(struct chunk);
  size_t bytes = BYTES_FIRST;
  if (previous) bytes = (header + previous->capacity * sizeof(uint64_t)) * 2;
  if (bytes > BYTES_MOST) bytes = BYTES_MOST;
  if (words_min > (SIZE_MAX - header) / sizeof(uint64_t)) return NULL;
  if (bytes < header + words_min * sizeof(uint64_t)) bytes = header + words_min * sizeof(uint64_t);
  struct chunk *chunk = malloc(bytes);
  if (!chunk) return NULL;
  *chunk = (struct chunk){.capacity = (bytes - header) / sizeof(uint64_t)};
  if (previous) previous->next = chunk;
  return chunk;
}

void chunks_free(struct chunk *first) {
  while (first) {
    struct chunk *next = first->next;
    free(first);
    first = next;
  }
}
