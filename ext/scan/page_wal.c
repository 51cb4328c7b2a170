/*
** Which pages the file of a database in WAL mode may have in another version than a reader's snapshot.
**
** The format of the wal-index, and who locks what when, is SQLite's "WAL-mode File Format" (walformat.html), the frames
** are in "Database File Format" (fileformat2.html, 4). A "log" is what was written between two restarts of the WAL
** file: frames 1 to mxFrame, each a new version of a page; the last frame of a transaction has the number of pages
** that the database has after it. A checkpoint copies pages to the file and counts in nBackfill the frames that need
** no more copying. Let R be the reader, M the last frame that its snapshot has, S the number of its pages.
**
** W-1  A reader has a shared lock on one of five slots. In slot 0 its snapshot is what the file has, without the log, and
**      nobody can change the file: a checkpoint writes to it under an exclusive lock on slot 0, and not at all where it
**      doesn't get that. But the log may be restarted, so that whatever is read of the wal-index may belong to another
**      one. It can only name pages too many, then, which costs time alone.
** W-2  In another slot, whose mark is at most M, the log can't be restarted: who does that needs exclusive locks on the
**      slots 1 to 4. It only grows: mxFrame and nBackfill never fall, frames up to M stay what they are, and so do their
**      page numbers in the wal-index. No checkpoint copies a frame above the mark, so nBackfill <= mark <= M. (A crashed
**      writer's successor may build the wal-index anew and set nBackfill to 0; that lists more pages.)
** W-3  Let B be nBackfill, read first, and L be mxFrame, read after it. A checkpoint that has brought nBackfill to B has
**      seen no more frames than L, since it had read mxFrame before. B <= M <= L.
** W-4  A page without a frame in B+1 to L is in the file as R has to see it, now and until R's transaction ends, but for
**      W-5: its last frame, if it has any, is one up to B. A checkpoint copies of each page the last frame that it
**      knows, and leaves it if that is above the mark; so one that counted it as done, knowing no later one, has copied
**      it. A later checkpoint copies frames from B+1 to the mark, and there is none of this page.
** W-5  A checkpoint also leaves pages above the size of the database at the last frame that it knows. If that is one after
**      M, with fewer than S pages (after VACUUM, or by auto-vacuum), a page of R's is counted as done, but is not in
**      the file. It has no frame after B either. (So "the frames after nBackfill" isn't enough: a test shows it.) Hence
**      the sizes of the transactions from B to L are read from the frames' headers: if one is below S, and comes after
**      one that isn't, it may be later than M, and all pages with a frame in 1 to L are ambiguous: a page without any
**      is never copied. Before M a size below S does no harm: a page that came back since and is in use was written
**      since, to a frame of its own.
** W-6  L is from two equal copies of the header with the right checksum, as SQLite reads it. A page's number was written
**      before the header that counts its frame, with a barrier between.
** W-7  An old snapshot (sqlite3_snapshot_open) has a mark up to its M, too, and SQLite refuses it when frames above M
**      may have been copied.
** W-8  No memory is mapped where SQLite has none: the caller knows that the connection has the wal-index open. A region
**      of it that isn't there is not made. A wal-index that SQLite could open for reading only is left alone: without
**      the right to lock it, a reader may have no lock at all.
*/
#include "ext/scan/page_wal.h"
#include <string.h>

enum {
  INDEX_VERSION = 3007000,
  REGION_BYTES = 32768,
  REGION_FRAMES =
      4096,           /* frames whose pages a region of the wal-index has; they come before its hash table */
  HEADER_BYTES = 136, /* ahead of them in the first region */
  FIRST_FRAMES = REGION_FRAMES - HEADER_BYTES / 4,
  HEADER_COPY_WORDS = 12, /* the header has two copies of the same, then */
  BACKFILL_WORD = 2 * HEADER_COPY_WORDS,
  HEADER_TRIES = 1000,
  LOG_HEADER_BYTES = 32,
  FRAME_HEADER_BYTES = 24
};

/* A copy of the wal-index's header, in the byte order of the machine. */
struct index_header {
  uint32_t version, unused, change;
  uint8_t is_initialized, big_endian_sums;
  uint16_t page_size; /* 1: 65,536 */
  uint32_t last_frame;
  uint32_t pages;
  uint32_t frame_sum[2], salt[2];
  uint32_t sum[2];
};
_Static_assert(sizeof(struct index_header) == 4 * HEADER_COPY_WORDS, "as in walformat.html");

/* What is known of the log: W-3's B and L. */
struct log_state {
  uint32_t backfilled, last;
};

static void copy_header(const volatile uint32_t *from, struct index_header *to) {
  uint32_t words[HEADER_COPY_WORDS];
  for (int i = 0; i < HEADER_COPY_WORDS; i++) words[i] = from[i];
  memcpy(to, words, sizeof words);
}

/* fileformat2.html, 4.2, over the header but for the sum itself. */
static bool sum_is_right(const struct index_header *header) {
  uint32_t words[HEADER_COPY_WORDS], first = 0, second = 0;
  memcpy(words, header, sizeof words);
  for (int i = 0; i < HEADER_COPY_WORDS - 2; i += 2) {
    first += words[i] + second;
    second += words[i + 1] + first;
  }
  return first == header->sum[0] && second == header->sum[1];
}

/* NULL: it isn't there. */
static const volatile uint32_t *map_region(sqlite3_file *file, uint32_t region) {
  void volatile *memory = 0;
  int rc = file->pMethods->xShmMap(file, (int)region, REGION_BYTES, 0, &memory);
  return rc == SQLITE_OK ? memory : 0;
}

/* W-3, W-6. */
static const char *read_state(const struct page_file *file, struct log_state *state) {
  sqlite3_file *db_file = file->file;
  const volatile uint32_t *index = map_region(db_file, 0);
  if (!index) return "the wal-index can't be read";
  for (int i = 0; i < HEADER_TRIES; i++) {
    struct index_header header, again;
    state->backfilled = index[BACKFILL_WORD];
    db_file->pMethods->xShmBarrier(db_file);
    copy_header(index, &header);
    db_file->pMethods->xShmBarrier(db_file);
    copy_header(index + HEADER_COPY_WORDS, &again);
    if (memcmp(&header, &again, sizeof header) || !sum_is_right(&header)) continue;
    /* Without frames the page size may still be 0. */
    if (header.version != INDEX_VERSION || header.is_initialized != 1 ||
        (header.last_frame && header.page_size != (uint16_t)(file->page_size == 65536 ? 1 : file->page_size)))
      return "the wal-index is of an unknown form";
    state->last = header.last_frame;
    if (state->backfilled <= state->last) return 0;
    /* Restarted in between. */
  }
  return "the wal-index is being written";
}

/* Reads the size of the database after the transaction that ends with this frame, 0: none does. */
static bool read_size(sqlite3_file *log, uint32_t page_size, uint32_t frame, uint32_t *pages) {
  unsigned char bytes[4];
  sqlite3_int64 at = LOG_HEADER_BYTES + (sqlite3_int64)(frame - 1) * (FRAME_HEADER_BYTES + page_size) + 4;
  if (log->pMethods->xRead(log, bytes, sizeof bytes, at) != SQLITE_OK) return false;
  *pages = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
  return true;
}

/* W-5: may a transaction after the snapshot have made the database smaller than that? */
static bool may_have_shrunk(const struct page_file *file, sqlite3_file *log, const struct log_state *state,
                            uint32_t snapshot_pages) {
  bool was_as_large = false;
  if (state->backfilled == 0 || state->backfilled == state->last)
    return false; /* M is known, or all is listed */
  for (uint64_t frame = state->backfilled; frame <= state->last; frame++) {
    uint32_t pages;
    if (!read_size(log, file->page_size, (uint32_t)frame, &pages)) return true;
    if (!pages) continue;
    if (pages >= snapshot_pages)
      was_as_large = true;
    else if (was_as_large)
      return true;
  }
  return false;
}

static int make_set(struct page_file *file, uint32_t frames) {
  uint64_t slots = 16;
  while (slots < 2 * (uint64_t)frames) slots *= 2;
  if (slots > UINT32_MAX || !(file->ambiguous = sqlite3_malloc64(slots * sizeof *file->ambiguous)))
    return SQLITE_NOMEM;
  memset(file->ambiguous, 0, slots * sizeof *file->ambiguous);
  file->ambiguous_slots = (uint32_t)slots;
  return SQLITE_OK;
}

static void add(struct page_file *file, uint32_t page) {
  uint32_t *place;
  if (!page || *(place = page_wal_place(file, page))) return;
  *place = page;
  file->n_ambiguous++;
}

/* Adds the pages of frames after `after` up to `last`. */
static bool add_frames(struct page_file *file, uint32_t after, uint32_t last) {
  for (uint32_t frame = after; frame < last;) { /* the frame after it is the one to add */
    uint32_t region = frame < FIRST_FRAMES ? 0 : 1 + (frame - FIRST_FRAMES) / REGION_FRAMES;
    uint32_t before =
        region ? FIRST_FRAMES + (region - 1) * REGION_FRAMES : 0; /* frames of earlier regions */
    uint32_t frames = region ? REGION_FRAMES : FIRST_FRAMES;
    uint32_t end = last - before < frames ? last : before + frames;
    const volatile uint32_t *pages = map_region(file->file, region);
    if (!pages) return false;
    if (!region) pages += HEADER_BYTES / 4;
    for (; frame < end; frame++) add(file, pages[frame - before]);
  }
  return true;
}

int page_wal_list(struct page_file *file, sqlite3_file *log, uint32_t snapshot_pages, const char **why) {
  struct log_state state = {0};
  if ((*why = read_state(file, &state))) return -1;
  file->file->pMethods->xShmBarrier(file->file);
  uint32_t after = may_have_shrunk(file, log, &state, snapshot_pages) ? 0 : state.backfilled;
  if (after == state.last) return SQLITE_OK;
  int rc = make_set(file, state.last - after);
  if (rc == SQLITE_OK && !add_frames(file, after, state.last)) {
    *why = "the wal-index can't be read";
    rc = -1;
  }
  return rc;
}
