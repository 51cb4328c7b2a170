/* A table's name as SQL writes it: readings, aux.readings, "odd ""name""", [x], `x`, aux."x", with blanks around. */
#include "ext/scan/source.h"
#include <string.h>

static bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         (c & 0x80);
}

static const char *pass_blanks(const char *at) {
  while (is_blank(*at)) at++;
  return at;
}

/* Reads one name into `name`, which has room for it; where it ends, or NULL if it is none. */
static const char *read_name(const char *at, char *name) {
  static const char open[] = "\"`['", close[] = "\"`]'";
  const char *quote = *at ? strchr(open, *at) : NULL;
  if (!quote) {
    const char *start = at;
    while (is_word(*at)) *name++ = *at++;
    *name = '\0';
    return at > start ? at : NULL;
  }
  char end = close[quote - open];
  for (at++; *at; *name++ = *at++) {
    if (*at != end) continue;
    if (at[1] != end || end == ']') break;
    at++;
  }
  *name = '\0';
  return *at ? at + 1 : NULL;
}

int scan_read_table_name(struct scan *scan, const char *text, char **schema, char **table) {
  size_t room = strlen(text) + 1;
  char *first = scan_allocate(scan, room), *second = scan_allocate(scan, room);
  if (!first || !second) return SQLITE_NOMEM;
  *schema = NULL;
  *table = first;
  const char *at = read_name(pass_blanks(text), first);
  if (at) at = pass_blanks(at);
  if (at && *at == '.') {
    *schema = first;
    *table = second;
    at = read_name(pass_blanks(at + 1), second);
    if (at) at = pass_blanks(at);
  }
  if (at && !*at) return SQLITE_OK;
  /* Not as SQL writes names, such as the unquoted `odd name`: it is meant as it stands. */
  *schema = NULL;
  *table = memcpy(first, text, room);
  return SQLITE_OK;
}

const char *scan_read_column_name(struct scan *scan, const char *text) {
  char *name = scan_allocate(scan, strlen(text) + 1);
  const char *at = name ? read_name(text, name) : NULL;
  return at && !*at ? name : NULL;
}
