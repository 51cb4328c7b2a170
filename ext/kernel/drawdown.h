/*
** The drawdown of a sliding window of values, O(1) amortized a step. See drawdown.c for how.
** Plain C: no SQLite here.
*/
#ifndef ALMANAC_DRAWDOWN_H
#define ALMANAC_DRAWDOWN_H
#include <stddef.h>
#include <stdint.h>

/* How far `value` lies below `peak`: value / peak - 1, or value - peak. */
typedef enum { DRAWDOWN_RATIO, DRAWDOWN_ABSOLUTE } drawdown_mode;

/* What a question about the window can find. */
typedef enum {
  DRAWDOWN_FOUND,
  DRAWDOWN_EMPTY,    /* no values in the window */
  DRAWDOWN_UNDEFINED /* a ratio, and a negative value is in the window */
} drawdown_answer;

/* Neighbouring values that have the same answer, whichever of them is the window's oldest. */
typedef struct {
  double peak;
  union {
    double lowest;  /* in `back`: the lowest value of the run */
    double deepest; /* in `front`: the deepest drawdown from the run to the end of `front` */
  };
  int64_t count;
} drawdown_run;

typedef struct {
  drawdown_run *runs;
  size_t head, size, capacity; /* runs[head .. size) are in use */
} drawdown_runs;

typedef struct {
  drawdown_mode mode;
  int64_t undefined; /* the oldest values up to the newest negative one; nothing of them is kept */
  int64_t length;    /* the values behind those, in `front` and then `back` */
  drawdown_runs front, back;
  double back_highest, back_lowest, back_deepest; /* over `back`, while it has runs */
  double newest;
} drawdown_queue;

void drawdown_init(drawdown_queue *queue, drawdown_mode mode);
void drawdown_free(drawdown_queue *queue);
/* Adds the newest value (no NaN: SQLite has none); 0, or -1 when out of memory, and nothing has changed. */
int drawdown_push(drawdown_queue *queue, double value);
/* Drops the oldest value; does nothing to an empty queue. Needs no memory. */
void drawdown_pop(drawdown_queue *queue);
/* The deepest drawdown of the window: the minimum over i <= j of value j against value i; at most 0. */
drawdown_answer drawdown_deepest(const drawdown_queue *queue, double *result);
/* The newest value against the window's highest; at most 0. */
drawdown_answer drawdown_newest(const drawdown_queue *queue, double *result);

#endif
