/*
** What goes to standard error: standard output is kept for data. Formats are sqlite3_mprintf's. A message
** replaces a progress bar that stands on the line; the bar comes back with its next step.
*/
#ifndef ALMANAC_TALK_H
#define ALMANAC_TALK_H
#include "tool/engine/engine.h"

/* Good to know: shown on a terminal and with --verbose. */
void talk_notice(const struct settings *settings, const char *format, ...);

/* Something to act on: shown always, unless --quiet. */
void talk_warning(const struct settings *settings, const char *format, ...);

/* Why the command failed: always shown. */
void talk_error(const char *message);

/* One line that is drawn again and again. Nothing is drawn unless standard error is a terminal, nor within
   the first tenth of a second. Belongs to the caller; holds no memory. */
struct progress {
  const char *name; /* what is worked on; NULL: draw nothing */
  int64_t total;    /* of steps; 0: not known */
  double started_s;
  double drawn_s;
  bool drawn; /* is there a line to clear? */
};

void progress_start(struct progress *progress, const struct settings *settings, const char *name,
                    int64_t total);

/* `done` of the total steps are done, for which `rows` rows were read so far. Cheap enough for every batch.
 */
void progress_step(struct progress *progress, int64_t done, int64_t rows);

/* Clears the line. */
void progress_end(struct progress *progress);

#endif
