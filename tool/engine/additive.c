#include "tool/engine/additive.h"

/* With none of these a SELECT looks at rows one by one and at groups one by one: no window or limit over
   several groups, no second look at the source, no row made of nothing by an outer join. */
static bool is_excluded(const struct token *token) {
  static const char *const words[] = {"over",   "limit",   "union",  "intersect", "except",
                                      "exists", "with",    "left",   "right",     "full",
                                      "outer",  "natural", "values", "distinct",  "collate"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (token_is(token, words[i])) return true;
  return false;
}

/* Is the token the source's name, where it is not in front of a column? */
static bool names_source(const struct summary *s, const struct token_list *list, size_t i) {
  const struct token *token = &list->tokens[i];
  if (!token_is_name(token) || (i + 1 < list->n && token_is(token + 1, ".")) ||
      (i > 0 && token_is(token - 1, ".")))
    return false;
  char *name = token_value(token);
  bool same = name && sqlite3_stricmp(name, s->parent ? s->parent->name : s->source->name) == 0;
  sqlite3_free(name);
  return same;
}

bool additive_by_form(const struct summary *s, const struct token_list *list) {
  if (!s->source) return false;
  size_t n_selects = 0, n_sources = 0;
  for (size_t i = 0; i < list->n; i++) {
    if (is_excluded(&list->tokens[i])) return false;
    n_selects += token_is(&list->tokens[i], "select");
    n_sources += names_source(s, list, i);
  }
  if (n_selects != 1 || n_sources != 1) return false;
  for (size_t k = 0; k < s->n_partition; k++) {
    bool grouped = false;
    for (size_t i = 0; i < s->n_columns; i++)
      grouped |= s->columns[i].partition == (int)k && s->columns[i].grouped;
    if (!grouped) return false;
  }
  return true;
}

/* The parenthesis of a window's definition, after OVER or after WINDOW name AS, begins at token i. */
static bool opens_window(const struct token_list *list, size_t i) {
  const struct token *token = &list->tokens[i];
  if (!token_is(token, "(") || i == 0) return false;
  if (token_is(token - 1, "over")) return true;
  if (i < 3 || !token_is(token - 1, "as") || !token_is_name(token - 2)) return false;
  /* WINDOW a AS (...), b AS (...): of the second one nothing but the comma tells, as of a WITH; there a SELECT follows. */
  bool selects = i + 1 < list->n && (token_is(token + 1, "select") || token_is(token + 1, "with") ||
                                     token_is(token + 1, "values"));
  return token_is(token - 3, "window") || (token_is(token - 3, ",") && !selects);
}

bool additive_never(const struct token_list *list) {
  for (size_t i = 0; i < list->n; i++) {
    if (!opens_window(list, i)) continue;
    /* (base ...) takes what it partitions by from the window of that name, which is looked at itself. */
    bool partitions =
        i + 1 < list->n && token_is_name(&list->tokens[i + 1]) && !token_is(&list->tokens[i + 1], "order") &&
        !token_is(&list->tokens[i + 1], "partition") && !token_is(&list->tokens[i + 1], "rows") &&
        !token_is(&list->tokens[i + 1], "range") && !token_is(&list->tokens[i + 1], "groups");
    int depth = 0;
    for (size_t k = i; k < list->n; k++) {
      if (token_is(&list->tokens[k], "(")) depth++;
      if (token_is(&list->tokens[k], ")") && --depth == 0) break;
      partitions |= depth == 1 && token_is(&list->tokens[k], "partition");
    }
    if (!partitions) return true;
  }
  return false;
}
