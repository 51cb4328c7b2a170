/*
** Declaring summaries in whatever order a file has them: what reads a summary that comes later waits for it, and what
** read one that is rebuilt is rebuilt after it.
*/
#ifndef ALMANAC_ORDER_H
#define ALMANAC_ORDER_H
#include "tool/engine/catalog.h"

struct waiting;

struct order {
  struct catalog *catalog;
  const struct definitions *files;
  int n_files;
  const struct statement *at; /* of the files, that runs now */
  struct waiting *waiting;
  size_t n_waiting;
  struct summary **created; /* for whoever wants to tell of them */
  size_t n_created;
  char **notes; /* what the user should be told */
  size_t n_notes;
};

/* Declares a summary as the CREATE statement says, now or when what it reads is there. Leaves an unchanged one alone. */
bool order_declare(struct engine *engine, struct order *order, const struct definitions *file,
                   const struct statement *statement);

/* Fails where raw rows of the summary, or of the zoom that it is a level of, are pruned: what is stored of them would be lost. */
bool order_check_frozen(struct engine *engine, const struct order *order, const struct definitions *file,
                        const struct summary *existing);
/* Drops a summary that is to be something else or nothing from now on; what reads it is declared again at the end. */
bool order_replace(struct engine *engine, struct order *order, const struct definitions *file,
                   struct summary *existing, char *note);

/* Tells the user once all is well. */
void order_note(struct engine *engine, struct order *order, char *note);

/* After the last statement: what still waits. Summaries that read each other in a circle are an error that shows it. */
bool order_finish(struct engine *engine, struct order *order);

#endif
