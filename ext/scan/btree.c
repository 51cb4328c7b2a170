#include "ext/scan/btree.h"
#include "ext/scan/bytes.h"
#include <stdlib.h>

enum { FILE_HEADER = 100, LEAF_HEADER = 8, INTERIOR_HEADER = 12, CELL_MIN = 4 }; /* bytes */
enum { TABLE_LEAF = 0x0d, TABLE_INTERIOR = 0x05, INDEX_LEAF = 0x0a, INDEX_INTERIOR = 0x02 };

void btree_shape_of(struct btree_shape *shape, const struct page_file *file, bool without_rowid) {
  uint32_t u = file->usable;
  *shape = (struct btree_shape){.has_rowids = !without_rowid,
                                .leaf_type = without_rowid ? INDEX_LEAF : TABLE_LEAF,
                                .interior_type = without_rowid ? INDEX_INTERIOR : TABLE_INTERIOR,
                                .page_size = file->page_size,
                                .usable = u,
                                .local_max = without_rowid ? (u - 12) * 64 / 255 - 23 : u - 35,
                                .local_min = (u - 12) * 32 / 255 - 23};
}

uint32_t btree_local(const struct btree_shape *shape, uint32_t payload) {
  if (payload <= shape->local_max) return payload;
  uint32_t local = shape->local_min + (payload - shape->local_min) % (shape->usable - 4);
  return local <= shape->local_max ? local : shape->local_min;
}

bool btree_cells_of(const struct btree_shape *shape, uint8_t type, const unsigned char *page, uint32_t number,
                    struct btree_cells *cells) {
  uint32_t start = number == 1 ? FILE_HEADER : 0;
  uint32_t header = start + (type == shape->leaf_type ? LEAF_HEADER : INTERIOR_HEADER);
  if (page[start] != type) return false;
  cells->n = bytes_be16(page + start + 3);
  cells->pointers = page + header;
  cells->last = shape->usable - CELL_MIN;
  return header + 2 * cells->n <= shape->usable;
}

static const unsigned char *cell_at(const struct btree_level *level, uint32_t i) {
  uint32_t at = bytes_be16(level->cells.pointers + 2 * i);
  return at <= level->cells.last ? level->page + at : NULL;
}

void btree_walk_begin(struct btree_walk *walk, const struct page_file *file, const struct btree_shape *shape,
                      uint32_t root, const struct rowid_ranges *wanted) {
  *walk = (struct btree_walk){.file = file,
                              .shape = shape,
                              .wanted = wanted,
                              .root = root,
                              .low = INT64_MIN,
                              .high = INT64_MAX,
                              .pages_left = 2 * (uint64_t)file->page_count + BTREE_DEPTH_MAX};
}

void btree_walk_end(struct btree_walk *walk) {
  for (int i = 0; i < BTREE_DEPTH_MAX; i++) free(walk->levels[i].page);
}

/* Reads a page whose kind is not known yet, and opens a level if it is an interior one. */
static enum btree_step open_page(struct btree_walk *walk, uint32_t number) {
  if (walk->depth == BTREE_DEPTH_MAX) return BTREE_MALFORMED;
  struct btree_level *level = &walk->levels[walk->depth];
  if (!level->page && !(level->page = calloc(1, walk->shape->page_size + PAGE_SLACK))) return BTREE_NO_MEMORY;
  if (!page_file_read(walk->file, number, 1, level->page)) return BTREE_MALFORMED;
  uint32_t start = number == 1 ? FILE_HEADER : 0;
  if (level->page[start] == walk->shape->leaf_type) {
    if (walk->leaf_depth) return BTREE_MALFORMED; /* all leaves are equally deep */
    walk->leaf_depth = walk->depth + 1;
    return BTREE_LEAF;
  }
  if (!btree_cells_of(walk->shape, walk->shape->interior_type, level->page, number, &level->cells))
    return BTREE_MALFORMED;
  if (!level->cells.n && number != 1) return BTREE_MALFORMED; /* SQLite: only page 1 may have one child */
  level->right = bytes_be32(level->page + start + 8);
  level->step = 0;
  level->low = walk->low;
  level->high = walk->high;
  walk->depth++;
  return BTREE_END;
}

/* Goes to a page whose rowids are from walk->low to walk->high. BTREE_END: nothing to be said of it by itself. */
static enum btree_step visit(struct btree_walk *walk, uint32_t number) {
  if (walk->wanted && !rowid_ranges_meet(walk->wanted, walk->low, walk->high)) return BTREE_END;
  if (!number || !walk->pages_left) return BTREE_MALFORMED;
  walk->pages_left--;
  walk->page = number;
  if (walk->file->n_ambiguous && page_file_is_ambiguous(walk->file, number)) return BTREE_CHANGED;
  return walk->leaf_depth == walk->depth + 1 ? BTREE_LEAF : open_page(walk, number);
}

/* The next child of a rowid table's page. Keys are the largest rowids of the children that stand before them. */
static enum btree_step next_child(struct btree_walk *walk, struct btree_level *level) {
  uint32_t i = level->step++, child = level->right;
  walk->low = level->low;
  walk->high = level->high;
  if (i < level->cells.n) {
    const unsigned char *cell = cell_at(level, i);
    if (!cell) return BTREE_MALFORMED;
    uint64_t key;
    varint_read(cell + 4, &key);
    child = bytes_be32(cell);
    walk->high = (int64_t)key;
    if (walk->high < walk->low || walk->high >= level->high) return BTREE_MALFORMED;
    level->low = walk->high + 1;
  }
  return visit(walk, child);
}

/* The next child, or the row between two, of a WITHOUT ROWID table's page. */
static enum btree_step next_child_or_row(struct btree_walk *walk, struct btree_level *level) {
  uint32_t i = level->step >> 1, child = level->right;
  bool row = level->step++ & 1;
  if (i < level->cells.n) {
    const unsigned char *cell = cell_at(level, i);
    if (!cell) return BTREE_MALFORMED;
    child = bytes_be32(cell);
    if (row) {
      walk->cell = cell + 4;
      walk->room = walk->shape->usable - 4 - (uint32_t)(cell - level->page);
      return BTREE_ROW;
    }
  }
  return visit(walk, child);
}

enum btree_step btree_walk_next(struct btree_walk *walk) {
  enum btree_step step = BTREE_END;
  if (!walk->begun) {
    walk->begun = true;
    step = visit(walk, walk->root);
  }
  while (step == BTREE_END && walk->depth) {
    struct btree_level *level = &walk->levels[walk->depth - 1];
    bool rows_inside = !walk->shape->has_rowids;
    if (level->step > level->cells.n * (rows_inside ? 2 : 1))
      walk->depth--;
    else
      step = rows_inside ? next_child_or_row(walk, level) : next_child(walk, level);
  }
  return step;
}
