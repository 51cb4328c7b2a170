/*
** The SELECT of a zoom: a time, key columns and a value, or key columns, x and y, plain columns of one table, which a WHERE
** may limit. From it come the definitions of the levels (those over space in zoom_cells.h).
*/
#ifndef ALMANAC_ZOOM_SELECT_H
#define ALMANAC_ZOOM_SELECT_H
#include "tool/engine/zoom.h"

enum { ZOOM_KEYS_MAX = 8, ZOOM_COLUMNS_MAX = ZOOM_KEYS_MAX + 2 };

struct zoom_select {
  char *names[ZOOM_COLUMNS_MAX];   /* of the columns: the time, the keys, the value; or the keys, x, y */
  char *columns[ZOOM_COLUMNS_MAX]; /* the table's columns that they are */
  char *items[ZOOM_COLUMNS_MAX];   /* the same as written: value, r.value */
  size_t n;
  size_t first_key; /* where its n - 2 keys begin */
  char *from;       /* as written: readings, readings AS r */
  char *alias;      /* by which columns may be qualified: r, or the table's name, as written */
  char *where;      /* `(...) AND `, or "" */
  struct source *source;
};

/* Reads the statement's SELECT, over time or over space. Fails with FILE:LINE:COLUMN and the remedy. */
bool zoom_select_read(struct engine *engine, const struct definitions *definitions,
                      const struct statement *statement, bool is_space, struct zoom_select *select);

/* The CREATE statement of level i; `options` go behind its own option: ", keep_raw = '1 year'" or "". */
char *zoom_select_level(struct engine *engine, const struct zoom_select *select, const struct zoom *zoom,
                        size_t i, const char *options);

/* The CREATE VIEW of the zoom's name. */
char *zoom_select_view(struct engine *engine, const struct zoom_select *select, const char *name,
                       const char *statement_select);

#endif
