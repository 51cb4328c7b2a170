/*
** Computing partitions into temporary tables from one read snapshot, and publishing them in a short write
** transaction: only those whose token is still ours, for of the others somebody has changed rows since.
*/
#ifndef ALMANAC_COMPUTE_H
#define ALMANAC_COMPUTE_H
#include "tool/engine/scanned_table.h"

enum { PROOF_PARTITIONS = 3 }; /* with fewer a proof would prove little */

/* The temporary objects of one summary's refresh. */
struct computation {
  const struct summary *summary;
  const struct sql_variable *variables;
  int64_t token;
  int64_t slice;   /* partitions computed by one statement */
  double row_s;    /* what publishing a row takes: from the last batch */
  double worked_s; /* how long publishing the last batch took, without the commits */
  bool
      searches; /* the partitions' rows are found by an index; otherwise every batch reads the whole source */
  struct scanning *scanning;  /* a scan computes them; NULL: SQL */
  struct scanned_table table; /* what it has computed, */
  bool scanned;               /* of the last batch */
};

bool compute_open(struct engine *engine, const struct summary *summary, int64_t token,
                  struct computation *computation);
bool compute_close(struct engine *engine, struct computation *computation);

/* Computes the rows of the partitions that {claimed} lists, or of a whole summary: within a transaction, from one
   snapshot. */
bool compute_listed(struct engine *engine, struct computation *computation);

/* Has claimed partitions computed by a scan from now on, where it can, or by SQL. */
bool compute_by_scan(struct engine *engine, struct computation *computation, bool scans);

/* Reads the partitions claimed under our token and computes their rows; *rows gets their number. Each slice is
   read in a transaction of its own: a reader would keep writers from committing where there is no WAL. *partitions is how many
   are claimed; a scan may find that they are too many at once, and gives some back, or that SQL must do it: then
   it gives all of them back. */
bool compute_claimed(struct engine *engine, struct computation *computation, int64_t *partitions,
                     int64_t *rows);

/* Replaces the stored rows of the claimed partitions, in as many transactions as --lock-ms asks for; *published
   gets the number of partitions. The last transaction claims the `next` ones, which saves one, and waiting for the disk; *taken gets their number. */
bool compute_publish(struct engine *engine, struct computation *computation, int64_t next, int64_t *published,
                     int64_t *taken);

/* A whole summary whose filling we have taken (claim.h): computes it all and publishes it as a new generation,
   in transactions of at most lock_ms. */
bool compute_whole(struct engine *engine, struct computation *computation, int64_t *rows);

/*
** Is the definition the sum of its partitions? Computes the newest three together and each alone and
** compares. *partitions gets how many there were: with fewer than three nothing is known yet. *disproof
** gets what is wrong, or NULL.
*/
bool compute_prove(struct engine *engine, const struct summary *summary, int *partitions, char **disproof);

/* The plan of the partition query, a line a step; *searches as in the computation. */
char *compute_plan(struct engine *engine, const struct summary *summary, bool *searches);

#endif
