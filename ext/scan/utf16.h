/* UTF-16 to UTF-8, for databases that keep their texts so. */
#ifndef ALMANAC_SCAN_UTF16_H
#define ALMANAC_SCAN_UTF16_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* n bytes of UTF-16 give at most this many of UTF-8. */
static inline size_t utf16_room(size_t n) {
  return n / 2 * 3;
}

/* Writes UTF-8 and its length. False: ill-formed, or half a character at the end; SQLite has rules of its own for these. */
bool utf16_to_utf8(const unsigned char *text, size_t n, bool big_endian, unsigned char *out, size_t *n_out);

#endif
