/*
** A scan from open to close, and the way it takes: pages where the schema and the file allow it, else SQL.
**
** R-1  From scan_open to scan_close a statement on the schema's table of tables holds a read transaction on the
**      database of the table. So what was looked up (the root page above all) stays true, and runs see the same rows.
** R-2  Whatever the page source does not understand is read again through SQL, from the first row, into cleared
**      sinks; the page source reports no other errors than those of sinks, memory and interrupts.
*/
#include "ext/scan/source.h"
#include <stdarg.h>
#include <string.h>

struct scan_memory {
  struct scan_memory *next;
  uint64_t bytes[]; /* aligned as sqlite3_malloc does */
};

void *scan_allocate(struct scan *scan, size_t bytes) {
  struct scan_memory *memory = sqlite3_malloc64(sizeof *memory + bytes);
  if (!memory) return NULL;
  memory->next = scan->memory;
  scan->memory = memory;
  memset(memory->bytes, 0, bytes);
  return memory->bytes;
}

char *scan_text(struct scan *scan, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *made = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  if (!made) return NULL;
  size_t bytes = strlen(made) + 1;
  char *text = scan_allocate(scan, bytes);
  if (text) memcpy(text, made, bytes);
  sqlite3_free(made);
  return text;
}

int scan_error(const struct scan *scan, char **error, int rc, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = sqlite3_vmprintf(format, arguments);
  va_end(arguments);
  sqlite3_free(*error);
  *error = text ? sqlite3_mprintf("%s: %s", scan->request->function, text) : NULL;
  sqlite3_free(text);
  return *error ? rc : SQLITE_NOMEM;
}

int scan_sqlite_error(const struct scan *scan, char **error, int rc) {
  if (scan_is_final(rc)) return rc;
  return scan_error(scan, error, rc, "%s", sqlite3_errmsg(scan->db));
}

int scan_open(sqlite3 *db, const struct scan_request *request, struct scan **scan, char **error) {
  *error = NULL;
  *scan = sqlite3_malloc(sizeof **scan);
  if (!*scan) return SQLITE_NOMEM;
  memset(*scan, 0, sizeof **scan);
  (*scan)->db = db;
  (*scan)->request = request;
  int rc = scan_resolve(*scan, error);
  if (rc != SQLITE_OK) {
    scan_close(*scan);
    *scan = NULL;
  }
  return rc;
}

void scan_close(struct scan *scan) {
  if (!scan) return;
  sqlite3_finalize(scan->hold);
  while (scan->memory) {
    struct scan_memory *next = scan->memory->next;
    sqlite3_free(scan->memory);
    scan->memory = next;
  }
  sqlite3_free(scan->way_text);
  sqlite3_free(scan);
}

int scan_run(struct scan *scan, const struct scan_sink *sinks, int n_sinks, char **error) {
  *error = NULL;
  const char *why = scan->request->through_sql ? "it was asked for" : scan->not_pages;
  if (!why) {
    scan->way = "pages";
    int rc = page_source_run(scan, sinks, n_sinks, &why, error);
    if (rc != SOURCE_NOT_UNDERSTOOD) return rc;
    for (int i = 0; i < n_sinks; i++) sinks[i].clear(sinks[i].state);
  }
  sqlite3_free(scan->way_text);
  scan->way = scan->way_text = sqlite3_mprintf("sql: %s", why);
  if (!scan->way) return SQLITE_NOMEM;
  return sql_source_run(scan, NULL, 0, &sinks[0], error);
}

const char *scan_way(const struct scan *scan) {
  return scan->way ? scan->way : "not run";
}
