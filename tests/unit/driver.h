/* What the C test drivers share: numbers from a seed, and all of standard input. */
#ifndef TESTS_UNIT_DRIVER_H
#define TESTS_UNIT_DRIVER_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t seed;

static inline uint64_t next(void) { /* splitmix64 */
  uint64_t z = seed += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Terminated, so that it may be read as text; NULL when out of memory. */
static inline char *read_input(size_t *n) {
  size_t capacity = 1 << 20;
  char *text = malloc(capacity + 1);
  *n = 0;
  while (text) {
    *n += fread(text + *n, 1, capacity - *n, stdin);
    if (*n < capacity) break;
    capacity *= 2;
    text = realloc(text, capacity + 1);
  }
  if (text) text[*n] = 0;
  return text;
}

#endif
