/*
** The b-tree of a table, read from pages (the file format, section 1.6). A rowid table's rows are in its leaves; a
** WITHOUT ROWID table's are in its interior pages, too, each between the children beside it.
*/
#ifndef ALMANAC_SCAN_BTREE_H
#define ALMANAC_SCAN_BTREE_H
#include "ext/scan/page_file.h"
#include "ext/scan/rowid_range.h"

/* How the cells of one kind of tree are laid out. */
struct btree_shape {
  bool has_rowids;                  /* not WITHOUT ROWID */
  uint8_t leaf_type, interior_type; /* the first byte of a page */
  uint32_t page_size, usable;       /* bytes */
  uint32_t local_max, local_min;    /* of a payload: how much of it stays in its cell */
};

void btree_shape_of(struct btree_shape *shape, const struct page_file *file, bool without_rowid);

/* How much of a payload of so many bytes is in its cell; the rest is in a chain of overflow pages. */
uint32_t btree_local(const struct btree_shape *shape, uint32_t payload);

/* A page's array of cells. Nothing is known of the cells themselves yet. */
struct btree_cells {
  const unsigned char *pointers; /* 2 bytes each */
  uint32_t n;
  uint32_t last; /* where in the page a cell may begin at most; SQLite, too, looks at nothing else */
};

/* False: malformed. `page` is its content; only page 1 has the file's header before its own. */
bool btree_cells_of(const struct btree_shape *shape, uint8_t type, const unsigned char *page, uint32_t number,
                    struct btree_cells *cells);

/* What a walk comes by next. */
enum btree_step {
  BTREE_END,
  BTREE_LEAF,      /* a leaf page, not read yet */
  BTREE_ROW,       /* a row in an interior page: its payload's size, and so on */
  BTREE_CHANGED,   /* an ambiguous page: all rows from `low` to `high`, or nothing known (WITHOUT ROWID) */
  BTREE_MALFORMED, /* or unreadable */
  BTREE_NO_MEMORY
};

enum { BTREE_DEPTH_MAX = 20 }; /* SQLite's own limit */

struct btree_level {
  unsigned char *page;
  struct btree_cells cells;
  uint32_t right;    /* the last child */
  uint32_t step;     /* which child, or of a WITHOUT ROWID table: child, row, child, ... is next */
  int64_t low, high; /* the rowids below this page that are still to be seen */
};

/* A walk through the whole tree in the order of its keys, or through the parts of it that may hold wanted rowids. */
struct btree_walk {
  const struct page_file *file;
  const struct btree_shape *shape;
  const struct rowid_ranges *wanted; /* NULL for WITHOUT ROWID */
  uint32_t root;
  int depth, leaf_depth; /* levels open; and at which depth the leaves are, 0: not known yet */
  bool begun;
  uint64_t pages_left; /* a tree has no more pages than its file: a loop ends here */
  struct btree_level levels[BTREE_DEPTH_MAX];

  /* What the last step found. */
  uint32_t page;     /* a leaf's number */
  int64_t low, high; /* its rowids, if it has any, are within */
  const unsigned char
      *cell; /* a row's cell, from its payload's size on; `room` bytes are left in the page. */
  uint32_t room;
};

void btree_walk_begin(struct btree_walk *walk, const struct page_file *file, const struct btree_shape *shape,
                      uint32_t root, const struct rowid_ranges *wanted);
enum btree_step btree_walk_next(struct btree_walk *walk);
void btree_walk_end(struct btree_walk *walk);

#endif
