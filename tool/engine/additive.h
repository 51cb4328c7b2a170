/* Is a definition the sum of its partitions? Its form may tell; otherwise it is tried (compute_prove). */
#ifndef ALMANAC_ADDITIVE_H
#define ALMANAC_ADDITIVE_H
#include "tool/engine/summary.h"

/* True for one SELECT over one mention of the source that groups by all partition columns: each group then lies
   within one partition. False where the form doesn't tell. */
bool additive_by_form(const struct summary *summary, const struct token_list *tokens);

/* True where a window has no PARTITION BY: it runs over all rows, whatever three partitions of them show. */
bool additive_never(const struct token_list *tokens);

#endif
