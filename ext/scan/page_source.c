/*
** Scans straight from the pages of the database file. The caller's thread walks the table's b-tree and reads its leaves,
** neighbours in one go, a piece of some hundred kilobytes at a time, which stays in the CPU's cache until it is decoded, by
** this thread or another (crew.h). Each row's record is found and its header looked up (rows.h, shape.h), then each field
** is read for many rows at once (column.h).
**
** Page_file.h knows which pages may be another version than the snapshot's. The rows of such a page, or below it, are those
** between two keys of its parents, and are fetched through SQL, in the same transaction. Pages of WITHOUT ROWID tables have
** no such interval: SQL reads the whole table then.
**
** Nothing in a file is believed: whatever is malformed, or not known here, ends with SOURCE_NOT_UNDERSTOOD, and SQL begins
** again. It alone says SQLITE_CORRUPT.
*/
#include "ext/scan/btree.h"
#include "ext/scan/crew.h"
#include "ext/scan/index_choice.h"
#include "ext/scan/page_file.h"
#include "ext/scan/source.h"
#include <stdlib.h>

enum { PIECE_BYTES = 1 << 18 };

/* What is open while a scan runs. */
struct page_source {
  struct scan *scan;
  const struct scan_sink *sinks;
  struct page_file file;
  struct btree_shape tree;
  struct rowid_ranges wanted;
  struct btree_walk walk;
  struct scan_pace pace;
  struct chain_file chains;
  struct crew crew;

  struct piece *piece; /* being filled, or NULL */
  int64_t number;      /* of the next piece */
  bool has_changed;
  int64_t changed[2]; /* rowids that SQL has to fetch before the walk goes on */
  const char *why;
  char **error;
};

static int not_understood(struct page_source *source, const char *why) {
  source->why = why;
  return SOURCE_NOT_UNDERSTOOD;
}

/* Reads the leaves of a piece, as many at a time as follow each other in the file. */
static bool read_leaves(struct page_source *source, const struct piece *piece) {
  uint32_t first = 0, n = 0, offset = 0; /* a run, and where its pages go to */
  for (size_t i = 0; i < piece->n_parts; i++) {
    const struct piece_part *part = &piece->parts[i];
    if (!part->page) continue;
    if (n && part->page == first + n) {
      n++;
      continue;
    }
    if (n && !page_file_read(&source->file, first, n, piece->bytes + offset)) return false;
    first = part->page;
    n = 1;
    offset = part->offset;
  }
  return !n || page_file_read(&source->file, first, n, piece->bytes + offset);
}

/* Ends the piece that is being filled: it is read and given to the crew. */
static int give(struct page_source *source) {
  struct piece *piece = source->piece;
  source->piece = NULL;
  if (!piece) return SQLITE_OK;
  if (!read_leaves(source, piece)) return not_understood(source, "malformed page");
  crew_give(&source->crew, piece);
  return SQLITE_OK;
}

/* A new part of the piece, or of the next one. Pages are read later, a cell is copied. */
static int add_part(struct page_source *source, uint32_t page, uint32_t size, const unsigned char *cell) {
  struct piece *piece = source->piece;
  if (piece && piece->cells_begin - piece->pages_end < size) {
    int code = give(source);
    if (code != SQLITE_OK) return code;
    piece = NULL;
  }
  if (!piece) {
    piece = source->piece = crew_piece(&source->crew);
    if (!piece) return source->crew.code;
    piece->number = source->number++;
  }
  if (piece->n_parts == piece->parts_max) {
    size_t n = 2 * piece->parts_max + 64;
    struct piece_part *parts = realloc(piece->parts, n * sizeof *parts);
    if (!parts) return SQLITE_NOMEM;
    piece->parts = parts;
    piece->parts_max = n;
  }
  struct piece_part *part = &piece->parts[piece->n_parts++];
  *part = (struct piece_part){.offset = piece->pages_end, .size = size, .page = page};
  if (page) {
    piece->pages_end += size;
  } else {
    part->offset = piece->cells_begin -= size;
    memcpy(piece->bytes + part->offset, cell, size);
  }
  return SQLITE_OK;
}

/* Rows of an ambiguous page go through SQL as a piece of their own, to the caller's sink. */
static int fetch_changed(struct page_source *source) {
  if (!source->has_changed) return SQLITE_OK;
  source->has_changed = false;
  source->crew.caller_piece = source->number;
  return sql_source_run(source->scan, source->changed, source->number++, &source->sinks[0], source->error);
}

/* Neighbours are fetched together. */
static int add_changed(struct page_source *source) {
  const struct btree_walk *walk = &source->walk;
  if (source->scan->without_rowid || walk->page == source->scan->root_page)
    return not_understood(source, "changed pages");
  if (source->has_changed && source->changed[1] == walk->low - 1) {
    source->changed[1] = walk->high;
    return SQLITE_OK;
  }
  int code = give(source);
  if (code == SQLITE_OK) code = fetch_changed(source);
  source->has_changed = true;
  source->changed[0] = walk->low;
  source->changed[1] = walk->high;
  return code;
}

/* The cell of a row in an interior page, with what of its payload is there and, if there is more, where. */
static int add_row(struct page_source *source) {
  const struct btree_walk *walk = &source->walk;
  uint64_t payload;
  uint32_t n = varint_read(walk->cell, &payload);
  if (payload > INT32_MAX) return not_understood(source, "malformed page");
  uint32_t local = btree_local(&source->tree, (uint32_t)payload);
  n += local + (local < payload ? 4 : 0);
  if (n > walk->room) return not_understood(source, "malformed page");
  return add_part(source, 0, n, walk->cell);
}

static int walk_tree(struct page_source *source) {
  btree_walk_begin(&source->walk, &source->file, &source->tree, source->scan->root_page,
                   source->scan->without_rowid ? NULL : &source->wanted);
  for (;;) {
    int code;
    enum btree_step step = btree_walk_next(&source->walk);
    switch (step) {
    case BTREE_LEAF:
      code = fetch_changed(source);
      if (code == SQLITE_OK) code = add_part(source, source->walk.page, source->file.page_size, NULL);
      break;
    case BTREE_ROW:
      code = add_row(source);
      break;
    case BTREE_CHANGED:
      code = add_changed(source);
      break;
    case BTREE_NO_MEMORY:
      return SQLITE_NOMEM;
    case BTREE_MALFORMED:
      return not_understood(source, "malformed page");
    default:
      code = give(source);
      return code == SQLITE_OK ? fetch_changed(source) : code;
    }
    if (code != SQLITE_OK) return code;
  }
}

/* Pieces are smaller where the file is. */
static uint32_t piece_bytes(const struct page_file *file) {
  uint64_t all = (uint64_t)(file->page_count ? file->page_count : 1) * file->page_size;
  return all < PIECE_BYTES ? (uint32_t)all : PIECE_BYTES;
}

static int run_crew(struct page_source *source, int n_sinks) {
  struct crew_task task = {.scan = source->scan,
                           .tree = &source->tree,
                           .encoding = source->file.encoding,
                           .sinks = source->sinks,
                           .n_sinks = n_sinks,
                           .piece_size = piece_bytes(&source->file),
                           .chains = &source->chains,
                           .pace = &source->pace};
  int code = crew_open(&source->crew, &task);
  if (code == SQLITE_OK) code = walk_tree(source);
  if (code == SQLITE_OK) code = crew_finish(&source->crew);
  crew_close(&source->crew);
  if (code == SOURCE_NOT_UNDERSTOOD && !source->why) source->why = source->crew.why;
  return code;
}

static int run_open_file(struct page_source *source, int n_sinks) {
  const struct page_file *file = &source->file;
  if (file->n_ambiguous > file->page_count / 4) return not_understood(source, "changed pages");
  if (!sqlite3_threadsafe()) n_sinks = 1; /* nor may sinks ask such a library for memory then */
  btree_shape_of(&source->tree, file, source->scan->without_rowid);
  if (!rowid_ranges_of(source->scan, &source->wanted)) return SQLITE_NOMEM;
  int code = scan_pace_open(&source->pace, source->scan->db);
  chain_file_open(&source->chains, file, &source->pace);
  bool through_sql = false;
  if (code == SQLITE_OK)
    code = index_choose(source->scan, file, &source->pace, &source->wanted, &through_sql);
  if (code == SQLITE_OK && through_sql) code = not_understood(source, "an index finds its few rows");
  if (code == SQLITE_OK) code = run_crew(source, n_sinks);
  chain_file_close(&source->chains);
  btree_walk_end(&source->walk);
  scan_pace_close(&source->pace);
  rowid_ranges_free(&source->wanted);
  return code;
}

int page_source_run(struct scan *scan, const struct scan_sink *sinks, int n_sinks, const char **why,
                    char **error) {
  struct page_source *source = calloc(1, sizeof *source);
  if (!source) return SQLITE_NOMEM;
  source->scan = scan;
  source->sinks = sinks;
  source->error = error;
  int code = page_file_open(scan->db, scan->schema, &source->file, &source->why);
  if (code == SQLITE_OK) {
    code = run_open_file(source, n_sinks);
    page_file_close(&source->file);
  }
  *why = source->why;
  free(source);
  return code;
}
