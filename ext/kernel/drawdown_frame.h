/*
** A frame of the last so many rows that slides along values: its peak, the newest value against it, the deepest
** drawdown within. O(1) amortized a row. Plain C: no SQLite here.
*/
#ifndef ALMANAC_DRAWDOWN_FRAME_H
#define ALMANAC_DRAWDOWN_FRAME_H
#include "ext/kernel/drawdown.h"
#include "ext/kernel/points.h"
#include <stdbool.h>

/* A value that is the frame's peak once the higher ones before it have left: 24 bytes. */
struct drawdown_peak {
  int64_t row;
  union {
    int64_t integer;
    double real;
  };
  bool is_real;
};

struct drawdown_frame {
  int64_t rows_most; /* in the frame, >= 1 */
  int64_t rows;      /* that have come */
  drawdown_queue queue;
  struct drawdown_peak *peaks; /* a ring, from the highest (the oldest) on, each higher than the next */
  size_t first, count, capacity;
};

void drawdown_frame_open(struct drawdown_frame *frame, int64_t rows_most);
void drawdown_frame_close(struct drawdown_frame *frame);

/* The next row, an integer or a real, and no NaN. False when out of memory, and then only closing is left. */
bool drawdown_frame_add(struct drawdown_frame *frame, const struct point_value *value);

/* The highest value of the frame, the newest of several. There must be a row. */
struct point_value drawdown_frame_peak(const struct drawdown_frame *frame);

#endif
