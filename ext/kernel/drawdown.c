/*
** The drawdown of a sliding window.
**
** (highest, lowest, deepest) is a monoid: of two neighbouring stretches a and b, the deepest drawdown is
** min(a.deepest, b.deepest, b.lowest against a.highest). A queue over a monoid is made of two stacks: `front`
** holds, for each of the older values, the answer from it to the end of `front`; `back` holds the newer values
** and one running answer. When the oldest value goes and `front` is empty, `back` is turned into the new
** `front`, from its end to its start. Each value is turned once, so a step costs O(1) amortized. (The two-stack
** queue is folklore; Tangwongsan, Hirzel and Schneider, "In-order sliding-window aggregation in worst-case
** constant time", 2021, describes it and its relatives.)
**
** Most values can never decide an answer, so they are not kept: the memory of a window that only grows (a plain
** aggregate, UNBOUNDED PRECEDING) would otherwise be that of all its values, only because one of them might have
** to go later. Take value i, the values behind it in the window, and let own(i) be the deepest drawdown from the
** peak i. If a later value is as high as i, and if own(i) is no deeper than the deepest drawdown among the later
** values, then i decides nothing, now or after any further values: whatever comes is as deep below the later
** peak. So i joins the run of the next kept value. What is left are the peaks not reached again and the records
** of the deepest drawdown seen from the end: a few dozen of a million values of a random walk, and all values
** only where they fall all the way or are built to that end (24 bytes each).
**
** The result is that of the comparison of all pairs to the bit: value / peak - 1 and value - peak are monotone
** in both operands also as rounded, so the highest peak and the lowest value give the minimum.
*/
#include "ext/kernel/drawdown.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 16

void drawdown_init(drawdown_queue *queue, drawdown_mode mode) {
  memset(queue, 0, sizeof *queue);
  queue->mode = mode;
}

void drawdown_free(drawdown_queue *queue) {
  free(queue->front.runs);
  free(queue->back.runs);
  drawdown_init(queue, queue->mode);
}

/*
** How far `value` is below `peak`. The comparison first, so that infinities and a peak of 0 never make a NaN:
** what is not below its peak has no drawdown.
*/
static double against(drawdown_mode mode, double value, double peak) {
  if (value >= peak) return 0;
  return mode == DRAWDOWN_RATIO ? value / peak - 1 : value - peak;
}

static double lower(double a, double b) {
  return b < a ? b : a;
}
static double higher(double a, double b) {
  return b > a ? b : a;
}

/* The answer over the last values of `back`, grown towards the older ones. */
typedef struct {
  double highest, lowest, deepest;
} suffix;

/* Takes in the run before the suffix. True if the run's peak or its drawdown decides the answer from there.
 */
static int grow_suffix(suffix *s, drawdown_mode mode, const drawdown_run *run) {
  double own = against(mode, s->lowest, run->peak);
  int decides = run->peak > s->highest || own < s->deepest;
  s->highest = higher(s->highest, run->peak);
  s->lowest = lower(s->lowest, run->lowest);
  s->deepest = lower(s->deepest, own);
  return decides;
}

static const suffix empty_suffix = {-INFINITY, INFINITY, 0};

/* Drops the values of `back` that can decide nothing any more. */
static void compress(drawdown_queue *queue) {
  drawdown_run *runs = queue->back.runs;
  size_t size = queue->back.size, kept = size;
  suffix s = empty_suffix;
  for (size_t i = size; i-- > 0;) {
    drawdown_run run = runs[i];
    if (grow_suffix(&s, queue->mode, &run) || kept == size) {
      runs[--kept] = run;
    } else {
      runs[kept].count += run.count;
      runs[kept].lowest = lower(runs[kept].lowest, run.lowest);
    }
  }
  memmove(runs, runs + kept, (size - kept) * sizeof *runs);
  queue->back.size = size - kept;
}

/* Makes `back` the new `front`, which must be empty; the old one's memory serves as the next `back`. */
static void turn(drawdown_queue *queue) {
  compress(queue);
  drawdown_runs turned = queue->back;
  suffix s = empty_suffix;
  for (size_t i = turned.size; i-- > 0;) {
    grow_suffix(&s, queue->mode, &turned.runs[i]);
    turned.runs[i].peak = s.highest;
    turned.runs[i].deepest = s.deepest;
  }
  queue->back = queue->front;
  queue->back.head = queue->back.size = 0;
  queue->front = turned;
}

/*
** Makes room for one more run: 0, or -1. Compressing costs as much as there is, so it must win half of the room
** or make way for twice as much: then each value pays for a constant part of it.
*/
static int reserve(drawdown_queue *queue) {
  drawdown_runs *back = &queue->back;
  if (back->size < back->capacity) return 0;
  if (back->size) compress(queue);
  if (back->capacity && back->size <= back->capacity / 2) return 0;
  size_t capacity = back->capacity ? back->capacity * 2 : FIRST_CAPACITY;
  if (capacity > SIZE_MAX / sizeof(drawdown_run)) return -1;
  drawdown_run *runs = realloc(back->runs, capacity * sizeof *runs);
  if (!runs) return -1;
  back->runs = runs;
  back->capacity = capacity;
  return 0;
}

int drawdown_push(drawdown_queue *queue, double value) {
  if (queue->mode == DRAWDOWN_RATIO && value < 0) {
    /* No answer until this value has gone, and everything before it goes first. */
    queue->undefined += queue->length + 1;
    queue->length = 0;
    queue->front.head = queue->front.size = queue->back.size = 0;
    queue->newest = value;
    return 0;
  }
  if (reserve(queue)) return -1;
  drawdown_runs *back = &queue->back;
  int first = back->size == 0;
  back->runs[back->size++] = (drawdown_run){.peak = value, .lowest = value, .count = 1};
  queue->length++;
  queue->newest = value;
  queue->back_highest = first ? value : higher(queue->back_highest, value);
  queue->back_lowest = first ? value : lower(queue->back_lowest, value);
  double drop = against(queue->mode, value, queue->back_highest);
  queue->back_deepest = first ? 0 : lower(queue->back_deepest, drop);
  return 0;
}

void drawdown_pop(drawdown_queue *queue) {
  if (queue->undefined) {
    queue->undefined--;
    return;
  }
  if (!queue->length) return;
  if (queue->front.head == queue->front.size) turn(queue);
  queue->length--;
  if (--queue->front.runs[queue->front.head].count == 0) queue->front.head++;
}

static drawdown_answer state(const drawdown_queue *queue) {
  if (queue->undefined) return DRAWDOWN_UNDEFINED;
  return queue->length ? DRAWDOWN_FOUND : DRAWDOWN_EMPTY;
}

drawdown_answer drawdown_deepest(const drawdown_queue *queue, double *result) {
  drawdown_answer answer = state(queue);
  if (answer != DRAWDOWN_FOUND) return answer;
  const drawdown_runs *front = &queue->front;
  int has_front = front->head<front->size, has_back = queue->back.size> 0;
  double deepest = has_back ? queue->back_deepest : 0;
  if (has_front) deepest = lower(deepest, front->runs[front->head].deepest);
  if (has_front && has_back)
    deepest = lower(deepest, against(queue->mode, queue->back_lowest, front->runs[front->head].peak));
  *result = deepest;
  return DRAWDOWN_FOUND;
}

drawdown_answer drawdown_newest(const drawdown_queue *queue, double *result) {
  drawdown_answer answer = state(queue);
  if (answer != DRAWDOWN_FOUND) return answer;
  const drawdown_runs *front = &queue->front;
  double highest = queue->back.size ? queue->back_highest : -INFINITY;
  if (front->head < front->size) highest = higher(highest, front->runs[front->head].peak);
  *result = against(queue->mode, queue->newest, highest);
  return DRAWDOWN_FOUND;
}
