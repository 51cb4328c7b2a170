/*
** An entry of an index is a record, the indexed columns and then the rowid (the file format, section 2.4), in the order
** of the columns; interior pages have entries, too, each between the children beside it. Entries within bounds are
** neighbours: at the edges of the range pages are searched by halves, and in between nothing is compared.
*/
#include "ext/scan/page_index.h"
#include "ext/scan/bytes.h"
#include <stdlib.h>

enum {
  CELL_BYTES_MIN = 6,
  CHILD_BYTES = 4
}; /* a cell and its pointer; a child's number before an interior cell */

void page_index_open(struct page_index *index, const struct page_file *file, uint32_t root, bool descending,
                     enum scan_collation collation) {
  *index = (struct page_index){.file = file, .root = root, .descending = descending, .collation = collation};
  btree_shape_of(&index->shape, file, true);
}

void page_index_close(struct page_index *index) {
  for (int i = 0; i < BTREE_DEPTH_MAX; i++) free(index->page[i]);
  free(index->rowids);
}

/* ---- Entries ---- */

/* A page that is open. */
struct node {
  const unsigned char *page;
  struct btree_cells cells;
  uint32_t right; /* an interior page's last child */
  bool leaf;
};

/* A record that is on its page as far as `local`. */
struct entry {
  const unsigned char *record;
  uint32_t payload, local;
  uint32_t header; /* bytes, with its own size */
};

static bool read_entry(const struct page_index *index, const struct node *node, uint32_t i,
                       struct entry *entry) {
  const struct btree_shape *shape = &index->shape;
  uint32_t at = bytes_be16(node->cells.pointers + 2 * i);
  uint64_t payload, header;
  if (at > node->cells.last) return false;
  if (!node->leaf) at += CHILD_BYTES;
  at += varint_read(node->page + at, &payload);
  if (payload > INT32_MAX || at >= shape->usable) return false;
  entry->payload = (uint32_t)payload;
  entry->local = btree_local(shape, entry->payload);
  if (entry->local > shape->usable - at) return false;
  entry->record = node->page + at;
  uint32_t n = varint_read(entry->record, &header);
  if (header < n + 2 || header > entry->local) return false;
  entry->header = (uint32_t)header;
  return true;
}

static int64_t read_integer(const unsigned char *at, uint32_t size) {
  return size ? (int64_t)bytes_be64(at) >> (64 - 8 * size) : 0;
}

static const uint8_t sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0}; /* of serial types 0 to 9 */

/* The last column's value. Its serial type is one byte, as of all integers. */
static bool read_rowid(const struct page_index *index, const struct node *node, uint32_t i, int64_t *rowid) {
  struct entry entry;
  if (!read_entry(index, node, i, &entry)) return false;
  uint8_t type = entry.record[entry.header - 1];
  if (!type || type > 9 || type == 7 || entry.payload > entry.local ||
      sizes[type] > entry.payload - entry.header)
    return false;
  *rowid = type >= 8 ? type - 8 : read_integer(entry.record + entry.payload - sizes[type], sizes[type]);
  return true;
}

/* The first column's value, if all of it is on the page. */
static bool read_key(const struct page_index *index, const struct node *node, uint32_t i,
                     struct scan_value *key) {
  struct entry entry;
  uint64_t type, header;
  if (!read_entry(index, node, i, &entry)) return false;
  uint32_t n = varint_read(entry.record, &header);
  n += varint_read(entry.record + n, &type);
  const unsigned char *value = entry.record + entry.header;
  uint64_t size = type < 10 ? sizes[type] : (type - 12) / 2;
  if (n >= entry.header || type == 10 || type == 11 || size > entry.local - entry.header) return false;
  *key = (struct scan_value){.type = BATCH_INTEGER, .length = (uint32_t)size};
  if (type == 0) {
    key->type = BATCH_NULL;
  } else if (type == 7) {
    uint64_t bits = bytes_be64(value);
    key->type = BATCH_REAL;
    memcpy(&key->is.real, &bits, 8);
  } else if (type >= 12) {
    key->type = type & 1 ? BATCH_TEXT : BATCH_BLOB;
    key->is.bytes = value;
  } else {
    key->is.integer = type >= 8 ? (int64_t)type - 8 : read_integer(value, (uint32_t)size);
  }
  return true;
}

/* ---- Pages ---- */

static enum index_result open_node(struct page_index *index, uint32_t number, int depth, struct node *node) {
  if (depth == BTREE_DEPTH_MAX || number < 2 || page_file_is_ambiguous(index->file, number))
    return INDEX_UNKNOWN;
  unsigned char **page = &index->page[depth];
  if (!*page && !(*page = calloc(1, (size_t)index->shape.page_size + PAGE_SLACK))) return INDEX_NO_MEMORY;
  if (!page_file_read(index->file, number, 1, *page)) return INDEX_UNKNOWN;
  node->page = *page;
  node->leaf = **page == index->shape.leaf_type;
  uint8_t type = node->leaf ? index->shape.leaf_type : index->shape.interior_type;
  if (!btree_cells_of(&index->shape, type, *page, number, &node->cells)) return INDEX_UNKNOWN;
  node->right = node->leaf ? 0 : bytes_be32(*page + 8);
  return INDEX_DONE;
}

static bool child_of(const struct node *node, uint32_t i, uint32_t *child) {
  *child = node->right;
  if (i == node->cells.n) return true;
  uint32_t at = bytes_be16(node->cells.pointers + 2 * i);
  if (at > node->cells.last) return false;
  *child = bytes_be32(node->page + at);
  return true;
}

/* Is an entry with this key behind the bound, as the index is ordered? The bound where the range begins: are those that
   are equal to it behind it, too, as they are if they belong to the range? */
static bool is_behind(const struct page_index *index, const struct scan_value *key,
                      const struct scan_value *bound, bool equal_is_behind) {
  int order = scan_compare(index->collation, key->type, key->is, key->length, bound);
  if (!order) return equal_is_behind;
  return index->descending ? order < 0 : order > 0;
}

/* The first entry of the page that is behind the bound. */
static bool search(const struct page_index *index, const struct node *node, const struct scan_value *bound,
                   bool equal_is_behind, uint32_t *found) {
  uint32_t from = 0, to = node->cells.n;
  while (from < to) {
    uint32_t middle = from + (to - from) / 2;
    struct scan_value key;
    if (!read_key(index, node, middle, &key)) return false;
    if (is_behind(index, &key, bound, equal_is_behind))
      to = middle;
    else
      from = middle + 1;
  }
  *found = from;
  return true;
}

/* The bounds in the index's order: where the range begins and where it ends. */
struct edges {
  const struct scan_value *begin, *end;
  bool begin_excluded, end_excluded;
};

static struct edges edges_of(const struct page_index *index, const struct index_bounds *bounds) {
  struct edges up = {bounds->low, bounds->high, bounds->low_excluded, bounds->high_excluded};
  struct edges down = {bounds->high, bounds->low, bounds->high_excluded, bounds->low_excluded};
  return index->descending ? down : up;
}

/* ---- Reading ---- */

/* A walk through the range. */
struct reading {
  struct page_index *index;
  const struct index_taker *taker;
  struct edges edges; /* NULL where no page is at that edge any more */
  uint64_t pages_left;
};

/* Which entries of a page are within; an edge that the page is not at isn't looked for. */
static bool find_entries(const struct reading *r, const struct node *node, bool at_begin, bool at_end,
                         uint32_t *from, uint32_t *to) {
  const struct edges *e = &r->edges;
  *from = 0;
  *to = node->cells.n;
  if (at_begin && e->begin && !search(r->index, node, e->begin, !e->begin_excluded, from)) return false;
  if (at_end && e->end && !search(r->index, node, e->end, e->end_excluded, to)) return false;
  if (*to < *from) *to = *from; /* low is above high */
  return true;
}

/* read_rowid for most records: with a size and a header below 128 bytes. */
static inline bool read_rowid_fast(const struct btree_shape *shape, const struct node *node, uint32_t at,
                                   int64_t *rowid) {
  if (at > node->cells.last) return false;
  const unsigned char *record = node->page + at + 1;
  uint32_t payload = record[-1], header = record[0];
  if (payload > 127 || payload > shape->local_max || at + 1 + payload > shape->usable || header < 3 ||
      header > payload)
    return false;
  uint32_t type = record[header - 1];
  if (type < 1 || type > 6 || header + sizes[type] > payload) return false;
  *rowid = read_integer(record + payload - sizes[type], sizes[type]);
  return true;
}

static enum index_result take_entries(struct reading *r, const struct node *node, uint32_t from,
                                      uint32_t to) {
  int64_t *rowids = r->index->rowids;
  uint32_t skip = node->leaf ? 0 : CHILD_BYTES;
  for (uint32_t i = from; i < to; i++) {
    uint32_t at = bytes_be16(node->cells.pointers + 2 * i) + skip;
    if (!read_rowid_fast(&r->index->shape, node, at, &rowids[i - from]) &&
        !read_rowid(r->index, node, i, &rowids[i - from]))
      return INDEX_UNKNOWN;
  }
  if (from == to || r->taker->take(r->taker->state, rowids, to - from)) return INDEX_DONE;
  return INDEX_STOPPED;
}

static enum index_result visit(struct reading *r, uint32_t number, int depth, bool at_begin, bool at_end) {
  struct node node;
  uint32_t from, to;
  if (!r->pages_left--) return INDEX_UNKNOWN;
  enum index_result result = open_node(r->index, number, depth, &node);
  if (result != INDEX_DONE) return result;
  if (node.cells.n > r->index->shape.page_size / CELL_BYTES_MIN) return INDEX_UNKNOWN;
  if (!find_entries(r, &node, at_begin, at_end, &from, &to)) return INDEX_UNKNOWN;
  result = take_entries(r, &node, from, to);
  for (uint32_t i = from; !node.leaf && i <= to && result == INDEX_DONE; i++) {
    uint32_t child;
    if (!child_of(&node, i, &child)) return INDEX_UNKNOWN;
    result = visit(r, child, depth + 1, at_begin && i == from, at_end && i == to);
  }
  return result;
}

enum index_result page_index_read(struct page_index *index, const struct index_bounds *bounds,
                                  const struct index_taker *taker) {
  struct reading r = {.index = index,
                      .taker = taker,
                      .edges = edges_of(index, bounds),
                      .pages_left = index->file->page_count};
  if (!index->rowids) index->rowids = malloc(index->shape.page_size / CELL_BYTES_MIN * sizeof *index->rowids);
  return index->rowids ? visit(&r, index->root, 0, true, true) : INDEX_NO_MEMORY;
}

/* ---- Estimating ---- */

/* The part of the entries that is before the bound: at each level, the children before the one that has it. */
static enum index_result find_part(struct page_index *index, const struct scan_value *bound,
                                   bool equal_is_behind, double *entries, double *part) {
  uint32_t number = index->root, i;
  double share = 1; /* of the page that is looked at */
  *entries = 1;
  *part = 0;
  for (int depth = 0;; depth++) {
    struct node node;
    enum index_result result = open_node(index, number, depth, &node);
    if (result != INDEX_DONE) return result;
    if (!search(index, &node, bound, equal_is_behind, &i)) return INDEX_UNKNOWN;
    uint32_t parts = node.leaf ? node.cells.n : node.cells.n + 1;
    *entries *= parts;
    share /= parts ? parts : 1;
    *part += share * i;
    if (node.leaf) return INDEX_DONE;
    if (!child_of(&node, i, &number)) return INDEX_UNKNOWN;
  }
}

enum index_result page_index_estimate(struct page_index *index, const struct index_bounds *bounds,
                                      double *entries, double *part) {
  struct edges e = edges_of(index, bounds);
  double begin = 0, end = 1;
  enum index_result result = INDEX_DONE;
  *entries = 0;
  if (e.begin) result = find_part(index, e.begin, !e.begin_excluded, entries, &begin);
  if (e.end && result == INDEX_DONE) result = find_part(index, e.end, e.end_excluded, entries, &end);
  *part = end > begin ? end - begin : 0;
  return result;
}
