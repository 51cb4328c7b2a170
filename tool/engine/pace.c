#include "tool/engine/pace.h"
#include "tool/engine/engine.h"
#include <math.h>
#include <string.h>

#define GAP_LEAST_S 0.002 /* after shorter transactions writers have hardly waited */
#define OTHERS_S    2.0   /* who has written within this time is about to write again */

enum {
  GROWTH_MAX = 2,   /* one step of a batch's size up or down */
  SHARE_ALONE = 2,  /* the goal's share of --lock-ms: the rest is left for commits and surprises; */
  SHARE_BESIDE = 4, /* beside writers less, for few of them shall wait long; */
  COMMITS = 3,      /* but so many times what a commit takes, or the work would be commits */
  MEMORY = 8        /* about how many transactions `crowd` remembers */
};

/* How long the gap is, in times of the transaction before. Who waits for a gap leaves no trace, so that there is
   some where nobody was seen; where the lock is always wanted, writers get eight ninths of the time. */
#define GAP_ALONE   0.25
#define GAP_BESIDE  1.0
#define GAP_CROWDED 8.0
#define GAP_SHARED  2.0 /* less where it may be other refreshers who want it */

static bool others_write(const struct engine *engine) {
  return engine->pace.others_s > 0 && engine_clock_s() - engine->pace.others_s < OTHERS_S;
}

void pace_before(struct engine *engine) {
  const struct pace *pace = &engine->pace;
  if (pace->ended_s <= 0 || pace->held_s < GAP_LEAST_S) return;
  double most = pace->company || engine->settings->jobs > 1 ? GAP_SHARED : GAP_CROWDED;
  double gap_s = fmin(pace->held_s, pace_goal_s(engine));
  gap_s *= others_write(engine) ? GAP_BESIDE + (most - GAP_BESIDE) * pace->crowd : GAP_ALONE;
  double left_s = pace->ended_s + gap_s - engine_clock_s();
  if (left_s > 0) engine_sleep(left_s);
}

void pace_began(struct engine *engine, bool waited) {
  int64_t version = engine_int(engine, "PRAGMA data_version");
  engine->pace.began_s = engine_clock_s();
  if (engine->pace.data_version != 0 && version != engine->pace.data_version)
    engine->pace.others_s = engine->pace.began_s;
  engine->pace.data_version = version;
  engine->pace.crowd += ((waited ? 1 : 0) - engine->pace.crowd) / MEMORY;
}

void pace_ended(struct engine *engine, double commit_s) {
  struct pace *pace = &engine->pace;
  if (pace->began_s <= 0) return; /* it only read */
  pace->ended_s = engine_clock_s();
  pace->held_s = pace->ended_s - pace->began_s;
  pace->worked_s = pace->held_s - commit_s;
  pace->began_s = 0;
  if (commit_s > 0) pace->commit_s = pace->commit_s > 0 ? (3 * pace->commit_s + commit_s) / 4 : commit_s;
}

double pace_goal_s(const struct engine *engine) {
  double lock_s = engine->settings->lock_ms / 1000.0, alone_s = lock_s / SHARE_ALONE;
  if (!others_write(engine)) return alone_s;
  return fmin(alone_s, fmax(lock_s / SHARE_BESIDE, COMMITS * engine->pace.commit_s));
}

int64_t pace_next(const struct engine *engine, int64_t n, double worked_s) {
  double goal_s = pace_goal_s(engine);
  goal_s = fmax(goal_s - engine->pace.commit_s, goal_s / 2);
  double factor = worked_s > 0 ? goal_s / worked_s : GROWTH_MAX;
  factor = fmax(1.0 / GROWTH_MAX, fmin(GROWTH_MAX, factor));
  double next = (double)n * factor;
  return next < 1 ? 1 : next > 1e15 ? (int64_t)1e15 : (int64_t)ceil(next);
}

void pace_relax(struct engine *engine) {
  char *mode = engine_string(engine, "PRAGMA journal_mode");
  bool wal = mode && strcmp(mode, "wal") == 0;
  engine_exec(engine, wal ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
}
