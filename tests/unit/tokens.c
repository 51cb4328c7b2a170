/*
** Reads texts from standard input with NULs between and prints the tokens of each: a line "TYPE OFFSET LENGTH
** VALUE" a token, the value in hex, then a line "end". With a number as argument, the allocation of that number
** fails, and all that follow it: the line is then "memory".
*/
#include "tests/unit/driver.h"
#include "tool/engine/token.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3_mem_methods system_memory;
static long allocations_left = -1; /* negative: no limit */

static void *scarce_realloc(void *old, int n) {
  if (allocations_left == 0) return NULL;
  if (allocations_left > 0) allocations_left--;
  return old ? system_memory.xRealloc(old, n) : system_memory.xMalloc(n);
}

static void *scarce_malloc(int n) {
  return scarce_realloc(NULL, n);
}

static void make_memory_scarce(void) {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory);
  sqlite3_mem_methods scarce = system_memory;
  scarce.xMalloc = scarce_malloc;
  scarce.xRealloc = scarce_realloc;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &scarce);
}

static void print_token(const char *text, const struct token *token) {
  char *value = token_value(token);
  if (!value) {
    puts("memory");
    return;
  }
  printf("%d %zu %zu ", (int)token->type, (size_t)(token->start - text), token->length);
  for (const char *c = value; *c; c++) printf("%02x", (unsigned char)*c);
  putchar('\n');
  sqlite3_free(value);
}

/* The text is copied to memory of its own size, so that a sanitizer sees a byte read too far. */
static void read_one(const char *input, long allocations) {
  char *text = strdup(input);
  struct token_list list;
  allocations_left = allocations;
  if (!text || !tokens_read(text, &list))
    puts("memory");
  else {
    for (size_t i = 0; i < list.n; i++) print_token(text, &list.tokens[i]);
    tokens_free(&list);
  }
  allocations_left = -1;
  puts("end");
  free(text);
}

int main(int n_arguments, char **arguments) {
  make_memory_scarce();
  size_t n;
  char *input = read_input(&n);
  if (!input || sqlite3_initialize() != SQLITE_OK) return 2;
  for (const char *text = input; text <= input + n; text += strlen(text) + 1)
    read_one(text, n_arguments > 1 ? atol(arguments[1]) : -1);
  free(input);
  return 0;
}
