/*
** Reading zooms: pyramids that `almanac apply` declares (WITH (zoom = ...)) and `almanac refresh` fills. What is read
** equals what the raw rows give, whatever has changed since the last refresh.
**
** A zoom has levels, the finest first; each is an ordinary summary with stored rows. Which of those count, the
** engine's own tables tell (tool/README.md, "The tables"): not those of changed buckets, nor those of the tail.
** Where they don't, the next finer level is read, and so on down to raw rows (kernel/pyramid_plan.h). All that happens
** with small prepared statements on stored tables, which live as long as the connection.
**
** One call: pyramid_begin, then any of the others, pyramid_end. Errors stick: every function of a call does nothing once
** one has failed, and returns false.
*/
#ifndef ALMANAC_PYRAMID_H
#define ALMANAC_PYRAMID_H
#include "ext/pyramid/axis.h"

enum { PYRAMID_LEVELS_MAX = 32, PYRAMID_KEYS_MAX = 32 };

/* What is asked of a level, or of the raw rows. Parameters: the keys, from, to (and for COUNT, the limit). */
enum pyramid_question {
  PYRAMID_ROWS,       /* the function's columns of a level; time and value of raw rows */
  PYRAMID_ROWS_UPTO,  /* raw rows with time <= to, where the others have < */
  PYRAMID_FIRST,      /* the first time */
  PYRAMID_FIRST_UPTO, /* raw rows */
  PYRAMID_LAST,
  PYRAMID_LAST_UPTO,
  PYRAMID_COUNT,   /* how many rows a level has, counted up to a limit */
  PYRAMID_WEIGHTS, /* n of each of a level's rows */
  PYRAMID_QUESTIONS
};

/* A level as the catalog has it. levels[0] of a zoom stands for the raw rows: it has statements alone. */
struct pyramid_level {
  sqlite3_int64 id; /* of the summary */
  char *name;       /* of the summary */
  char *width_text; /* as time_bucket takes it */
  struct pyramid_grid grid;
  sqlite3_stmt *dirty; /* its changed buckets within a range */
  sqlite3_stmt *questions[PYRAMID_QUESTIONS];
};

struct pyramid {
  struct pyramid *next;
  char *identity; /* of all that the catalog says of it: the statements are made for that */
  char *name, *time, *value;
  char *keys[PYRAMID_KEYS_MAX];
  int n_keys;
  sqlite3_int64 track;
  struct pyramid_axis axis;
  struct pyramid_level levels[PYRAMID_LEVELS_MAX + 1];
  int n_levels;
  sqlite3_stmt *trust, *region;
};

/* What a function keeps of zooms on a connection. */
struct pyramids {
  sqlite3 *db;
  const char *function;      /* static; errors start with it */
  const char *level_columns; /* static; what PYRAMID_ROWS gives of a level's rows, which are `s` */
  sqlite3_stmt *find, *hold;
  struct pyramid *list;
};

/* The value of a key column. */
struct pyramid_key {
  int type; /* SQLite's */
  sqlite3_int64 integer;
  double real;
  const char *bytes;
  int length;
};

struct pyramid_call {
  struct pyramids *zooms;
  struct pyramid *zoom;
  sqlite3_value *lo, *hi; /* NULL: open */
  struct pyramid_end lo_end, hi_end;
  bool empty; /* lo is above hi */
  struct pyramid_key keys[PYRAMID_KEYS_MAX];
  char *key_texts; /* of a JSON key */
  struct pyramid_range range;
  struct pyramid_layer layers[PYRAMID_LEVELS_MAX + 1];
  int usable;                   /* levels 1 to this have stored rows that count */
  int looked;                   /* the layers up to this are known */
  int64_t raw_from;             /* raw rows before are none */
  struct pyramid_spans changed; /* what the track has noted */
  struct pyramid_plan plan;
  int rc;
  char *error; /* sqlite3_malloc'ed; starts with the function */
};

struct pyramid_arguments {
  sqlite3_value *name, *lo, *hi, *key; /* NULL: left out, or NULL */
};

/* ---- call.c ---- */

/* Looks the zoom up, opens a snapshot and learns what of it counts. False with an error, or where there is nothing. */
bool pyramid_begin(struct pyramid_call *call, struct pyramids *zooms,
                   const struct pyramid_arguments *arguments);
/* Frees what the call holds but its error, and lets go of the snapshot. */
void pyramid_end(struct pyramid_call *call);
/* Finalizes everything. */
void pyramids_free(struct pyramids *zooms);

/* From here to pyramid_end all statements see the same rows. */
bool pyramid_hold(struct pyramid_call *call);

/* Sets the error: a message after the function's name; returns false. */
bool pyramid_fail(struct pyramid_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Takes an SQLite code; anything but OK, ROW and DONE fails the call, with the connection's message. */
bool pyramid_check(struct pyramid_call *call, int rc);

/* ---- catalog.c ---- */

/* The zoom of this name as the catalog has it now; NULL with the call's error, or without one where its table has been
   empty ever since it was declared: then there is nothing to read. */
struct pyramid *pyramid_find(struct pyramid_call *call, sqlite3_value *name);
/* The argument's text, where there are zooms at all; NULL with the call's error. */
const char *pyramid_name(struct pyramid_call *call, sqlite3_value *name, bool is_space);
/* Says that there is no zoom of that name, over time or over space, and which there are. */
bool pyramid_unknown(struct pyramid_call *call, const char *name, bool is_space);
/* Takes the names of the key columns, a JSON array. */
bool pyramid_read_keys(struct pyramid_call *call, struct pyramid *zoom, const char *json);
void pyramid_free(struct pyramid *zoom);

/* ---- keys.c ---- */

bool pyramid_take_key(struct pyramid_call *call, sqlite3_value *key);
bool pyramid_bind_keys(struct pyramid_call *call, sqlite3_stmt *statement);

/* ---- trust.c ---- */

/* How many levels have stored rows that count, and from when on there are raw rows. */
bool pyramid_look(struct pyramid_call *call);
/* Which buckets of the levels 1 to `level` don't count. */
bool pyramid_look_at(struct pyramid_call *call, int level);

/* ---- read.c ---- */

/* Takes a row: of a level PYRAMID_ROWS' columns, of raw rows (level 0) time and value. False: stop. */
typedef bool (*pyramid_row)(void *state, sqlite3_stmt *row, int level);

/* Reads the range from the levels 1 to `level` and what they lack, in order of time. */
bool pyramid_read(struct pyramid_call *call, int level, pyramid_row row, void *state);
/* The bucket of the finest level in which the range's first (last) row is; *found: there is one. */
bool pyramid_outermost(struct pyramid_call *call, bool last, int64_t *tick, bool *found);
/* How many rows of a level are in the range, about: counted up to `limit`. */
bool pyramid_count(struct pyramid_call *call, int level, int64_t limit, int64_t *count);
/* How many raw rows the stored rows of the finest level stand for, and how many these are. Stops where there are at
   least `rows_max` of the former and `buckets_max` of the latter, or `rows_end` of the former. */
bool pyramid_weigh(struct pyramid_call *call, int64_t rows_max, int64_t rows_end, int64_t buckets_max,
                   int64_t *rows, int64_t *buckets);

/* The statement for a question, prepared and with keys bound; NULL with the call's error. */
sqlite3_stmt *pyramid_ask(struct pyramid_call *call, int level, enum pyramid_question question);

#endif
