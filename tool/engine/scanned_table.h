/*
** The rows that a scan has computed as a table of this connection, so that publishing them is one statement. Columns are
** those of the stored table, and hidden behind them `i`, the number of the partition in {claimed}, by which rows are
** found. Nothing of it is in the schema: the table is there as long as it is open.
*/
#ifndef ALMANAC_SCANNED_TABLE_H
#define ALMANAC_SCANNED_TABLE_H
#include "tool/engine/scanning.h"

struct scanned_table {
  const char *name;
  const char *declaration; /* CREATE TABLE as SQLite is told it */
  const struct scanning *scanning;
};

/* Makes the table `name`. Close it while no statement reads it. */
bool scanned_table_open(struct engine *engine, const struct scanning *scanning, const char *name,
                        const char *declaration, struct scanned_table *table);
void scanned_table_close(struct engine *engine, struct scanned_table *table);

#endif
