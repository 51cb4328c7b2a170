/*
** The pages that a write-ahead log keeps from being read from the database file. page_wal.c says which, and why.
*/
#ifndef ALMANAC_PAGE_WAL_H
#define ALMANAC_PAGE_WAL_H
#include "ext/scan/page_file.h"

/* Lists in `file` the pages that may be ambiguous. The connection must have a read transaction open on the file, in
   WAL mode, and the wal-index with it; `log` is its file of the log, `snapshot_pages` the size of the database as that
   transaction sees it. SQLITE_OK; SQLITE_NOMEM; or -1 with *why. */
int page_wal_list(struct page_file *file, sqlite3_file *log, uint32_t snapshot_pages, const char **why);

/* Where the set has the page, or the free place for it. The set has free places, and a power of two of all. */
static inline uint32_t *page_wal_place(const struct page_file *file, uint32_t page) {
  uint32_t mask = file->ambiguous_slots - 1, i = page * 0x9e3779b1u;
  for (i ^= i >> 15;; i++) {
    uint32_t *place = &file->ambiguous[i & mask];
    if (*place == page || !*place) return place;
  }
}

#endif
