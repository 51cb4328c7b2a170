/*
** Preloaded into the tool by test_full.py: from write number FULL_FROM on, the disk is full, for the database, its
** journal and temporary files.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>

static ssize_t write_unless_full(const char *name, int file, const void *from, size_t n, off_t at) {
  static long count;
  const char *first = getenv("FULL_FROM");
  if (first && ++count >= atol(first)) {
    errno = ENOSPC;
    return -1;
  }
  ssize_t (*real)(int, const void *, size_t, off_t) =
      (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, name);
  return real(file, from, n, at);
}

ssize_t pwrite(int file, const void *from, size_t n, off_t at) {
  return write_unless_full("pwrite", file, from, n, at);
}

ssize_t pwrite64(int file, const void *from, size_t n, off_t at) {
  return write_unless_full("pwrite64", file, from, n, at);
}
