/*
** Scans of malformed files: `pages SCRATCH PAGES SEED DATABASE...` changes random pages of copies of the databases, at SCRATCH, and
** scans their tables named t0, t1, ... from pages, until that many pages were changed. Nothing may crash, read out of
** bounds (sanitizers), or go on for ever (an alarm). What was read may be anything; but if SQLite finds the file malformed so
** must the scan, or find nothing wrong with the part that it needed. Prints what it has done, in a line.
**
** ../property/test_fuzzed_pages.py builds it and makes the databases.
*/
#include "ext/scan/scan.h"
#include "tests/unit/driver.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SECONDS_MAX = 20, TABLES_MOST = 2, COLUMNS_MOST = 16 };

struct image {
  unsigned char *bytes;
  size_t size, page_size;
};

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(2);
}

static struct image read_image(const char *path) {
  struct image image = {0};
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) die(path);
  image.size = (size_t)ftell(file);
  rewind(file);
  image.bytes = malloc(image.size);
  if (!image.bytes || fread(image.bytes, 1, image.size, file) != image.size) die(path);
  fclose(file);
  image.page_size = (size_t)image.bytes[16] << 8 | image.bytes[17];
  if (image.page_size == 1) image.page_size = 65536;
  return image;
}

/* ---- Changes: of the kinds that a reader of pages could stumble over ---- */

static size_t below(size_t n) {
  return (size_t)(next() % n);
}

static void change_page(const struct image *image, unsigned char *page, size_t header) {
  static const unsigned char telling[] = {0, 1, 2, 5, 10, 13, 0x7f, 0x80, 0x81, 0xfe, 0xff};
  unsigned char *start = page + header;
  size_t room = image->page_size - header, n = 1 + below(8);
  switch (below(6)) {
  case 0: /* the page's own header and the first cell pointers */
    while (n--) start[below(24)] = telling[below(sizeof telling)];
    break;
  case 1: /* a child or the rightmost one, to any page, itself among them */
    memcpy(start + 8, (unsigned char[]){0, 0, 0, (unsigned char)below(image->size / image->page_size + 2)},
           4);
    break;
  case 2: /* cell pointers */
    while (n--) start[8 + below(room < 64 ? room - 8 : 56)] = (unsigned char)next();
    break;
  case 3: /* anything, anywhere */
    while (n--) start[below(room)] = (unsigned char)next();
    break;
  case 4: /* telling bytes in the content: varints that go on, huge types, overflow pages */
    n *= 4;
    while (n--) start[room / 3 + below(room - room / 3)] = telling[below(sizeof telling)];
    break;
  default: { /* a piece of the page over another one */
    size_t length = 1 + below(room / 2), from = below(room - length), to = below(room - length);
    memmove(start + to, start + from, length);
  }
  }
}

static size_t change(const struct image *image, unsigned char *bytes) {
  size_t pages = image->size / image->page_size, changed = 0, one_in = 1 + below(8);
  for (size_t page = 0; page < pages; page++) {
    /* The first one has the schema: mostly let it live, for without it nothing is read. */
    if (next() % (page ? one_in : 50)) continue;
    change_page(image, bytes + page * image->page_size, page ? 0 : below(2) ? 100 : 0);
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

struct counts {
  long scans, from_pages, errors;
};

static void scan_table(sqlite3 *db, const char *table, int n_sinks, struct counts *counts) {
  sqlite3_stmt *names = NULL;
  char *columns[COLUMNS_MOST], *error = NULL;
  size_t n = 0;
  struct scan *scan = NULL;
  if (sqlite3_prepare_v2(db, "SELECT name FROM pragma_table_xinfo(?)", -1, &names, NULL) == SQLITE_OK) {
    sqlite3_bind_text(names, 1, table, -1, SQLITE_STATIC);
    while (n < COLUMNS_MOST && sqlite3_step(names) == SQLITE_ROW)
      columns[n++] = sqlite3_mprintf("%s", sqlite3_column_text(names, 0));
  }
  sqlite3_finalize(names);
  struct scan_request request = {
      .function = "fuzz", .table = table, .columns = (const char *const *)columns, .n_columns = n};
  if (n && scan_open(db, &request, &scan, &error) == SQLITE_OK) {
    struct scan_sink sinks[2] = {{&n, take, clear}, {&n, take, clear}};
    int rc = scan_run(scan, sinks, n_sinks, &error);
    counts->scans++;
    counts->errors += rc != SQLITE_OK;
    counts->from_pages += rc == SQLITE_OK && strcmp(scan_way(scan), "pages") == 0;
  }
  scan_close(scan);
  sqlite3_free(error);
  while (n) sqlite3_free(columns[--n]);
}

static void scan_file(const char *path, struct counts *counts) {
  sqlite3 *db = NULL;
  if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK)
    for (int i = 0; i < TABLES_MOST; i++)
      scan_table(db, (const char *[]){"t0", "t1"}[i], 1 + (int)below(2), counts);
  sqlite3_close(db);
}

int main(int n_arguments, char **arguments) {
  if (n_arguments < 5) return 2;
  const char *scratch = arguments[1];
  size_t wanted = strtoull(arguments[2], NULL, 10), changed = 0, n_images = (size_t)n_arguments - 4;
  struct image *images = calloc(n_images, sizeof *images);
  struct counts counts = {0};
  seed = strtoull(arguments[3], NULL, 10);
  if (!images) die("memory");
  for (size_t i = 0; i < n_images; i++) images[i] = read_image(arguments[4 + i]);
  while (changed < wanted) {
    const struct image *image = &images[below(n_images)];
    unsigned char *bytes = malloc(image->size);
    if (!bytes) die("memory");
    memcpy(bytes, image->bytes, image->size);
    changed += change(image, bytes);
    int file = open(scratch, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || write(file, bytes, image->size) != (ssize_t)image->size || close(file)) die(scratch);
    free(bytes);
    alarm(SECONDS_MAX); /* kills us: an endless loop */
    scan_file(scratch, &counts);
    alarm(0);
  }
  printf("%zu fuzzed pages, %ld scans, %ld from pages, %ld errors\n", changed, counts.scans,
         counts.from_pages, counts.errors);
  for (size_t i = 0; i < n_images; i++) free(images[i].bytes);
  free(images);
  return 0;
}
