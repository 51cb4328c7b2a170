#include "tool/engine/order.h"
#include "tool/engine/chain.h"
#include "tool/engine/declare.h"
#include <string.h>

struct waiting {
  const struct definitions *file;
  const struct statement *statement;
  char *missing; /* the summary that it waits for; NULL: the end, as what read a rebuilt one */
  bool done;
};

static bool add_waiting(struct engine *engine, struct order *order, const struct definitions *file,
                        const struct statement *statement, char *missing) {
  order->waiting = engine_grow(engine, order->waiting, &order->n_waiting, sizeof *order->waiting);
  if (!order->waiting) return false;
  order->waiting[order->n_waiting++] = (struct waiting){file, statement, missing, false};
  return true;
}

/* Will a summary of that name be declared: by the files, or for it waits itself? (If it was by now, it would be found.) */
static bool is_to_come(const struct order *order, const char *name) {
  for (int i = 0; i < order->n_files; i++)
    for (size_t k = 0; k < order->files[i].n; k++) {
      const struct statement *statement = &order->files[i].statements[k];
      if (statement->type == STATEMENT_CREATE && sqlite3_stricmp(statement->name, name) == 0) return true;
    }
  for (size_t i = 0; i < order->n_waiting; i++)
    if (!order->waiting[i].done && sqlite3_stricmp(order->waiting[i].statement->name, name) == 0) return true;
  return false;
}

/* The table that SQLite misses, by its message; NULL where that isn't what failed. */
static char *missing_table(const char *error) {
  static const char words[] = "no such table: ";
  const char *found = error ? strstr(error, words) : 0;
  return found ? sqlite3_mprintf("%s", found + strlen(words)) : 0;
}

/* A summary that the statement mentions and that the files declare anew further on: it may be what's amiss. */
static char *changing(struct engine *engine, const struct order *order, const struct statement *statement) {
  bool later = false;
  for (int i = 0; i < order->n_files; i++)
    for (size_t k = 0; k < order->files[i].n; k++) {
      const struct statement *next = &order->files[i].statements[k];
      later |= next == order->at;
      if (!later || next == order->at || next->type != STATEMENT_CREATE) continue;
      const struct summary *existing = catalog_find(order->catalog, next->name);
      if (!existing || declare_same(engine, existing->definition, next->text)) continue;
      if (chain_mentions(engine, statement->select, next->name)) return next->name;
    }
  return 0;
}

/* Which summary is to come before the one that failed to be declared? NULL where that isn't the reason. */
static char *find_missing(struct engine *engine, const struct order *order,
                          const struct statement *statement) {
  char *error = engine_recover(engine, 0); /* looked at without it */
  char *missing = missing_table(error);
  if (missing && !is_to_come(order, missing)) {
    sqlite3_free(missing);
    missing = 0;
  }
  char *name = missing ? engine_printf(engine, "%s", missing) : changing(engine, order, statement);
  sqlite3_free(missing);
  if (!name && engine_ok(engine)) engine_fail(engine, CODE_FAILED, "%s", error);
  sqlite3_free(error);
  return name;
}

/* Declares it; false with a failed engine, or without one where *missing is to come first. */
static bool try(struct engine *engine, struct order *order, const struct definitions *file,
                const struct statement *statement, char **missing) {
  struct summary *created = 0;
  *missing = 0;
  if (declare_create(engine, order->catalog, file, statement, &created)) {
    order->created = engine_grow(engine, order->created, &order->n_created, sizeof *order->created);
    if (order->created) order->created[order->n_created++] = created;
    return engine_ok(engine);
  }
  if (!engine->of_moment && engine->code == CODE_FAILED) *missing = find_missing(engine, order, statement);
  return false;
}

static bool create(struct engine *engine, struct order *order, const struct definitions *file,
                   const struct statement *statement);

/* Those that waited for the summary that has come. */
static bool try_waiting(struct engine *engine, struct order *order, const char *name) {
  for (size_t i = 0; i < order->n_waiting && engine_ok(engine); i++) {
    struct waiting one = order->waiting[i];
    if (one.done || !one.missing || sqlite3_stricmp(one.missing, name) != 0) continue;
    order->waiting[i].done = true;
    create(engine, order, one.file, one.statement);
  }
  return engine_ok(engine);
}

static bool create(struct engine *engine, struct order *order, const struct definitions *file,
                   const struct statement *statement) {
  char *missing;
  if (try(engine, order, file, statement, &missing)) return try_waiting(engine, order, statement->name);
  return engine_ok(engine) && add_waiting(engine, order, file, statement, missing);
}

static void free_definitions(void *definitions) {
  definitions_free(definitions);
}

/* A level's zoom is what can be dropped; its place is put before the message by whoever declares the zoom. */
static void fail_frozen(struct engine *engine, const struct order *order, const struct definitions *file,
                        const struct summary *existing) {
  char *place = existing->zoom ? engine_printf(engine, "its level %s", existing->name)
                               : engine_printf(engine, "%s:%d:%d: %s", file->file, order->at->line,
                                               order->at->column, existing->name);
  engine_fail(engine, CODE_FAILED,
              "%s: its definition has changed, but rows that it is computed from are "
              "pruned: what is stored of them "
              "would be lost. Give the new definition another name or, if that is meant, DROP "
              "MATERIALIZED VIEW %s first",
              place, existing->zoom ? existing->zoom : existing->name);
}

bool order_check_frozen(struct engine *engine, const struct order *order, const struct definitions *file,
                        const struct summary *existing) {
  if (declare_holds_frozen(engine, existing)) fail_frozen(engine, order, file, existing);
  return engine_ok(engine);
}

void order_note(struct engine *engine, struct order *order, char *note) {
  order->notes = engine_grow(engine, order->notes, &order->n_notes, sizeof *order->notes);
  if (order->notes) order->notes[order->n_notes++] = note;
}

/* What reads it is dropped with it, and declared again at the end unless the files do so. */
bool order_replace(struct engine *engine, struct order *order, const struct definitions *file,
                   struct summary *existing, char *note) {
  if (!order_check_frozen(engine, order, file, existing)) return false;
  order_note(engine, order, note);
  size_t n;
  struct summary **dropped = declare_drop_readers(engine, order->catalog, &existing, 1, &n);
  for (size_t i = 0; i < n && engine_ok(engine); i++) {
    if (dropped[i] == existing) continue;
    order_note(engine, order,
               engine_printf(engine, "%s: it reads %s: it is rebuilt", dropped[i]->name, existing->name));
    struct definitions *definitions = engine_alloc(engine, sizeof *definitions);
    if (!definitions || !definitions_read(engine, dropped[i]->name, dropped[i]->definition, definitions))
      return false;
    engine_defer(engine, free_definitions, definitions);
    add_waiting(engine, order, definitions, &definitions->statements[0], 0);
  }
  return engine_ok(engine);
}

bool order_declare(struct engine *engine, struct order *order, const struct definitions *file,
                   const struct statement *statement) {
  struct summary *existing = catalog_find(order->catalog, statement->name);
  order->at = statement;
  if (existing && declare_same(engine, existing->definition, statement->text) && !existing->broken)
    return true;
  bool kept = false;
  if (existing && !declare_keep(engine, order->catalog, existing, file, statement, &kept)) return false;
  if (kept) return true;
  if (existing &&
      !order_replace(engine, order, file, existing,
                     engine_printf(engine, "%s: its definition has changed: it is rebuilt", existing->name)))
    return false;
  for (size_t i = 0; i < order->n_waiting; i++)
    order->waiting[i].done |= sqlite3_stricmp(order->waiting[i].statement->name, statement->name) == 0;
  return create(engine, order, file, statement);
}

static const struct waiting *waiting_for(const struct order *order, const char *name) {
  for (size_t i = 0; i < order->n_waiting; i++)
    if (!order->waiting[i].done && sqlite3_stricmp(order->waiting[i].statement->name, name) == 0)
      return &order->waiting[i];
  return 0;
}

/* Whoever still waits does so for one that waits: following them leads round. */
static bool fail_circle(struct engine *engine, const struct order *order, const struct waiting *one) {
  /* After as many steps as there are, it is on the circle itself. */
  for (size_t i = 0; i < order->n_waiting; i++) {
    const struct waiting *next = waiting_for(order, one->missing);
    if (!next)
      return engine_fail(engine, CODE_FAILED, "%s:%d:%d: %s: no such table: %s", one->file->file,
                         one->statement->line, one->statement->column, one->statement->name, one->missing);
    one = next;
  }
  char *circle = engine_printf(engine, "%s", one->statement->name);
  const struct waiting *at = one;
  do {
    at = waiting_for(order, at->missing);
    circle = engine_printf(engine, "%s -> %s", circle, at->statement->name);
  } while (at != one && engine_ok(engine));
  return engine_fail(engine, CODE_FAILED, "%s:%d:%d: summaries read each other in a circle: %s",
                     one->file->file, one->statement->line, one->statement->column, circle);
}

bool order_finish(struct engine *engine, struct order *order) {
  order->at = 0;
  for (size_t i = 0; i < order->n_waiting && engine_ok(engine); i++) {
    struct waiting one = order->waiting[i];
    if (one.done || one.missing) continue;
    order->waiting[i].done = true;
    create(engine, order, one.file, one.statement);
  }
  for (size_t i = 0; i < order->n_waiting && engine_ok(engine); i++)
    if (!order->waiting[i].done) return fail_circle(engine, order, &order->waiting[i]);
  return engine_ok(engine);
}
