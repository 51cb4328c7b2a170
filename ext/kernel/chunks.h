/*
** Growable storage that never moves what it holds: a list of chunks of 64-bit words, each larger than the one
** before, up to 4 MiB. Growing copies nothing, and 10M records cost what they hold.
*/
#ifndef ALMANAC_CHUNKS_H
#define ALMANAC_CHUNKS_H
#include <stddef.h>
#include <stdint.h>

struct chunk {
  struct chunk *next;
  uint32_t kind;   /* the owner's: how to read the words */
  size_t used;     /* words in use */
  size_t capacity; /* words */
  uint64_t words[];
};

/*
** A new chunk to follow `previous` (NULL: the first); room for at least `words_min` words. It is appended
** to the list if `previous` is the list's end. NULL when out of memory.
*/
struct chunk *chunk_after(struct chunk *previous, size_t words_min);

/* Frees the chunk and all that follow it. */
void chunks_free(struct chunk *first);

#endif
