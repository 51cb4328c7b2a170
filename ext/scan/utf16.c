#include "ext/scan/utf16.h"

static uint32_t unit(const unsigned char *at, bool big_endian) {
  return big_endian ? (uint32_t)at[0] << 8 | at[1] : (uint32_t)at[1] << 8 | at[0];
}

bool utf16_to_utf8(const unsigned char *text, size_t n, bool big_endian, unsigned char *out, size_t *n_out) {
  unsigned char *to = out;
  if (n % 2) return false;
  for (size_t i = 0; i < n; i += 2) {
    uint32_t c = unit(text + i, big_endian);
    if (c >= 0xd800 && c < 0xe000) {
      i += 2;
      uint32_t low = i < n ? unit(text + i, big_endian) : 0;
      if (c >= 0xdc00 || low < 0xdc00 || low >= 0xe000) return false;
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c < 0x80)
      *to++ = (unsigned char)c;
    else if (c < 0x800) {
      *to++ = (unsigned char)(0xc0 | c >> 6);
      *to++ = (unsigned char)(0x80 | (c & 0x3f));
    } else {
      if (c < 0x10000)
        *to++ = (unsigned char)(0xe0 | c >> 12);
      else {
        *to++ = (unsigned char)(0xf0 | c >> 18);
        *to++ = (unsigned char)(0x80 | (c >> 12 & 0x3f));
      }
      *to++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
      *to++ = (unsigned char)(0x80 | (c & 0x3f));
    }
  }
  *n_out = (size_t)(to - out);
  return true;
}
