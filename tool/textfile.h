/*
** --textfile PATH: how the command went and how fresh the summaries are, in Prometheus' text format, for the
** textfile collector of node_exporter. The file is replaced as a whole, also after a failure.
*/
#ifndef ALMANAC_TEXTFILE_H
#define ALMANAC_TEXTFILE_H
#include "tool/engine/engine.h"

/* Writes the file for a run that began at `started_s` (engine_clock_s) and ended with `code`; nothing without
   --textfile or with --dry-run. The engine may have failed, or not have been opened. Returns the exit code: the
   file's failure is one, too, and is said here. */
int textfile_write(struct engine *engine, int code, double started_s);

#endif
