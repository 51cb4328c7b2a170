/*
** Numbers as a database file has them: big-endian, and varints of 1 to 9 bytes (the file format, sections 1.6 and 2.1).
** Whoever loads knows that the bytes may be read: buffers of pages end with PAGE_SLACK bytes more than their pages, so
** that a load which begins within a page never leaves the buffer.
*/
#ifndef ALMANAC_SCAN_BYTES_H
#define ALMANAC_SCAN_BYTES_H
#include <stdint.h>
#include <string.h>

/* bytes: two varints, what shape_find_fast skips, and the longest key of a shape (shape.h) */
enum { PAGE_SLACK = 224 };

static inline uint64_t bytes_le64(const unsigned char *at) {
  uint64_t v;
  memcpy(&v, at, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

static inline uint64_t bytes_be64(const unsigned char *at) {
  return __builtin_bswap64(bytes_le64(at));
}

static inline uint32_t bytes_be16(const unsigned char *at) {
  return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t bytes_be32(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* How many bytes a varint has that begins with these 8, the first one lowest. */
static inline unsigned varint_length(uint64_t le) {
  uint64_t ends = ~le & 0x8080808080808080u;
  return ends ? ((unsigned)__builtin_ctzll(ends) >> 3) + 1 : 9;
}

/* The value of a varint of n bytes, 1 to 8, that begins with these 8: groups of 7 bits are pushed together by pairs. */
static inline uint64_t varint_value(uint64_t le, unsigned n) {
  uint64_t v = __builtin_bswap64(le) >> (64 - 8 * n);
  v = (v & 0x007f007f007f007fu) | (v & 0x7f007f007f007f00u) >> 1;
  v = (v & 0x00003fff00003fffu) | (v & 0x3fff00003fff0000u) >> 2;
  return (v & 0x000000000fffffffu) | (v & 0x0fffffff00000000u) >> 4;
}

/* Reads one varint; 9 bytes must be readable. Returns its length. */
static inline unsigned varint_read(const unsigned char *at, uint64_t *value) {
  uint64_t le = bytes_le64(at);
  unsigned n = varint_length(le);
  *value = n < 9 ? varint_value(le, n) : varint_value(le, 8) << 8 | at[8];
  return n;
}

#endif
