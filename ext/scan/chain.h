/*
** Payloads that are too large for their pages: the rest is in a chain of overflow pages (the file format, section 1.6).
** Of a row that needs it only the wanted fields are collected, so that a large blob before them costs no memory. Pages
** are read on the thread that owns the connection; other threads ask it for all chains of a batch at once (crew.h).
*/
#ifndef ALMANAC_SCAN_CHAIN_H
#define ALMANAC_SCAN_CHAIN_H
#include "ext/scan/pace.h"
#include "ext/scan/page_file.h"
#include "ext/scan/shape.h"

/* What is to be collected of one row's payload: the bytes of fields[i * stride] go to where the packed one is in `into`. */
struct chain {
  const unsigned char *local; /* the payload's beginning, and behind it the first overflow page's number */
  uint32_t n_local;           /* bytes */
  uint32_t before;            /* bytes, from where the fields' offsets count */
  const struct shape_field *fields, *packed; /* n_fields, each `stride` behind the one before */
  size_t n_fields, stride;
  unsigned char *into;
};

struct chain_reader {
  int (*read)(void *state, const struct chain *chains, size_t n, const char **why);
  void *state;
};

/* The reader of the thread that owns the connection. */
struct chain_file {
  const struct page_file *file;
  struct scan_pace *pace;
  uint64_t pages_left;   /* no page is in two chains: a loop ends here */
  unsigned char *window; /* pages that were read in one go, as chains mostly lie */
  uint32_t first, n, n_max;
};

void chain_file_open(struct chain_file *chain_file, const struct page_file *file, struct scan_pace *pace);
void chain_file_close(struct chain_file *chain_file);

/* A chain_reader's. SQLITE_OK, what the pace says, or SOURCE_NOT_UNDERSTOOD and why. */
int chain_file_read(void *chain_file, const struct chain *chains, size_t n, const char **why);

#endif
