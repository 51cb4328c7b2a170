/*
** When the pages of a database file may be read without SQLite, and why that is safe. Facts are from SQLite's
** documents: "Database File Format" (fileformat2.html), "WAL-mode File Format" (walformat.html), "File Locking And
** Concurrency" (lockingv3.html) and the C interface's; what the documents leave open was read in its sources, 3.34 to
** 3.54. Whatever isn't as said here sends the scan to SQL.
**
** F-1  A read transaction is open from page_file_open to page_file_close: `hold` has read a row of the schema's table
**      and isn't reset. It is only a read transaction (sqlite3_txn_state): no page in SQLite's cache is newer than the
**      file and the log. On the same connection nobody writes meanwhile: a scan runs inside one call of the host's.
** F-2  The file object is the connection's own. Nothing is opened or closed (closing any descriptor of a file drops all
**      of the process's POSIX locks on it), locked or unlocked. xRead is pread, or a copy from SQLite's mapping.
** F-3  The VFS is "unix" itself, by both names that it goes by: a shim such as "shim/unix" may keep pages otherwise.
**      nolock and immutable promise what nobody checks; SQLite holds a SHARED lock, by the file's own word, and
**      exactly that: exclusive locking_mode may keep the wal-index in private memory.
** F-4  Not with a shared cache: there another connection's uncommitted pages may be in the file, under the same lock.
**      SQLITE_DBSTATUS_CACHE_USED_SHARED tells only whether the cache is shared now; another connection may come. But
**      the code of a statement locks tables (TableLock) if and only if the cache can be shared, by whatever means it
**      was switched on.
** F-5  A rollback journal, version 1 in the header, and SQLite's journal mode isn't wal: who writes to the file needs an
**      EXCLUSIVE lock, which nobody gets beside our SHARED one. A hot journal was rolled back before `hold` had a row.
** F-6  WAL, version 2, and SQLite's journal mode is wal: page_wal.c lists the pages that may be in another version. Then
**      the connection has the wal-index open, as `hold` has read through it, in a file ("-shm") that is there: mapping
**      it opens nothing. Only where SQLite keeps it elsewhere (exclusive mode, other VFSes) is there none.
** F-7  Page 1 may itself be ambiguous. Of its header only these are used: the magic text, the versions, and fields that
**      are the same in all databases that we know (64/32/32, the expansion's zeros): they don't change in WAL mode. The
**      page size and the number of pages are what SQLite says of its snapshot. The encoding (a restored backup), the
**      reserved bytes (VACUUM) and the schema format (VACUUM) could change: with an ambiguous page 1 the encoding is
**      SQLite's own, reserved bytes must be 0 by SQLite's word and the file's, and the schema format isn't known.
** F-8  An encrypted file has no such header. One that keeps a plain header has none of the zeros, or a SQLite that was
**      built with a codec.
** F-9  No page above page_count is read. With mmap SQLite may have mapped the end of a file that a checkpoint truncates
**      to the snapshot's size while we read: above that lies SIGBUS.
** F-10 Temporary databases and those in memory have no file name, and an empty database has no row of a schema.
*/
#include "ext/scan/page_file.h"
#include "ext/scan/page_wal.h"
#include <limits.h>
#include <string.h>

enum { HEADER_BYTES = 100, ANSWER_BYTES = 32, NOT_OURS = -1 };
/* Bytes. A SQLite that is built to find its own bugs asserts that xRead isn't asked for more, and ends the host. */
enum { READ_MOST = 0x1ffff };

/* What page_file_open has found out. The first failure ends it: a code and, of NOT_OURS, why. */
struct opening {
  sqlite3 *db;
  const char *schema;
  struct page_file *file;
  int rc;
  const char *why;
  bool wal;
  uint32_t snapshot_pages;
  unsigned char header[HEADER_BYTES];
};

static bool refuse(struct opening *o, const char *why) {
  if (o->rc == SQLITE_OK) {
    o->rc = NOT_OURS;
    o->why = why;
  }
  return false;
}

/* A failure of SQLite's: the scan through SQL will meet it again, and say it; but for an interrupt, which may come once. */
static bool failed(struct opening *o, int rc) {
  rc &= 0xff;
  if ((rc == SQLITE_NOMEM || rc == SQLITE_INTERRUPT) && o->rc == SQLITE_OK) o->rc = rc;
  return refuse(o, "SQLite couldn't begin to read the schema");
}

/* `format` has the schema's name as its %w. */
static bool prepare(struct opening *o, const char *format, sqlite3_stmt **statement) {
  char *sql = sqlite3_mprintf(format, o->schema);
  int rc = sql ? sqlite3_prepare_v2(o->db, sql, -1, statement, 0) : SQLITE_NOMEM;
  sqlite3_free(sql);
  return rc == SQLITE_OK || failed(o, rc);
}

/* The first column of the only row, as text; an answer that is longer is cut off. */
static bool ask(struct opening *o, const char *format, char answer[ANSWER_BYTES]) {
  sqlite3_stmt *statement = 0;
  if (!prepare(o, format, &statement)) return false;
  int rc = sqlite3_step(statement);
  const unsigned char *text = rc == SQLITE_ROW ? sqlite3_column_text(statement, 0) : 0;
  if (text) sqlite3_snprintf(ANSWER_BYTES, answer, "%s", text);
  if (rc == SQLITE_ROW && !text) rc = sqlite3_errcode(o->db);
  sqlite3_finalize(statement);
  return text || failed(o, rc);
}

static bool ask_number(struct opening *o, const char *format, uint32_t *number) {
  char answer[ANSWER_BYTES];
  *number = 0;
  if (!ask(o, format, answer)) return false;
  for (const char *c = answer; *c >= '0' && *c <= '9'; c++) *number = *number * 10 + (uint32_t)(*c - '0');
  return true;
}

/* F-2, F-3, F-10: what can be told without a transaction. */
static bool find_file(struct opening *o) {
  const char *name = sqlite3_db_filename(o->db, o->schema);
  if (!name || !*name) return refuse(o, "the database is temporary or in memory");
  if (sqlite3_uri_boolean(name, "immutable", 0) || sqlite3_uri_boolean(name, "nolock", 0) ||
      sqlite3_uri_boolean(name, "readonly_shm", 0))
    return refuse(o, "the database was opened without locks");
  sqlite3_vfs *vfs = 0;
  if (sqlite3_file_control(o->db, o->schema, SQLITE_FCNTL_FILE_POINTER, &o->file->file) != SQLITE_OK ||
      sqlite3_file_control(o->db, o->schema, SQLITE_FCNTL_VFS_POINTER, &vfs) != SQLITE_OK || !vfs ||
      !o->file->file || !o->file->file->pMethods)
    return refuse(o, "the database has no file");
  char *names = 0;
  int rc = sqlite3_file_control(o->db, o->schema, SQLITE_FCNTL_VFSNAME, &names);
  bool is_unix = rc == SQLITE_OK && names && !strcmp(names, "unix") && !strcmp(vfs->zName, "unix");
  sqlite3_free(names);
  return is_unix || refuse(o, "the VFS isn't unix");
}

/* F-1, F-3. */
static bool hold(struct opening *o) {
  if (!prepare(o, "SELECT 1 FROM \"%w\".sqlite_schema", &o->file->hold)) return false;
  int rc = sqlite3_step(o->file->hold);
  if (rc == SQLITE_DONE) return refuse(o, "the database is empty");
  if (rc != SQLITE_ROW) return failed(o, rc);
  if (sqlite3_txn_state(o->db, o->schema) != SQLITE_TXN_READ) return refuse(o, "a write transaction is open");
  int lock = -1;
  if (sqlite3_file_control(o->db, o->schema, SQLITE_FCNTL_LOCKSTATE, &lock) != SQLITE_OK ||
      lock != SQLITE_LOCK_SHARED)
    return refuse(o, "the file isn't locked as usual");
  return true;
}

/* F-4. */
static bool has_own_cache(struct opening *o) {
  sqlite3_stmt *code = 0;
  int rc = SQLITE_OK, reads = 0, locks = 0;
  if (!prepare(o, "EXPLAIN SELECT 1 FROM \"%w\".sqlite_schema", &code)) return false;
  while ((rc = sqlite3_step(code)) == SQLITE_ROW) {
    const char *operation = (const char *)sqlite3_column_text(code, 1);
    if (!operation) break;
    reads += !strcmp(operation, "OpenRead");
    locks += !strcmp(operation, "TableLock");
  }
  if (rc == SQLITE_ROW) rc = SQLITE_NOMEM;
  sqlite3_finalize(code);
  if (rc != SQLITE_DONE) return failed(o, rc);
  return (reads && !locks) || refuse(o, "the cache can be shared with other connections");
}

/* F-5 to F-8. */
static bool read_header(struct opening *o) {
  static const unsigned char zeros[20], fractions[3] = {64, 32, 32};
  sqlite3_file *file = o->file->file;
  unsigned char *header = o->header;
  if (file->pMethods->xRead(file, header, HEADER_BYTES, 0) != SQLITE_OK)
    return refuse(o, "the file can't be read");
  uint32_t page_size = (uint32_t)header[16] << 8 | header[17];
  if (memcmp(header, "SQLite format 3", 16) || memcmp(header + 21, fractions, 3) ||
      memcmp(header + 72, zeros, 20) || header[18] != header[19] || header[18] != (o->wal ? 2 : 1) ||
      o->file->page_size != (page_size == 1 ? 65536 : page_size))
    return refuse(o, "the file is encrypted or of an unknown form");
  return true;
}

/* A word of the header, big-endian; 0 for one that is too large to be understood. */
static uint32_t small_word(const unsigned char *bytes) {
  return bytes[0] || bytes[1] || bytes[2] ? 0 : bytes[3];
}

/* F-7: what a page looks like. After the ambiguous pages are known. */
static bool read_format(struct opening *o) {
  static const char *const encodings[] = {"UTF-8", "UTF-16le", "UTF-16be"};
  char encoding[ANSWER_BYTES];
  struct page_file *file = o->file;
  bool sure = !page_file_is_ambiguous(file, 1);
  int reserved = -1;
  if (!ask(o, "PRAGMA \"%w\".encoding", encoding)) return false;
  for (uint32_t i = 0; i < 3; i++)
    if (!strcmp(encoding, encodings[i])) file->encoding = (enum page_encoding)(i + 1);
  file->usable = file->page_size - o->header[20];
  file->schema_format = sure ? small_word(o->header + 44) : 0;
  if (!file->encoding || (sure && small_word(o->header + 56) != file->encoding) || file->usable < 480 ||
      (sure && (file->schema_format < 1 || file->schema_format > 4)))
    return refuse(o, "the file is encrypted or of an unknown form");
  if (!sure && (sqlite3_file_control(o->db, o->schema, SQLITE_FCNTL_RESERVE_BYTES, &reserved) != SQLITE_OK ||
                reserved || o->header[20]))
    return refuse(o, "its pages have reserved bytes, and the log has page 1");
  return true;
}

static bool ask_settings(struct opening *o) {
  char mode[ANSWER_BYTES], codec[ANSWER_BYTES];
  if (!ask(o, "SELECT sqlite_compileoption_used('HAS_CODEC')", codec)) return false;
  if (strcmp(codec, "0")) return refuse(o, "SQLite was built with encryption");
  if (!ask(o, "PRAGMA \"%w\".locking_mode", mode)) return false;
  if (strcmp(mode, "normal")) return refuse(o, "its locking_mode is exclusive");
  if (!ask(o, "PRAGMA \"%w\".journal_mode", mode)) return false;
  o->wal = !strcmp(mode, "wal");
  return ask_number(o, "PRAGMA \"%w\".page_size", &o->file->page_size) &&
         ask_number(o, "PRAGMA \"%w\".page_count", &o->snapshot_pages);
}

/* F-9. After the ambiguous pages are known: a page that isn't among them is in the file by then. */
static bool count_pages(struct opening *o) {
  sqlite3_file *file = o->file->file;
  sqlite3_int64 bytes = 0;
  if (file->pMethods->xFileSize(file, &bytes) != SQLITE_OK) return refuse(o, "the file can't be read");
  sqlite3_int64 pages = bytes / o->file->page_size;
  o->file->page_count = pages < o->snapshot_pages ? (uint32_t)pages : o->snapshot_pages;
  return true;
}

/* F-6. */
static bool read_wal(struct opening *o) {
  if (!o->wal) return true;
  sqlite3_file *file = o->file->file, *log = 0;
  if (file->pMethods->iVersion < 2 || !file->pMethods->xShmMap || !file->pMethods->xShmBarrier ||
      sqlite3_file_control(o->db, o->schema, SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK || !log ||
      !log->pMethods)
    return refuse(o, "the wal-index can't be read");
  sqlite3_vfs *vfs = 0;
  char *name = sqlite3_mprintf("%s-shm", sqlite3_db_filename(o->db, o->schema));
  if (!name) return failed(o, SQLITE_NOMEM);
  int there = 0;
  if (sqlite3_file_control(o->db, o->schema, SQLITE_FCNTL_VFS_POINTER, &vfs) != SQLITE_OK ||
      vfs->xAccess(vfs, name, SQLITE_ACCESS_EXISTS, &there) != SQLITE_OK || !there)
    refuse(o, "the wal-index isn't in its usual file");
  sqlite3_free(name);
  if (o->rc == SQLITE_OK) o->rc = page_wal_list(o->file, log, o->snapshot_pages, &o->why);
  return o->rc == SQLITE_OK;
}

int page_file_open(sqlite3 *db, const char *schema, struct page_file *file, const char **why) {
  *file = (struct page_file){0};
  struct opening o = {.db = db, .schema = schema, .file = file};
  bool opened = find_file(&o) && hold(&o) && has_own_cache(&o) && ask_settings(&o) && read_header(&o) &&
                read_wal(&o) && count_pages(&o) && read_format(&o);
  if (!opened) page_file_close(file);
  *why = o.why;
  return o.rc;
}

void page_file_close(struct page_file *file) {
  sqlite3_finalize(file->hold);
  sqlite3_free(file->ambiguous);
  *file = (struct page_file){0};
}

bool page_file_is_ambiguous(const struct page_file *file, uint32_t page) {
  return file->n_ambiguous && *page_wal_place(file, page);
}

bool page_file_read(const struct page_file *file, uint32_t first, uint32_t n, unsigned char *pages) {
  if (!first || first > file->page_count || n > file->page_count - first + 1 || n > INT_MAX / file->page_size)
    return false;
  const uint32_t most = READ_MOST / file->page_size;
  for (uint32_t done = 0, some; done < n; done += some) {
    some = n - done < most ? n - done : most;
    sqlite3_int64 at = (sqlite3_int64)(first - 1 + done) * file->page_size;
    unsigned char *to = pages + (size_t)done * file->page_size;
    if (file->file->pMethods->xRead(file->file, to, (int)(some * file->page_size), at) != SQLITE_OK)
      return false;
  }
  return true;
}
