/*
** Reading pages of a database file behind SQLite's back, within a read transaction of the same connection, where that is
** provably safe. page_file.c says when, and why.
*/
#ifndef ALMANAC_PAGE_FILE_H
#define ALMANAC_PAGE_FILE_H
#include <sqlite3ext.h>
#include <stdbool.h>
#include <stdint.h>
SQLITE_EXTENSION_INIT3

enum page_encoding { PAGE_UTF8 = 1, PAGE_UTF16LE, PAGE_UTF16BE };

/* Read the fields, change none. */
struct page_file {
  sqlite3_file *file;  /* the connection's own */
  sqlite3_stmt *hold;  /* keeps the read transaction open */
  uint32_t page_size;  /* bytes, 512 to 65,536 */
  uint32_t usable;     /* without what is reserved at the end of each page */
  uint32_t page_count; /* that may be read: those of the snapshot, as far as the file has them */
  enum page_encoding encoding;
  uint32_t schema_format; /* 1 to 4; 0: not known */
  uint32_t *ambiguous; /* a hash set of page numbers: the file may have another version than the snapshot */
  uint32_t ambiguous_slots, n_ambiguous;
};

/* Opens a read transaction on the schema ("main", "aux"), and checks that its pages can be read. SQLITE_OK;
   SQLITE_NOMEM; SQLITE_INTERRUPT; or -1, and *why is a static text that says why not. */
int page_file_open(sqlite3 *db, const char *schema, struct page_file *file, const char **why);
void page_file_close(struct page_file *file);

/* Must this page's content be fetched through SQL? */
bool page_file_is_ambiguous(const struct page_file *file, uint32_t page);

/* Reads n pages from number `first` (from 1) on, up to 2 GB of them; false where they can't be read whole. From the
   thread that owns the connection only. */
bool page_file_read(const struct page_file *file, uint32_t first, uint32_t n, unsigned char *pages);

#endif
