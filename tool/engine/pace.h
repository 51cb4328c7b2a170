/*
** How long a refresh keeps others waiting: the size of its next write transaction follows from how long the last
** one held the lock, and writers get a gap between two. Times are seconds on engine_clock_s().
*/
#ifndef ALMANAC_PACE_H
#define ALMANAC_PACE_H
#include <stdbool.h>
#include <stdint.h>

struct engine;

struct pace {
  double began_s;       /* the write transaction that is open; 0: none */
  double ended_s;       /* when it ended; 0: none yet */
  double held_s;        /* how long the last one held the lock */
  double worked_s;      /* of it, before the commit */
  double commit_s;      /* what committing takes, smoothed: mostly the disk's time */
  double others_s;      /* when others were last seen to have written; 0: never */
  double crowd;         /* 0 to 1: how often the lock was others' when it was wanted, lately */
  bool company;         /* other refreshers are at the same summary */
  int64_t data_version; /* SQLite's, which tells of others' writes */
};

/* Before BEGIN IMMEDIATE: leaves writers a gap, unless they have just had one. */
void pace_before(struct engine *engine);

/* After BEGIN IMMEDIATE, which had to wait or not; after COMMIT, which took `commit_s`, or ROLLBACK. */
void pace_began(struct engine *engine, bool waited);
void pace_ended(struct engine *engine, double commit_s);

/* How long the next write transaction should hold the lock: far less than --lock-ms where others write. */
double pace_goal_s(const struct engine *engine);

/* How many of something the next write transaction should take, `n` having been `worked_s`, a commit not counted:
   where the disk is slow, smaller transactions would only be more of its time. */
int64_t pace_next(const struct engine *engine, int64_t n, double worked_s);

/* A refresh's commits need no disk of their own in WAL mode: after a power failure what the last ones did may be
   undone in their order, so that nothing is wrong, and it is done again. */
void pace_relax(struct engine *engine);

#endif
