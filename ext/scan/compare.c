/*
** SQL's order of values: NULL, numbers, texts, blobs. Integers and reals compare exactly; texts by the column's
** collation; blobs by their bytes.
** Source: "Datatypes In SQLite", sections 4.1 and 7.1. NOCASE and RTRIM are as SQLite has them: NOCASE looks at no
** letter after a NUL, only at the lengths.
*/
#include "ext/kernel/number.h"
#include "ext/scan/source.h"
#include <string.h>

static int compare_numbers(enum batch_type a_type, union batch_value a, enum batch_type b_type,
                           union batch_value b) {
  if (a_type == b_type)
    return a_type == BATCH_INTEGER ? (a.integer > b.integer) - (a.integer < b.integer)
                                   : (a.real > b.real) - (a.real < b.real);
  return a_type == BATCH_INTEGER ? compare_integer_real(a.integer, b.real)
                                 : -compare_integer_real(b.integer, a.real);
}

static int compare_bytes(const unsigned char *a, uint32_t a_length, const unsigned char *b,
                         uint32_t b_length) {
  uint32_t both = a_length < b_length ? a_length : b_length;
  int order = both ? memcmp(a, b, both) : 0;
  return order ? order : (a_length > b_length) - (a_length < b_length);
}

static unsigned char lower(unsigned char c) {
  return c >= 'A' && c <= 'Z' ? c | 32 : c;
}

static int compare_nocase(const unsigned char *a, uint32_t a_length, const unsigned char *b,
                          uint32_t b_length) {
  uint32_t both = a_length < b_length ? a_length : b_length;
  for (uint32_t i = 0; i < both; i++) {
    int order = lower(a[i]) - lower(b[i]);
    if (order) return order;
    if (!a[i]) break;
  }
  return (a_length > b_length) - (a_length < b_length);
}

static uint32_t without_blanks(const unsigned char *text, uint32_t length) {
  while (length && text[length - 1] == ' ') length--;
  return length;
}

static int class_of(enum batch_type type) {
  return type == BATCH_NULL ? 0 : type <= BATCH_REAL ? 1 : type == BATCH_TEXT ? 2 : 3;
}

int scan_compare(enum scan_collation collation, enum batch_type a_type, union batch_value a,
                 uint32_t a_length, const struct scan_value *b) {
  int a_class = class_of(a_type), b_class = class_of(b->type);
  if (a_class != b_class) return a_class - b_class;
  if (a_class == 0) return 0;
  if (a_class == 1) return compare_numbers(a_type, a, b->type, b->is);
  uint32_t b_length = b->length;
  if (a_type == BATCH_TEXT && collation == COLLATION_NOCASE)
    return compare_nocase(a.bytes, a_length, b->is.bytes, b_length);
  if (a_type == BATCH_TEXT && collation == COLLATION_RTRIM) {
    a_length = without_blanks(a.bytes, a_length);
    b_length = without_blanks(b->is.bytes, b_length);
  }
  return compare_bytes(a.bytes, a_length, b->is.bytes, b_length);
}
