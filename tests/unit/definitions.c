/*
** Reads a definitions file from standard input and prints what definitions_read made of it, one JSON object a
** line, or the error. With a number as argument, the memory allocation of that number fails (and all after it).
*/
#include "tool/engine/definitions.h"
#include "tests/unit/driver.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of the engine that the reader needs. */
bool engine_fail(struct engine *engine, enum exit_code code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (!engine->code) {
    engine->code = (int)code;
    engine->error = sqlite3_vmprintf(format, arguments);
  }
  va_end(arguments);
  return false;
}

static sqlite3_mem_methods system_memory;
static long allocations_left = -1; /* negative: no limit */

static void *scarce_malloc(int n) {
  if (allocations_left == 0) return NULL;
  if (allocations_left > 0) allocations_left--;
  return system_memory.xMalloc(n);
}

static void *scarce_realloc(void *old, int n) {
  if (allocations_left == 0) return NULL;
  if (allocations_left > 0) allocations_left--;
  return system_memory.xRealloc(old, n);
}

static void make_memory_scarce(void) {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory);
  sqlite3_mem_methods scarce = system_memory;
  scarce.xMalloc = scarce_malloc;
  scarce.xRealloc = scarce_realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &scarce);
}

static void print_string(const char *text) {
  if (!text) {
    fputs("null", stdout);
    return;
  }
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20)
      printf("\\u%04x", (unsigned char)*text);
    else
      putchar(*text);
  }
  putchar('"');
}

static void print_statement(const struct definitions *definitions, const struct statement *statement) {
  static const char *const types[] = {"create", "refresh", "drop", "sql"};
  printf("{\"type\":\"%s\",\"if_exists\":%d,\"line\":%d,\"column\":%d,\"name\":", types[statement->type],
         statement->if_exists, statement->line, statement->column);
  print_string(statement->name);
  printf(",\"select\":");
  print_string(statement->select);
  printf(",\"text\":");
  print_string(statement->text);
  printf(",\"options\":[");
  for (size_t i = 0; i < statement->n_options; i++) {
    printf(i ? ",[" : "[");
    print_string(statement->options[i].name);
    putchar(',');
    print_string(statement->options[i].value);
    putchar(']');
  }
  const char *text = statement->select ? statement->select : statement->text;
  char *first = definitions_place(definitions, statement, 0);
  char *last = definitions_place(definitions, statement, strlen(text) - 1);
  printf("],\"first\":\"%s\",\"last\":\"%s\"}\n", first, last);
  sqlite3_free(first);
  sqlite3_free(last);
}

static void read_one(sqlite3 *db, const char *text, long allocations) {
  struct engine engine = {.db = db};
  struct definitions definitions;
  allocations_left = allocations;
  bool ok = definitions_read(&engine, "some.sql", text, &definitions);
  allocations_left = -1;
  if (ok)
    for (size_t i = 0; i < definitions.n; i++) print_statement(&definitions, &definitions.statements[i]);
  else
    printf("error %s\n", engine.error ? engine.error : "(no memory for a message)");
  puts("end");
  if (ok) definitions_free(&definitions);
  sqlite3_free(engine.error);
}

int main(int n_arguments, char **arguments) {
  make_memory_scarce();
  sqlite3 *db;
  size_t n;
  char *input = read_input(&n);
  if (!input || sqlite3_open(":memory:", &db) != SQLITE_OK) return 2;
  for (const char *text = input; text <= input + n; text += strlen(text) + 1)
    read_one(db, text, n_arguments > 1 ? atol(arguments[1]) : -1);
  sqlite3_close(db);
  free(input);
  return 0;
}
