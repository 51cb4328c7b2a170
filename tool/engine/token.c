/*
** SQLite's lexical rules, as its own tokenizer has them (https://sqlite.org/draft/tokenreq.html), so that a
** quote, a comment or a number ends here where it ends there. Any bytes are read without fault: what SQL does
** not have becomes a TOKEN_ILLEGAL.
**
** One difference on purpose: a comment that is never closed is illegal here. SQLite lets it run to the end of
** the text, which in a definitions file would drop statements without a word.
*/
#include "tool/engine/token.h"
#include <sqlite3.h>
#include <string.h>

/* ctype.h follows the locale; SQL does not. */
static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
static bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool starts_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool continues_word(char c) {
  return starts_word(c) || is_digit(c) || c == '$';
}

/* What is read next: where it ends and what it is. */
struct reader {
  const char *end;
  enum token_type type;
};

static size_t word_length(const char *text) {
  size_t n = 0;
  while (continues_word(text[n])) n++;
  return n;
}

/* Blanks, comments and byte order marks. An open comment stays, for read_comment to show. */
static const char *skip_blanks(const char *at) {
  for (;;) {
    if (is_blank(*at)) {
      at++;
    } else if (at[0] == '-' && at[1] == '-') {
      while (*at && *at != '\n') at++;
    } else if (at[0] == '/' && at[1] == '*') {
      const char *close = strstr(at + 2, "*/");
      if (!close) return at;
      at = close + 2;
    } else if (strncmp(at, "\xEF\xBB\xBF", 3) == 0) {
      at += 3;
    } else {
      return at;
    }
  }
}

/* A quote that is doubled inside stands for itself; a bracket has no such rule. */
static struct reader read_quoted(const char *at, char quote, enum token_type type) {
  const char *end = at + 1;
  for (; *end; end++) {
    if (*end != quote) continue;
    if (quote == ']' || end[1] != quote) return (struct reader){end + 1, type};
    end++;
  }
  return (struct reader){end, TOKEN_ILLEGAL};
}

static struct reader read_blob(const char *at) {
  const char *digits = at + 2;
  const char *end = digits;
  while (is_hex(*end)) end++;
  if (*end == '\'' && (end - digits) % 2 == 0) return (struct reader){end + 1, TOKEN_BLOB};
  while (*end && *end != '\'') end++;
  return (struct reader){*end ? end + 1 : end, TOKEN_ILLEGAL};
}

/* Digits with single separators between them: 1_000, as SQLite 3.46 reads them. */
static const char *skip_digits(const char *at, bool (*is_one)(char)) {
  while (is_one(*at) || (*at == '_' && is_one(at[-1]) && is_one(at[1]))) at++;
  return at;
}

static struct reader read_number(const char *at) {
  const char *end = at;
  if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X') && is_hex(at[2])) {
    end = skip_digits(at + 2, is_hex);
  } else {
    if (*end != '.') end = skip_digits(end, is_digit);
    if (*end == '.') end++;
    if (is_digit(*end)) end = skip_digits(end, is_digit);
    if (*end == 'e' || *end == 'E') {
      const char *exponent = end + 1;
      if (*exponent == '+' || *exponent == '-') exponent++;
      if (is_digit(*exponent)) end = skip_digits(exponent, is_digit);
    }
  }
  size_t rest = word_length(end);
  return (struct reader){end + rest, rest ? TOKEN_ILLEGAL : TOKEN_NUMBER};
}

/* :name, @name, $name, also with the :: and (suffix) that SQLite has from Tcl. */
static struct reader read_parameter(const char *at) {
  const char *end = at + 1;
  bool named = false;
  for (;;) {
    size_t n = word_length(end);
    named = named || n > 0;
    end += n;
    if (end[0] != ':' || end[1] != ':') break;
    end += 2;
  }
  if (!named) return (struct reader){end, TOKEN_ILLEGAL};
  if (*end != '(') return (struct reader){end, TOKEN_PARAMETER};
  end++;
  while (*end && !is_blank(*end) && *end != ')') end++;
  if (*end != ')') return (struct reader){end, TOKEN_ILLEGAL};
  return (struct reader){end + 1, TOKEN_PARAMETER};
}

static struct reader read_operator(const char *at) {
  static const char *const operators[] = {"->>", "->", "||", "<>", "!=", "<=", ">=", "==", "<<", ">>"};
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
    size_t n = strlen(operators[i]);
    if (strncmp(at, operators[i], n) == 0) return (struct reader){at + n, TOKEN_OPERATOR};
  }
  return (struct reader){at + 1, strchr("()+-*/%,;.=<>|&~", *at) ? TOKEN_OPERATOR : TOKEN_ILLEGAL};
}

/* The token at `at`, which is neither the end nor a blank. Never empty, so that every reader comes to an end.
 */
static struct reader read_token(const char *at) {
  switch (*at) {
  case '\'':
    return read_quoted(at, '\'', TOKEN_STRING);
  case '"':
  case '`':
    return read_quoted(at, *at, TOKEN_QUOTED);
  case '[':
    return read_quoted(at, ']', TOKEN_QUOTED);
  case '?': {
    const char *end = at + 1;
    while (is_digit(*end)) end++;
    return (struct reader){end, TOKEN_PARAMETER};
  }
  case ':':
  case '@':
  case '$':
    return read_parameter(at);
  case '/':
    if (at[1] == '*') return (struct reader){at + strlen(at), TOKEN_ILLEGAL};
    break;
  }
  if ((*at == 'x' || *at == 'X') && at[1] == '\'') return read_blob(at);
  if (is_digit(*at) || (*at == '.' && is_digit(at[1]))) return read_number(at);
  if (starts_word(*at)) return (struct reader){at + word_length(at), TOKEN_WORD};
  return read_operator(at);
}

static bool append(struct token_list *list, size_t *capacity, struct token token) {
  if (list->n == *capacity) {
    size_t wanted = *capacity ? 2 * *capacity : 64;
    struct token *grown = sqlite3_realloc64(list->tokens, wanted * sizeof *grown);
    if (!grown) return false;
    list->tokens = grown;
    *capacity = wanted;
  }
  list->tokens[list->n++] = token;
  return true;
}

bool tokens_read(const char *sql, struct token_list *list) {
  size_t capacity = 0;
  *list = (struct token_list){0};
  for (const char *at = skip_blanks(sql); *at;) {
    struct reader read = read_token(at);
    if (!append(list, &capacity, (struct token){read.type, at, (size_t)(read.end - at)})) {
      tokens_free(list);
      return false;
    }
    at = skip_blanks(read.end);
  }
  return true;
}

void tokens_free(struct token_list *list) {
  sqlite3_free(list->tokens);
  *list = (struct token_list){0};
}

bool token_is(const struct token *token, const char *word) {
  if (token->type != TOKEN_WORD && token->type != TOKEN_OPERATOR) return false;
  return strlen(word) == token->length && sqlite3_strnicmp(token->start, word, (int)token->length) == 0;
}

bool token_is_name(const struct token *token) {
  return token->type == TOKEN_WORD || token->type == TOKEN_QUOTED;
}

char *token_value(const struct token *token) {
  char *value = sqlite3_malloc64((sqlite3_uint64)token->length + 1);
  if (!value) return NULL;
  bool quoted = token->type == TOKEN_QUOTED || token->type == TOKEN_STRING;
  const char *from = token->start + quoted;
  const char *end = token->start + token->length - quoted;
  char *to = value;
  while (from < end) {
    *to++ = *from;
    /* Inside quotes the quote itself only comes doubled. */
    from += quoted && *from == *token->start && *token->start != '[' ? 2 : 1;
  }
  *to = 0;
  return value;
}
