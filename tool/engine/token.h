/*
** SQL as a list of tokens, by SQLite's rules: enough to split a definitions file into statements and to find
** and replace calls and names in a SELECT. There is no parser: what a SELECT means is asked of SQLite itself.
*/
#ifndef ALMANAC_TOKEN_H
#define ALMANAC_TOKEN_H
#include <stdbool.h>
#include <stddef.h>

enum token_type {
  TOKEN_WORD,      /* a keyword or a plain identifier */
  TOKEN_QUOTED,    /* "name", [name] or `name` */
  TOKEN_STRING,    /* 'text' */
  TOKEN_NUMBER,    /* 12, 1.5e3, 0xff */
  TOKEN_BLOB,      /* x'00ff' */
  TOKEN_PARAMETER, /* ?, ?1, :name, @name, $name */
  TOKEN_OPERATOR,  /* ( ) , ; . = <> || and so on, one token each */
  TOKEN_ILLEGAL    /* an unterminated quote or comment, or a character that SQL does not have */
};

struct token {
  enum token_type type;
  const char *start; /* within the text that was read; not terminated */
  size_t length;
};

struct token_list {
  struct token *tokens;
  size_t n;
};

/* Reads `sql` into `list` without blanks and comments. False when out of memory. Free with tokens_free. */
bool tokens_read(const char *sql, struct token_list *list);
void tokens_free(struct token_list *list);

/* Is the token this operator, or this unquoted word in any case? */
bool token_is(const struct token *token, const char *word);

/* Could the token be a name (an unquoted word or a quoted identifier)? */
bool token_is_name(const struct token *token);

/* The token's name or text without its quotes, doubled quotes made single; for other tokens as it stands.
   sqlite3_malloc'ed; NULL when out of memory. */
char *token_value(const struct token *token);

#endif
