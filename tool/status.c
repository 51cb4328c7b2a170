/* almanac status: one line for each summary, what is amiss below; all there is to know with --verbose and --json. */
#include "tool/engine/status.h"
#include "ext/kernel/json_write.h"
#include "tool/engine/inspect.h"
#include "tool/engine/upgrade.h"
#include "tool/verb.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* One summary: the columns of almanac_status, and what stands in no column. */
struct row {
  sqlite3_value **values;
  const struct summary *summary;
  const char *amiss;
  struct inspection more;
};

struct table {
  const char **names; /* of the columns; the last is refreshed_at's age in seconds, for the text alone */
  int n_columns;
  struct row *rows;
  size_t n;
  const char *trouble; /* why almanac_status can't be read as it should be, or NULL */
};

static sqlite3_value *value_of(const struct table *table, const struct row *row, const char *name) {
  int i = 0;
  while (i < table->n_columns && strcmp(table->names[i], name) != 0) i++;
  assert(i < table->n_columns);
  return row->values[i];
}

/* NULL for NULL. */
static const char *text_of(const struct table *table, const struct row *row, const char *name) {
  return (const char *)sqlite3_value_text(value_of(table, row, name));
}

/* ---------------------------------------------------------------------------------------------- reading */

static void release(void *value) {
  sqlite3_value_free(value);
}

static void read_row(struct engine *engine, sqlite3_stmt *rows, struct table *table) {
  table->rows = engine_grow(engine, table->rows, &table->n, sizeof *table->rows);
  struct row row = {.values = engine_alloc(engine, (size_t)table->n_columns * sizeof *row.values)};
  if (!table->rows || !row.values) return;
  for (int i = 0; i < table->n_columns; i++) {
    row.values[i] = sqlite3_value_dup(sqlite3_column_value(rows, i));
    if (!row.values[i]) {
      engine_fail_memory(engine);
      return;
    }
    engine_defer(engine, release, row.values[i]);
  }
  table->rows[table->n++] = row;
}

static void read_names(struct engine *engine, sqlite3_stmt *rows, struct table *table) {
  table->n_columns = rows ? sqlite3_column_count(rows) : 0;
  table->names = engine_alloc(engine, (size_t)(table->n_columns + 1) * sizeof *table->names);
  for (int i = 0; table->names && i < table->n_columns; i++)
    table->names[i] = engine_printf(engine, "%s", sqlite3_column_name(rows, i));
}

static void complete(struct engine *engine, const struct catalog *catalog, struct table *table,
                     struct row *row) {
  const char *name = text_of(table, row, "name");
  row->summary = name ? catalog_find(catalog, name) : 0;
  row->amiss = row->summary ? row->summary->broken : 0;
  if (!row->amiss) row->amiss = text_of(table, row, "amiss");
  bool asked = engine->settings->json || engine->settings->verbose;
  if (asked && row->summary) inspect(engine, row->summary, &row->more);
}

/* All of it from one snapshot. */
static bool read_table(struct engine *engine, const struct catalog *catalog, struct table *table) {
  char *trouble = 0;
  memset(table, 0, sizeof *table);
  sqlite3_stmt *rows = status_read(engine, catalog, &trouble);
  table->trouble = trouble;
  read_names(engine, rows, table);
  while (engine_step(engine, rows)) read_row(engine, rows, table);
  engine_finalize(engine, rows);
  for (size_t i = 0; i < table->n && engine_ok(engine); i++)
    complete(engine, catalog, table, &table->rows[i]);
  return engine_ok(engine);
}

/* ------------------------------------------------------------------------------------------------- JSON */

static void put_key(struct json_text *json, const char *name) {
  json_put_char(json, ',');
  json_put_string(json, name);
  json_put_char(json, ':');
}

static void put_value(struct json_text *json, sqlite3_value *value) {
  int type = sqlite3_value_type(value);
  if (type == SQLITE_INTEGER)
    json_put_integer(json, sqlite3_value_int64(value));
  else if (type == SQLITE_FLOAT)
    json_put_real(json, sqlite3_value_double(value));
  else if (type == SQLITE_NULL)
    json_put_text(json, "null");
  else {
    const char *text = (const char *)sqlite3_value_text(value);
    json_put_string(json, text ? text : "");
  }
}

static void put_owners(struct json_text *json, const struct inspection *more) {
  json_put_char(json, '[');
  for (size_t i = 0; i < more->n_owners; i++) {
    json_put_text(json, i ? ",{\"pid\":" : "{\"pid\":");
    if (more->owners[i])
      json_put_integer(json, more->owners[i]);
    else
      json_put_text(json, "null");
    json_put_text(json, ",\"partitions\":");
    json_put_integer(json, more->claimed[i]);
    json_put_char(json, '}');
  }
  json_put_char(json, ']');
}

static void put_row(struct json_text *json, const struct table *table, const struct row *row) {
  for (int i = 0; i < table->n_columns - 1; i++) {
    if (i > 0)
      put_key(json, table->names[i]);
    else
      json_put_text(json, "{\"name\":");
    if (strcmp(table->names[i], "amiss") == 0 && row->amiss)
      json_put_string(json, row->amiss);
    else
      put_value(json, row->values[i]);
  }
  put_key(json, "bytes");
  json_put_integer(json, row->more.bytes);
  put_key(json, "bytes_estimated");
  json_put_text(json, row->more.estimated ? "true" : "false");
  put_key(json, "owners");
  put_owners(json, &row->more);
  json_put_char(json, '}');
}

static int print_json(struct engine *engine, const struct table *table) {
  struct json_text json = {0};
  for (size_t i = 0; i < table->n; i++) {
    json_put_text(&json, i ? ",\n " : "[");
    put_row(&json, table, &table->rows[i]);
  }
  json_put_text(&json, table->n ? "]\n" : "[]\n");
  if (json.failed)
    engine_fail_memory(engine);
  else
    fwrite(json.text, 1, json.length, stdout);
  json_free(&json);
  return engine->code;
}

/* ------------------------------------------------------------------------------------------------- text */

enum { COLUMNS = 8 };

static const struct column {
  const char *heading, *name;
  bool right; /* a number */
} columns[COLUMNS] = {
    {"name", "name", false},           {"kind", "kind", false},       {"refreshed", "age", false},
    {"stored to", "stored_to", false}, {"rows", "stored_rows", true}, {"dirty", "dirty", true},
    {"clean", "clean", true},          {"lag", "lag_seconds", true},
};

/* 12 s, 5 min, 3 h, 20 d. */
static char *duration(struct engine *engine, sqlite3_value *seconds, const char *suffix) {
  static const struct {
    const char *name;
    sqlite3_int64 seconds, up_to_s;
  } units[] = {{"s", 1, 120}, {"min", 60, 7200}, {"h", 3600, 172800}, {"d", 86400, INT64_MAX}};
  sqlite3_int64 s = sqlite3_value_int64(seconds);
  int i = 0;
  while (s >= units[i].up_to_s) i++;
  return engine_printf(engine, "%lld %s%s", s / units[i].seconds, units[i].name, suffix);
}

static const char *cell(struct engine *engine, const struct table *table, const struct row *row, int i) {
  const char *name = columns[i].name;
  sqlite3_value *value = value_of(table, row, name);
  bool age = strcmp(name, "age") == 0;
  if (sqlite3_value_type(value) == SQLITE_NULL) return age ? "never" : "";
  if (age) return duration(engine, value, " ago");
  if (strcmp(name, "lag_seconds") == 0) return duration(engine, value, "");
  /* Cut off: 100 % is when all is clean. */
  if (strcmp(name, "clean") == 0)
    return engine_printf(engine, "%d %%", (int)(sqlite3_value_double(value) * 100));
  const char *text = (const char *)sqlite3_value_text(value);
  return text ? text : "";
}

static void print_line(const char *const *cells, const int *widths) {
  for (int i = 0; i < COLUMNS; i++)
    printf("%*s%s", columns[i].right ? widths[i] : -widths[i], cells[i], i + 1 < COLUMNS ? "  " : "\n");
}

static void print_lines(struct engine *engine, const struct table *table) {
  const char *(*cells)[COLUMNS] = engine_alloc(engine, (table->n + 1) * sizeof *cells);
  int widths[COLUMNS] = {0};
  for (size_t r = 0; cells && r <= table->n; r++)
    for (int i = 0; i < COLUMNS; i++) {
      cells[r][i] = r == 0 ? columns[i].heading : cell(engine, table, &table->rows[r - 1], i);
      int width = (int)strlen(cells[r][i]);
      if (width > widths[i]) widths[i] = width;
    }
  for (size_t r = 0; cells && table->n > 0 && r <= table->n; r++) print_line(cells[r], widths);
}

/* What the table has no room for: a line each. */
static void print_notes(struct engine *engine, const struct table *table) {
  for (size_t i = 0; i < table->n; i++) {
    const struct row *row = &table->rows[i];
    const char *name = text_of(table, row, "name"), *exact = text_of(table, row, "exact");
    const char *error = text_of(table, row, "last_error"), *late = text_of(table, row, "late");
    bool paused = catalog_is_paused(engine);
    if (exact && strcmp(exact, "live") != 0) printf("%s: shows its rows %s\n", name, exact);
    if (row->amiss && !paused) printf("%s: amiss: %s\n", name, row->amiss);
    if (error && !(row->amiss && strcmp(error, row->amiss) == 0)) printf("%s: last error: %s\n", name, error);
    if (late && strcmp(late, "0") != 0) printf("%s: %s partitions got rows too late\n", name, late);
  }
  if (table->trouble)
    printf("almanac_status can't be read: %s; almanac refresh repairs it\n", table->trouble);
  if (catalog_is_paused(engine)) printf("paused: run almanac resume\n");
}

static void print_details(const struct table *table) {
  for (size_t r = 0; r < table->n; r++) {
    const struct row *row = &table->rows[r];
    printf("\n%s\n", text_of(table, row, "name"));
    for (int i = 1; i < table->n_columns - 1; i++) {
      bool amiss = strcmp(table->names[i], "amiss") == 0;
      const char *text = amiss ? row->amiss : text_of(table, row, table->names[i]);
      if (text) printf("  %-16s %s\n", table->names[i], text);
    }
    printf("  %-16s %lld%s\n", "bytes", (long long)row->more.bytes,
           row->more.estimated ? " (estimated)" : "");
    for (size_t i = 0; i < row->more.n_owners; i++)
      printf("  %-16s process %ld, %lld partitions\n", "claimed by", (long)row->more.owners[i],
             (long long)row->more.claimed[i]);
  }
}

int verb_status(struct engine *engine) {
  struct catalog catalog;
  struct table table;
  if (!upgrade_require(engine) || !engine_exec(engine, "BEGIN")) return engine->code;
  if (catalog_load(engine, &catalog)) read_table(engine, &catalog, &table);
  if (engine_ok(engine) && engine->settings->json) return print_json(engine, &table);
  if (!engine_ok(engine)) return engine->code;
  print_lines(engine, &table);
  print_notes(engine, &table);
  if (engine->settings->verbose) print_details(&table);
  return engine->code;
}
