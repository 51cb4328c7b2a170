#include "tool/engine/pace.h"
#include "tool/engine/engine.h"
#include <math.h>
#include <string.h>

#define GAP_LEAST_S 0.002 /* after shorter transactions writers have hardly waited */
#define OTHERS_S    2.0   /* who has written within this time is about to write again */

enum {
  GROWTH_MAX = 4,     /* one step of a batch's size up or down */
  SHARE_ALONE = 2,    /* the goal's share of --lock-ms: half of it is left for a slow disk; */
  SHARE_BESIDE = 16,  /* beside writers a hundredth of which shall wait, not a tenth; */
  COMMITS = 4,        /* but so many times what a commit takes, or the work would be commits; */
  GAP_SHARE_ALONE = 4 /* a shorter gap where nobody was seen: who waits for a gap leaves no trace */
};

static bool others_write(const struct engine *engine) {
  return engine->pace.others_s > 0 && engine_clock_s() - engine->pace.others_s < OTHERS_S;
}

void pace_before(struct engine *engine) {
  const struct pace *pace = &engine->pace;
  if (pace->ended_s <= 0 || pace->held_s < GAP_LEAST_S) return;
  double gap_s = fmin(pace->held_s, engine->settings->lock_ms / 1000.0);
  if (!others_write(engine)) gap_s /= GAP_SHARE_ALONE;
  double left_s = pace->ended_s + gap_s - engine_clock_s();
  if (left_s > 0) engine_sleep(left_s);
}

void pace_began(struct engine *engine) {
  int64_t version = engine_int(engine, "PRAGMA data_version");
  engine->pace.began_s = engine_clock_s();
  if (engine->pace.data_version != 0 && version != engine->pace.data_version)
    engine->pace.others_s = engine->pace.began_s;
  engine->pace.data_version = version;
}

void pace_ended(struct engine *engine, double commit_s) {
  struct pace *pace = &engine->pace;
  if (pace->began_s <= 0) return; /* it only read */
  pace->ended_s = engine_clock_s();
  pace->held_s = pace->ended_s - pace->began_s;
  pace->began_s = 0;
  if (commit_s > 0) pace->commit_s = pace->commit_s > 0 ? (3 * pace->commit_s + commit_s) / 4 : commit_s;
}

double pace_goal_s(const struct engine *engine) {
  double lock_s = engine->settings->lock_ms / 1000.0, alone_s = lock_s / SHARE_ALONE;
  if (!others_write(engine)) return alone_s;
  return fmin(alone_s, fmax(lock_s / SHARE_BESIDE, COMMITS * engine->pace.commit_s));
}

int64_t pace_next(const struct engine *engine, int64_t n, double held_s) {
  double factor = held_s > 0 ? pace_goal_s(engine) / held_s : GROWTH_MAX;
  factor = fmax(1.0 / GROWTH_MAX, fmin(GROWTH_MAX, factor));
  double next = (double)n * factor;
  return next < 1 ? 1 : next > 1e15 ? (int64_t)1e15 : (int64_t)next;
}

void pace_relax(struct engine *engine) {
  char *mode = engine_string(engine, "PRAGMA journal_mode");
  bool wal = mode && strcmp(mode, "wal") == 0;
  engine_exec(engine, wal ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL");
}
