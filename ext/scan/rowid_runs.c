#include "ext/scan/rowid_runs.h"
#include <stdlib.h>

/* When there is no room for another run, they are sorted and those that meet are merged, but not often, and only where
   it gives much. */
enum { RUNS_MAX = 8192, MERGES_MAX = 8 };

bool rowid_runs_open(struct rowid_runs *runs, uint64_t gap) {
  *runs = (struct rowid_runs){.gap = gap, .runs = malloc(RUNS_MAX * sizeof *runs->runs)};
  return runs->runs != NULL;
}

void rowid_runs_close(struct rowid_runs *runs) {
  free(runs->runs);
  runs->runs = NULL;
}

/* Takes the rowid into the run if it is near. Differences are unsigned: they may have all 64 bits. */
static inline bool extend(struct rowid_interval *run, uint64_t gap, int64_t rowid) {
  if (rowid > run->high) {
    if ((uint64_t)rowid - (uint64_t)run->high > gap) return false;
    run->high = rowid;
  } else if (rowid < run->low) {
    if ((uint64_t)run->low - (uint64_t)rowid > gap) return false;
    run->low = rowid;
  }
  return true;
}

static void merge(struct rowid_runs *runs) {
  struct rowid_interval *all = runs->runs;
  size_t last = 0;
  if (!runs->n) return;
  qsort(all, runs->n, sizeof *all, rowid_interval_order);
  for (size_t i = 1; i < runs->n; i++) {
    bool near = all[i].low <= all[last].high || (uint64_t)all[i].low - (uint64_t)all[last].high <= runs->gap;
    if (!near)
      all[++last] = all[i];
    else if (all[i].high > all[last].high)
      all[last].high = all[i].high;
  }
  runs->n = last + 1;
}

static bool begin(struct rowid_runs *runs, int64_t rowid) {
  if (runs->n == RUNS_MAX) {
    merge(runs);
    if (++runs->merges > MERGES_MAX || runs->n > RUNS_MAX / 2) return false;
  }
  runs->runs[runs->n++] = (struct rowid_interval){rowid, rowid};
  return true;
}

/* The last two runs are tried, so that one late row doesn't cost two runs: it, and the one to go back to. */
bool rowid_runs_add(struct rowid_runs *runs, const int64_t *rowids, size_t n) {
  for (size_t i = 0; i < n; i++) {
    size_t last = runs->n;
    if (last > 0 && extend(&runs->runs[last - 1], runs->gap, rowids[i])) continue;
    if (last > 1 && extend(&runs->runs[last - 2], runs->gap, rowids[i])) {
      struct rowid_interval swap = runs->runs[last - 1];
      runs->runs[last - 1] = runs->runs[last - 2];
      runs->runs[last - 2] = swap;
      continue;
    }
    if (!begin(runs, rowids[i])) return false;
  }
  runs->count += n;
  return true;
}

void rowid_runs_finish(struct rowid_runs *runs) {
  merge(runs);
}

uint64_t rowid_runs_span(const struct rowid_runs *runs) {
  uint64_t span = 0;
  for (size_t i = 0; i < runs->n; i++) {
    uint64_t more = (uint64_t)runs->runs[i].high - (uint64_t)runs->runs[i].low + 1;
    span = more && span + more > span ? span + more : UINT64_MAX;
  }
  return span;
}
