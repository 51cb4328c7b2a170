/*
** The processes of `--jobs N`. The first is the command itself; the others are forked before it opens the
** database, for a connection must not be carried over a fork, and wait for orders: the names of summaries to
** refresh. They share the work as overlapping commands do, by claims, and tell what they have done, so that the
** first says it as one. What they fail at they say to nobody: it is left for the first, which meets the same.
*/
#ifndef ALMANAC_JOBS_H
#define ALMANAC_JOBS_H
#include "tool/engine/engine.h"
#include <sys/types.h>

enum { JOBS_MAX = 64 };

struct jobs_sum {
  int64_t partitions;
  int64_t rows;
};

struct jobs {
  struct job {
    pid_t pid;
    int socket; /* -1 once it has ended */
    bool works; /* on the last order */
  } others[JOBS_MAX];
  int n;    /* other processes; 0 in those themselves */
  int boss; /* in those: the socket on which orders come; else -1 */
  struct jobs_sum
      *sums; /* done by the others, for each name of the last order; in those: done and not told */
  size_t n_sums;
  double forked_s; /* on engine_clock_s() */
  bool signaled;   /* the others were asked to end; a second signal would end them at once */
};

/* Forks settings->jobs - 1 processes, or as many as the system allows. True in the first one, false in the others,
   where the settings are silent and have what is left of --max-time when the first order comes. */
bool jobs_fork(struct jobs *jobs, struct settings *settings);

/* The first process: */

/* Has the others refresh the summaries of these names. */
void jobs_order(struct jobs *jobs, char *const *names, size_t n);

/* Takes in what they have told so far; never waits. */
void jobs_listen(struct jobs *jobs);

/* Waits until all are done with the order or have ended; once a signal came, it ends them. */
void jobs_wait(struct jobs *jobs);

/* What they have done for the order's name number `i`, as far as it was told. */
struct jobs_sum jobs_done(const struct jobs *jobs, size_t i);

/* Ends the others and waits for that. */
void jobs_dismiss(struct jobs *jobs);

/* The others: */

/* Waits for an order: *n names, one after the other, a zero byte behind each (sqlite3_free); NULL once the first
   process has ended. */
char *jobs_next(struct jobs *jobs, size_t *n);

/* Tells what was done for name number `i`. The end of the first process ends this one here. */
void jobs_tell(struct jobs *jobs, size_t i, int64_t partitions, int64_t rows);

/* Tells that the order is done with. */
void jobs_tell_end(struct jobs *jobs);

#endif
