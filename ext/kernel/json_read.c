/* A strict JSON reader: see json_read.h. Its grammar is RFC 8259's, with nothing added. */
#include "ext/kernel/json_read.h"
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MOST                                                                                          \
  1100 /* characters; the longest that doubles need, 767 digits and what surrounds them, fits */

bool json_fail(struct json_reader *reader, const char *problem) {
  if (!reader->problem) reader->problem = problem;
  return false;
}

/* The next character, or NUL at the end. A NUL within the text is no JSON either way. */
static char here(const struct json_reader *reader) {
  return reader->at < reader->length ? reader->text[reader->at] : '\0';
}

static void skip_blanks(struct json_reader *reader) {
  while (reader->at < reader->length) {
    char c = reader->text[reader->at];
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
    reader->at++;
  }
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

enum json_kind json_peek(struct json_reader *reader) {
  if (reader->problem) return JSON_BAD;
  skip_blanks(reader);
  char c = here(reader);
  if (is_digit(c) || c == '-') return JSON_NUMBER;
  switch (c) {
  case '[':
    return JSON_ARRAY;
  case '{':
    return JSON_OBJECT;
  case '"':
    return JSON_STRING;
  case 'n':
    return JSON_NULL;
  case 't':
  case 'f':
    return JSON_BOOLEAN;
  }
  json_fail(reader, reader->at < reader->length ? "a value must stand here" : "it ends too early");
  return JSON_BAD;
}

void json_enter(struct json_reader *reader) {
  reader->at++;
}

bool json_more(struct json_reader *reader, char close, size_t *count) {
  if (reader->problem) return false;
  skip_blanks(reader);
  char c = here(reader);
  if (c == close) {
    reader->at++;
    return false;
  }
  if (*count) {
    if (c != ',' && reader->at >= reader->length) return json_fail(reader, "it ends too early");
    if (c != ',')
      return json_fail(reader,
                       close == ']' ? "a comma or ] must stand here" : "a comma or } must stand here");
    reader->at++;
  }
  ++*count;
  return true;
}

void json_colon(struct json_reader *reader) {
  if (reader->problem) return;
  skip_blanks(reader);
  if (here(reader) == ':')
    reader->at++;
  else
    json_fail(reader, "a colon must stand here");
}

/* ---- Numbers ---- */

/* Passes digits, at least one. */
static bool pass_digits(struct json_reader *reader) {
  if (!is_digit(here(reader))) return json_fail(reader, "a digit must stand here");
  while (is_digit(here(reader))) reader->at++;
  return true;
}

/* Passes a number by the grammar; tells whether it has neither point nor exponent. */
static bool pass_number(struct json_reader *reader, bool *whole) {
  *whole = true;
  if (here(reader) == '-') reader->at++;
  if (here(reader) == '0') {
    reader->at++;
    if (is_digit(here(reader))) return json_fail(reader, "a number must not start with 0");
  } else if (!pass_digits(reader)) {
    return false;
  }
  if (here(reader) == '.') {
    *whole = false;
    reader->at++;
    if (!pass_digits(reader)) return false;
  }
  if (here(reader) == 'e' || here(reader) == 'E') {
    *whole = false;
    reader->at++;
    if (here(reader) == '+' || here(reader) == '-') reader->at++;
    if (!pass_digits(reader)) return false;
  }
  return true;
}

/* The integer that the digits make, if it fits. */
static bool read_integer(const char *text, size_t length, int64_t *integer) {
  bool negative = text[0] == '-';
  uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
  for (size_t i = negative; i < length; i++) {
    uint64_t digit = (uint64_t)(text[i] - '0');
    if (value > (most - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *integer = negative ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

/* The double nearest to the decimal, by the C library, whose decimal point is that of the host's locale. */
static double read_real(const char *text, size_t length) {
  char buffer[NUMBER_MOST + 16];
  const char *point = localeconv()->decimal_point;
  size_t point_length = strlen(point), used = 0;
  if (point_length > 8) point_length = 8;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '.') {
      memcpy(buffer + used, point, point_length);
      used += point_length;
    } else {
      buffer[used++] = text[i];
    }
  }
  buffer[used] = '\0';
  return strtod(buffer, NULL);
}

bool json_read_number(struct json_reader *reader, struct json_number *number) {
  bool whole;
  if (reader->problem) return false;
  skip_blanks(reader);
  size_t start = reader->at;
  if (!pass_number(reader, &whole)) return false;
  const char *text = reader->text + start;
  size_t length = reader->at - start;
  number->is_integer = whole && read_integer(text, length, &number->integer);
  if (number->is_integer) {
    number->real = (double)number->integer;
    return true;
  }
  if (length <= NUMBER_MOST) {
    number->real = read_real(text, length);
    if (isfinite(number->real)) return true;
  }
  reader->at = start;
  return json_fail(reader, length > NUMBER_MOST ? "a number has too many digits" : "a number is too large");
}

/* ---- Strings ---- */

static bool read_hex4(struct json_reader *reader, uint32_t *code) {
  *code = 0;
  for (int i = 0; i < 4; i++) {
    char c = here(reader);
    uint32_t digit;
    if (is_digit(c))
      digit = (uint32_t)(c - '0');
    else if ((c | 32) >= 'a' && (c | 32) <= 'f')
      digit = (uint32_t)((c | 32) - 'a' + 10);
    else
      return json_fail(reader, "four hexadecimal digits must stand here");
    *code = *code << 4 | digit;
    reader->at++;
  }
  return true;
}

static void put_utf8(struct json_text *out, uint32_t code) {
  char bytes[4];
  size_t count;
  if (code < 0x80) {
    bytes[0] = (char)code;
    count = 1;
  } else {
    count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = count - 1; i > 0; i--) {
      bytes[i] = (char)(0x80 | (code & 63));
      code >>= 6;
    }
    bytes[0] = (char)((0xF00u >> count & 0xFF) | code);
  }
  json_put(out, bytes, count);
}

/* After "\u": one code point, of two escapes where they are surrogates. */
static bool read_unicode(struct json_reader *reader, struct json_text *out) {
  uint32_t code, low;
  if (!read_hex4(reader, &code)) return false;
  if (code >= 0xDC00 && code <= 0xDFFF) return json_fail(reader, "half a surrogate pair ends here");
  if (code >= 0xD800 && code <= 0xDBFF) {
    if (here(reader) != '\\') return json_fail(reader, "the other half of a surrogate pair must stand here");
    reader->at++;
    if (here(reader) != 'u') return json_fail(reader, "the other half of a surrogate pair must stand here");
    reader->at++;
    if (!read_hex4(reader, &low)) return false;
    if (low < 0xDC00 || low > 0xDFFF) return json_fail(reader, "half a surrogate pair ends here");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  if (out) put_utf8(out, code);
  return true;
}

/* After the backslash. */
static bool read_escape(struct json_reader *reader, struct json_text *out) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  char c = here(reader);
  const char *name = c ? strchr(names, c) : NULL;
  if (name) {
    reader->at++;
    if (out) json_put_char(out, values[name - names]);
    return true;
  }
  if (c != 'u') return json_fail(reader, "no such escape");
  reader->at++;
  return read_unicode(reader, out);
}

bool json_read_string(struct json_reader *reader, struct json_text *out) {
  if (reader->problem) return false;
  skip_blanks(reader);
  if (here(reader) != '"') return json_fail(reader, "a string must stand here");
  reader->at++;
  for (;;) {
    size_t start = reader->at;
    while (reader->at < reader->length) {
      unsigned char c = (unsigned char)reader->text[reader->at];
      if (c == '"' || c == '\\' || c < 0x20) break;
      reader->at++;
    }
    if (out) json_put(out, reader->text + start, reader->at - start);
    if (reader->at >= reader->length) return json_fail(reader, "it ends within a string");
    char c = reader->text[reader->at];
    if (c == '"') break;
    if (c != '\\') return json_fail(reader, "a control character within a string");
    reader->at++;
    if (!read_escape(reader, out)) return false;
  }
  reader->at++;
  return true;
}

/* ---- Any value ---- */

static bool pass_word(struct json_reader *reader) {
  static const char *const words[] = {"null", "true", "false"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    size_t length = strlen(words[i]);
    if (reader->length - reader->at >= length && memcmp(reader->text + reader->at, words[i], length) == 0) {
      reader->at += length;
      return true;
    }
  }
  return json_fail(reader, "a value must stand here");
}

/* No mutual recursion beyond JSON_DEPTH_MOST, so that no text can exhaust the host's stack. */
static bool skip_value(struct json_reader *reader, int depth) {
  size_t count = 0;
  struct json_number number;
  enum json_kind kind = json_peek(reader);
  switch (kind) {
  case JSON_NUMBER:
    return json_read_number(reader, &number);
  case JSON_STRING:
    return json_read_string(reader, NULL);
  case JSON_NULL:
  case JSON_BOOLEAN:
    return pass_word(reader);
  case JSON_ARRAY:
  case JSON_OBJECT:
    if (depth >= JSON_DEPTH_MOST) return json_fail(reader, "it is nested too deeply");
    json_enter(reader);
    while (json_more(reader, kind == JSON_ARRAY ? ']' : '}', &count)) {
      if (kind == JSON_OBJECT) {
        if (!json_read_string(reader, NULL)) return false;
        json_colon(reader);
      }
      if (!skip_value(reader, depth + 1)) return false;
    }
    return !reader->problem;
  default:
    return false;
  }
}

bool json_skip(struct json_reader *reader) {
  return skip_value(reader, 0);
}

bool json_end(struct json_reader *reader) {
  if (reader->problem) return false;
  skip_blanks(reader);
  return reader->at == reader->length || json_fail(reader, "nothing more must stand here");
}
