/*
** JSON text: integers, strings, and doubles as the shortest decimals that read back as the same double.
**
** Of all decimals in the interval that rounds to the double, the one with the fewest digits is taken and,
** of these, the nearest (the rule of Steele and White, "How to print floating-point numbers accurately",
** 1990, and of every modern language). Between 1e-9 and 1e17 the interval's ends, scaled by a power of ten
** so that they have 18 digits before the point, are exact in 128 bits, so the digits take a few dozen
** operations; elsewhere the C library is asked for 15, 16 and 17 digits (subnormals: from 1 on). Its
** decimal point, which depends on the host's locale, is neither read nor written.
*/
#include "ext/kernel/json_write.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_FIRST 256
#define REAL_MOST      32 /* characters of a double: -2.2250738585072014e-308 has 24 */
#define DIGITS_BEFORE  18 /* digits before the point after scaling */

void json_put(struct json_text *json, const char *text, size_t length) {
  if (json->failed || !length) return;
  if (json->capacity - json->length < length) {
    size_t capacity = json->capacity ? json->capacity : CAPACITY_FIRST;
    while (capacity - json->length < length && capacity <= SIZE_MAX / 2) capacity *= 2;
    char *grown = capacity - json->length < length ? NULL : realloc(json->text, capacity);
    if (!grown) {
      json->failed = true;
      return;
    }
    json->text = grown;
    json->capacity = capacity;
  }
  memcpy(json->text + json->length, text, length);
  json->length += length;
}

void json_put_text(struct json_text *json, const char *text) {
  json_put(json, text, strlen(text));
}

void json_put_char(struct json_text *json, char c) {
  json_put(json, &c, 1);
}

/* Writes the decimal digits of `value` so that they end at `end`; returns where they start. */
static char *digits_before(char *end, uint64_t value) {
  do {
    *--end = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  return end;
}

void json_put_integer(struct json_text *json, int64_t integer) {
  char buffer[24], *end = buffer + sizeof buffer;
  char *start = digits_before(end, integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer);
  if (integer < 0) *--start = '-';
  json_put(json, start, (size_t)(end - start));
}

/* A decimal: digits * 10^exponent. */
struct decimal {
  uint64_t digits;
  int exponent;
};

typedef unsigned __int128 wide;

static const uint64_t powers_of_5[] = {
    1,
    5,
    25,
    125,
    625,
    3125,
    15625,
    78125,
    390625,
    1953125,
    9765625,
    48828125,
    244140625,
    1220703125,
    6103515625,
    30517578125,
    152587890625,
    762939453125,
    3814697265625,
    19073486328125,
    95367431640625,
    476837158203125,
    2384185791015625,
    11920928955078125,
    59604644775390625,
    298023223876953125,
    1490116119384765625,
    7450580596923828125,
};

/* The interval of numbers that read back as one double, times 2^-shift. */
struct interval {
  wide low, middle, high;
  int shift;
  bool closed; /* its ends read back too: ties go to even significands */
};

/* The integers low to high that lie in the interval, and the integer part of its middle. */
struct integers {
  uint64_t low, middle, high;
  bool middle_exact;
};

static struct integers integers_in(const struct interval *v) {
  wide one = (wide)1 << (v->shift < 0 ? -v->shift : 0), mask = one - 1;
  int left = v->shift > 0 ? v->shift : 0, right = v->shift < 0 ? -v->shift : 0;
  wide low = v->low << left, middle = v->middle << left, high = v->high << left;
  struct integers in = {(uint64_t)(low >> right), (uint64_t)(middle >> right), (uint64_t)(high >> right),
                        !(middle & mask)};
  if ((low & mask) || !v->closed) in.low++;
  if (!(high & mask) && !v->closed) in.high--;
  return in;
}

/* The multiple of the largest power of ten in the interval, the nearest to its middle. */
static struct decimal shortest_in(struct integers in, int exponent) {
  uint64_t low = in.low, high = in.high, power = 1;
  while ((low + 9) / 10 <= high / 10) {
    low = (low + 9) / 10;
    high /= 10;
    power *= 10;
    exponent++;
  }
  uint64_t digits = in.middle / power, rest = in.middle % power;
  if (power > 1 && (rest > power / 2 || (rest == power / 2 && (!in.middle_exact || (digits & 1))))) digits++;
  if (digits < low) digits = low;
  if (digits > high) digits = high;
  return (struct decimal){digits, exponent};
}

/* For 1e-9 <= real < 1e17. */
static struct decimal shortest_exact(double real) {
  int exponent;
  double fraction = frexp(real, &exponent); /* 0.5 <= fraction < 1 */
  uint64_t significand = (uint64_t)ldexp(fraction, 53);
  exponent -= 53;
  int log10_floor = (int)floor((exponent + 52) * 0.30102999566398120),
      scale = DIGITS_BEFORE - 1 - log10_floor;
  wide power = powers_of_5[scale];
  /* A power of two has its lower neighbour at half the distance. */
  uint64_t below = significand == (uint64_t)1 << 52 ? 1 : 2;
  struct interval interval = {.low = (4 * significand - below) * power,
                              .middle = 4 * significand * power,
                              .high = (4 * significand + 2) * power,
                              .shift = exponent - 2 + scale,
                              .closed = !(significand & 1)};
  return shortest_in(integers_in(&interval), -scale);
}

/* The decimal of so many digits that is nearest to the real, without zeros at its end. */
static struct decimal nearest(double real, int count) {
  char buffer[64];
  struct decimal decimal = {0, 1};
  snprintf(buffer, sizeof buffer, "%.*e", count - 1, real);
  const char *p = buffer;
  for (; *p != 'e'; p++) {
    if (*p < '0' || *p > '9') continue; /* the locale's decimal point */
    decimal.digits = decimal.digits * 10 + (uint64_t)(*p - '0');
    decimal.exponent--;
  }
  decimal.exponent += (int)strtol(p + 1, NULL, 10);
  return decimal;
}

static bool reads_back(struct decimal decimal, double real) {
  char buffer[64];
  snprintf(buffer, sizeof buffer, "%llue%d", (unsigned long long)decimal.digits, decimal.exponent);
  return strtod(buffer, NULL) == real;
}

/* For every real > 0, by way of the C library. */
static struct decimal shortest_any(double real) {
  struct decimal decimal;
  for (int count = real < DBL_MIN ? 1 : 15;; count++) {
    decimal = nearest(real, count);
    if (count == 17 || reads_back(decimal, real)) break;
    /* A power of two has more room above it than below: the nearest may be below and out, the next one in. */
    decimal.digits++;
    if (reads_back(decimal, real)) break;
  }
  while (decimal.digits % 10 == 0) {
    decimal.digits /= 10;
    decimal.exponent++;
  }
  return decimal;
}

/* Writes digits d..d as d.d..de+xx. */
static void put_scientific(struct json_text *json, const char *digits, int count, int point) {
  char buffer[REAL_MOST];
  int exponent = point - 1;
  json_put(json, digits, 1);
  if (count > 1) json_put_char(json, '.');
  json_put(json, digits + 1, (size_t)count - 1);
  snprintf(buffer, sizeof buffer, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
  json_put_text(json, buffer);
}

/* Writes digits d..d with the decimal point before the digit `point`, which may lie outside them. */
static void put_plain(struct json_text *json, const char *digits, int count, int point) {
  static const char zeros[] = "00000000000000000000";
  if (point <= 0) {
    json_put(json, "0.", 2);
    json_put(json, zeros, (size_t)-point);
    json_put(json, digits, (size_t)count);
  } else if (point >= count) {
    json_put(json, digits, (size_t)count);
    json_put(json, zeros, (size_t)(point - count));
    json_put(json, ".0", 2);
  } else {
    json_put(json, digits, (size_t)point);
    json_put_char(json, '.');
    json_put(json, digits + point, (size_t)(count - point));
  }
}

void json_put_real(struct json_text *json, double real) {
  if (signbit(real)) json_put_char(json, '-');
  real = fabs(real);
  if (real == 0) {
    json_put(json, "0.0", 3);
    return;
  }
  struct decimal decimal = real >= 1e-9 && real < 1e17 ? shortest_exact(real) : shortest_any(real);
  char buffer[REAL_MOST], *end = buffer + sizeof buffer, *digits = digits_before(end, decimal.digits);
  int count = (int)(end - digits), point = count + decimal.exponent;
  if (point > -4 && point <= 16)
    put_plain(json, digits, count, point);
  else
    put_scientific(json, digits, count, point);
}

void json_put_string(struct json_text *json, const char *text) {
  json_put_char(json, '"');
  for (const char *p = text; *p; p++) {
    unsigned char c = (unsigned char)*p;
    if (c == '"' || c == '\\') {
      json_put_char(json, '\\');
      json_put_char(json, *p);
    } else if (c < 0x20) {
      char escape[8];
      snprintf(escape, sizeof escape, "\\u%04x", c);
      json_put_text(json, escape);
    } else {
      json_put_char(json, *p);
    }
  }
  json_put_char(json, '"');
}

void json_free(struct json_text *json) {
  free(json->text);
  *json = (struct json_text){0};
}
