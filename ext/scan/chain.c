#include "ext/scan/chain.h"
#include <stdlib.h>

enum { WINDOW_BYTES = 1 << 16 };

void chain_file_open(struct chain_file *chain_file, const struct page_file *file, struct scan_pace *pace) {
  *chain_file = (struct chain_file){.file = file,
                                    .pace = pace,
                                    .pages_left = 2 * (uint64_t)file->page_count,
                                    .n_max = WINDOW_BYTES / file->page_size};
}

void chain_file_close(struct chain_file *chain_file) {
  free(chain_file->window);
}

/* Copies what the fields have in bytes from `at` to at + n - 1 of the payload. */
static void copy_fields(const struct chain *chain, const unsigned char *bytes, uint64_t at, uint32_t n) {
  for (size_t i = 0; i < chain->n_fields; i++) {
    const struct shape_field *field = chain->fields + i * chain->stride;
    uint64_t from = (uint64_t)chain->before + field->offset, to = from + field->size;
    if (field->is_default || from >= at + n || to <= at) continue;
    uint64_t first = from > at ? from : at, end = to < at + n ? to : at + n;
    memcpy(chain->into + chain->packed[i * chain->stride].offset + (first - from), bytes + (first - at),
           end - first);
  }
}

/* A page of a chain that has `more` pages to be read, itself among them. NULL: it can't be read. */
static const unsigned char *chain_page(struct chain_file *chain_file, uint32_t page, uint64_t more) {
  const struct page_file *file = chain_file->file;
  if (page < chain_file->first || page - chain_file->first >= chain_file->n) {
    uint32_t n = more < chain_file->n_max ? (uint32_t)more : chain_file->n_max;
    if (page > file->page_count || n > file->page_count - page + 1) n = 1;
    chain_file->n = 0;
    if (!page_file_read(file, page, n, chain_file->window)) return NULL;
    chain_file->first = page;
    chain_file->n = n;
  }
  return chain_file->window + (size_t)(page - chain_file->first) * file->page_size;
}

static int read_chain(struct chain_file *chain_file, const struct chain *chain, const char **why) {
  const struct page_file *file = chain_file->file;
  const uint32_t content = file->usable - 4;
  uint64_t at = chain->n_local, end = 0;
  for (size_t i = 0; i < chain->n_fields; i++) {
    const struct shape_field *field = chain->fields + i * chain->stride;
    uint64_t to = field->is_default ? 0 : (uint64_t)chain->before + field->offset + field->size;
    if (to > end) end = to;
  }
  copy_fields(chain, chain->local, 0, chain->n_local);
  const unsigned char *next = chain->local + chain->n_local;
  for (; at < end; at += content) {
    uint32_t page = bytes_be32(next);
    int code = scan_pace_check(chain_file->pace);
    if (code != SQLITE_OK) return code;
    *why = "changed pages";
    if (file->n_ambiguous && page_file_is_ambiguous(file, page)) return SOURCE_NOT_UNDERSTOOD;
    *why = "malformed page";
    if (!page || !chain_file->pages_left) return SOURCE_NOT_UNDERSTOOD;
    chain_file->pages_left--;
    next = chain_page(chain_file, page, (end - at + content - 1) / content);
    if (!next) return SOURCE_NOT_UNDERSTOOD;
    copy_fields(chain, next + 4, at, content);
  }
  return SQLITE_OK;
}

int chain_file_read(void *state, const struct chain *chains, size_t n, const char **why) {
  struct chain_file *chain_file = state;
  int code = SQLITE_OK;
  if (!chain_file->window) chain_file->window = malloc(WINDOW_BYTES);
  if (!chain_file->window) return SQLITE_NOMEM;
  for (size_t i = 0; i < n && code == SQLITE_OK; i++) code = read_chain(chain_file, &chains[i], why);
  return code;
}
