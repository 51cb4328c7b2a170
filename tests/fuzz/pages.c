/*
** Pages that are malformed: `pages SCRATCH PAGES SEED DATABASE...` changes random pages of copies of the databases, at SCRATCH0 and so
** on, and reads their tables t0 and t1 from pages, until that many pages were changed. Nothing may crash, read out of
** bounds (sanitizers), or go on for ever (an alarm); what was read may be anything. Prints what it has done, in a line.
**
** ../property/test_fuzzed_pages.py builds it and makes the databases, which are in rollback mode.
*/
#include "ext/scan/source.h"
#include "tests/unit/driver.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SECONDS_MAX = 20, TABLES_MOST = 2, COLUMNS_MOST = 16 };

struct image {
  unsigned char *bytes, *changed;
  size_t size, page_size;
  char *path;  /* of the copy */
  int file;    /* the copy, open all the time */
  sqlite3 *db; /* a connection to it that has seen the schema, as it was */
  struct scan *scans[TABLES_MOST];
  struct scan_request requests[TABLES_MOST];
  char *columns[TABLES_MOST][COLUMNS_MOST];
};

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(2);
}

static void read_image(const char *path, struct image *image) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) die(path);
  image->size = (size_t)ftell(file);
  rewind(file);
  image->bytes = malloc(image->size);
  image->changed = malloc(image->size);
  if (!image->bytes || !image->changed || fread(image->bytes, 1, image->size, file) != image->size) die(path);
  fclose(file);
  image->page_size = (size_t)image->bytes[16] << 8 | image->bytes[17];
  if (image->page_size == 1) image->page_size = 65536;
}

/* ---- Changes: of the kinds that a reader of pages could stumble over ---- */

static size_t below(size_t n) {
  return (size_t)(next() % n);
}

static void change_page(const struct image *image, unsigned char *page) {
  static const unsigned char telling[] = {0, 1, 2, 5, 10, 13, 0x7f, 0x80, 0x81, 0xfe, 0xff};
  size_t room = image->page_size, n = 1 + below(8);
  switch (below(6)) {
  case 0: /* the page's own header and the first cell pointers */
    while (n--) page[below(24)] = telling[below(sizeof telling)];
    break;
  case 1: /* a child or the rightmost one, to any page, itself among them */
    memcpy(page + 8, (unsigned char[]){0, 0, 0, (unsigned char)below(image->size / image->page_size + 2)}, 4);
    break;
  case 2: /* cell pointers */
    while (n--) page[8 + below(room < 64 ? room - 8 : 56)] = (unsigned char)next();
    break;
  case 3: /* anything, anywhere */
    while (n--) page[below(room)] = (unsigned char)next();
    break;
  case 4: /* telling bytes in the content: varints that go on, huge types, overflow pages */
    n *= 4;
    while (n--) page[room / 3 + below(room - room / 3)] = telling[below(sizeof telling)];
    break;
  default: { /* a piece of the page over another one */
    size_t length = 1 + below(room / 2), from = below(room - length), to = below(room - length);
    memmove(page + to, page + from, length);
  }
  }
}

/* How many pages were changed, the first one not among them. */
static size_t change(struct image *image) {
  size_t pages = image->size / image->page_size, changed = 0, one_in = 1 + below(3);
  memcpy(image->changed, image->bytes, image->size);
  for (size_t page = 1; page < pages; page++) {
    if (below(one_in)) continue;
    change_page(image, image->changed + page * image->page_size);
    changed++;
  }
  return changed;
}

/* ---- Scans ---- */

static uint64_t digest; /* so that every byte is read */

static int take(void *state, const struct batch *batch) {
  const size_t *n_columns = state;
  for (size_t k = 0; k < *n_columns; k++)
    for (int i = 0; i < batch->n; i++) {
      const struct batch_column *column = &batch->columns[k];
      enum batch_type type = batch_type_at(column, i);
      if (type == BATCH_TEXT || type == BATCH_BLOB)
        for (uint32_t b = 0; b < column->lengths[i]; b++) digest += column->values[i].bytes[b];
      else if (type != BATCH_NULL)
        digest += (uint64_t)column->values[i].integer;
    }
  return SQLITE_OK;
}

static void clear(void *state) {
  (void)state;
}

static const char *const tables[TABLES_MOST] = {"t0", "t1"};

/* Looks up a table's columns and opens a scan of all of them; leaves NULL where it can't be read from pages. */
static void open_scan(struct image *image, int table) {
  struct scan_request *request = &image->requests[table];
  char **columns = image->columns[table], *error = NULL;
  sqlite3_stmt *names = NULL;
  *request = (struct scan_request){
      .function = "fuzz", .table = tables[table], .columns = (const char *const *)columns};
  if (sqlite3_prepare_v2(image->db, "SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 2", -1, &names,
                         NULL) == SQLITE_OK) {
    sqlite3_bind_text(names, 1, tables[table], -1, SQLITE_STATIC);
    while (request->n_columns < COLUMNS_MOST && sqlite3_step(names) == SQLITE_ROW)
      columns[request->n_columns++] = sqlite3_mprintf("%s", sqlite3_column_text(names, 0));
  }
  sqlite3_finalize(names);
  if (request->n_columns && scan_open(image->db, request, &image->scans[table], &error) == SQLITE_OK &&
      image->scans[table]->not_pages) {
    scan_close(image->scans[table]);
    image->scans[table] = NULL;
  }
  sqlite3_free(error);
}

static void open_image(struct image *image) {
  if (sqlite3_open_v2(image->path, &image->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) die(image->path);
  for (int i = 0; i < TABLES_MOST; i++) open_scan(image, i);
}

static void close_image(struct image *image) {
  for (int i = 0; i < TABLES_MOST; i++) {
    scan_close(image->scans[i]);
    image->scans[i] = NULL;
    while (image->requests[i].n_columns) sqlite3_free(image->columns[i][--image->requests[i].n_columns]);
  }
  sqlite3_close(image->db);
}

static void write_image(struct image *image, const unsigned char *bytes) {
  if (pwrite(image->file, bytes, image->size, 0) != (ssize_t)image->size) die(image->path);
}

struct counts {
  long scans, whole;
};

static void scan_image(struct image *image, struct counts *counts) {
  for (int i = 0; i < TABLES_MOST; i++) {
    if (!image->scans[i]) continue;
    size_t *n = &image->requests[i].n_columns;
    struct scan_sink sinks[2] = {{n, take, clear}, {n, take, clear}};
    const char *why = NULL;
    char *error = NULL;
    counts->scans++;
    counts->whole += page_source_run(image->scans[i], sinks, 1 + (int)below(2), &why, &error) == SQLITE_OK;
    sqlite3_free(error);
  }
}

int main(int n_arguments, char **arguments) {
  if (n_arguments < 5) return 2;
  size_t wanted = strtoull(arguments[2], NULL, 10), changed = 0, n_images = (size_t)n_arguments - 4;
  struct image *images = calloc(n_images, sizeof *images);
  struct counts counts = {0};
  seed = strtoull(arguments[3], NULL, 10);
  if (!images) die("memory");
  for (size_t i = 0; i < n_images; i++) {
    read_image(arguments[4 + i], &images[i]);
    images[i].path = sqlite3_mprintf("%s%d", arguments[1], (int)i);
    images[i].file = open(images[i].path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (images[i].file < 0) die(images[i].path);
    write_image(&images[i], images[i].bytes);
    open_image(&images[i]);
  }
  while (changed < wanted) {
    struct image *image = &images[below(n_images)];
    changed += change(image);
    write_image(image, image->changed);
    alarm(SECONDS_MAX); /* kills us: an endless loop */
    scan_image(image, &counts);
    alarm(0);
  }
  printf("%zu fuzzed pages, %ld scans, %ld of them to the end\n", changed, counts.scans, counts.whole);
  for (size_t i = 0; i < n_images; i++) {
    close_image(&images[i]);
    close(images[i].file);
    sqlite3_free(images[i].path);
    free(images[i].bytes);
    free(images[i].changed);
  }
  free(images);
  return 0;
}
