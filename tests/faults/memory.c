/*
** Preloaded into the tool by test_memory.py: fails the allocations number FAIL_FIRST to FAIL_LAST, and says on
** descriptor FAIL_COUNT how many there were. glibc only, whose own names reach past these.
*/
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_calloc(size_t n, size_t size);

static long count, first, last;

static long setting(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : 0;
}

__attribute__((constructor)) static void begin(void) {
  first = setting("FAIL_FIRST");
  last = setting("FAIL_LAST");
  count = 0;
}

__attribute__((destructor)) static void end(void) {
  if (setting("FAIL_COUNT")) dprintf((int)setting("FAIL_COUNT"), "%ld\n", count);
}

static int fails(void) {
  count++;
  if (first == 0 || count < first || count > last) return 0;
  errno = ENOMEM;
  return 1;
}

void *malloc(size_t size) {
  return fails() ? 0 : __libc_malloc(size);
}

void *realloc(void *old, size_t size) {
  return fails() ? 0 : __libc_realloc(old, size);
}

void *calloc(size_t n, size_t size) {
  return fails() ? 0 : __libc_calloc(n, size);
}
