#include "tool/engine/declare.h"
#include "tool/engine/bounds.h"
#include "tool/engine/capture.h"
#include "tool/engine/chain.h"
#include "tool/engine/claim.h"
#include "tool/engine/compute.h"
#include "tool/engine/live_view.h"
#include "tool/engine/runs.h"
#include "tool/engine/status.h"
#include "tool/engine/zoom.h"
#include <string.h>

bool declare_same(struct engine *engine, const char *a, const char *b) {
  struct token_list left, right = {0};
  bool read = tokens_read(a, &left) && tokens_read(b, &right);
  if (!read) engine_fail_memory(engine);
  bool same = read && left.n == right.n;
  for (size_t i = 0; same && i < left.n; i++) {
    const struct token *x = &left.tokens[i], *y = &right.tokens[i];
    same = x->type == y->type && x->length == y->length &&
           (x->type == TOKEN_WORD ? sqlite3_strnicmp(x->start, y->start, (int)x->length) == 0
                                  : memcmp(x->start, y->start, x->length) == 0);
  }
  tokens_free(&left);
  tokens_free(&right);
  return same && engine_ok(engine);
}

/* --------------------------------------------------------------------------------------------------- create
 */

bool declare_check_free(struct engine *engine, const char *name) {
  char *stored = engine_printf(engine, "%s_stored", name), *spelled = 0;
  if (source_object(engine, name, &spelled) != OBJECT_NONE)
    return engine_fail(engine, CODE_FAILED,
                       "%s: there is a table, view or index of that name already, which is not a summary; "
                       "nothing was changed",
                       spelled);
  if (source_object(engine, stored, &spelled) != OBJECT_NONE)
    return engine_fail(engine, CODE_FAILED,
                       "%s: %s, where its rows would be stored, exists already; nothing was changed", name,
                       spelled);
  return engine_ok(engine);
}

/* The indexes of the stored table: the partition, then the plain columns of the source with it. */
static bool create_indexes(struct engine *engine, const struct summary *s, const struct sql_variable *v) {
  /* A zoom's level is clustered; without keys, by the partition itself. */
  if (summary_is_clustered(s) && s->n_clustered) return engine_ok(engine);
  if (s->zoom)
    return s->n_columns == ZOOM_VALUES + 1 ? engine_ok(engine) : sql_run(engine, "stored_index_partition", v);
  if (s->index) {
    v = sql_literal(engine, v, "columns", s->index);
    v = sql_literal(engine, v, "suffix", "i");
    return sql_run(engine, "stored_index", v) &&
           (s->kind == KIND_WHOLE || sql_run(engine, "stored_index_partition", v));
  }
  if (s->kind != KIND_WHOLE && !sql_run(engine, "stored_index_partition", v)) return false;
  sqlite3_str *columns = sqlite3_str_new(engine->db);
  int n = 0;
  for (size_t i = 0; i < s->n_columns && n < 3 && s->kind != KIND_KEY; i++) {
    const struct result_column *column = &s->columns[i];
    if (!column->indexed || column->partition >= 0) continue;
    n++;
    if (s->kind == KIND_TIME) {
      sqlite3_str_appendf(columns, "%s\"%w\"", n > 1 ? ", " : "", column->name);
      continue;
    }
    const struct sql_variable *each = sql_literal(engine, v, "columns", quoted(engine, column->name));
    if (!sql_run(engine, "stored_index", sql_literal(engine, each, "suffix", engine_printf(engine, "%d", n))))
      break;
  }
  char *list = engine_finish(engine, columns);
  if (n == 0 || s->kind == KIND_WHOLE) return engine_ok(engine);
  v = sql_literal(engine, v, "columns",
                  engine_printf(engine, "%s, %s", list, sql_text(engine, "partition_column", v)));
  return sql_run(engine, "stored_index", sql_literal(engine, v, "suffix", "k"));
}

static bool create_tables(struct engine *engine, struct summary *s) {
  const struct sql_variable *v = summary_variables(engine, s);
  if (!sql_run(engine, "stored_create", v)) return false;
  if (s->kind == KIND_TIME) sql_run(engine, "dirty_create_time", v);
  if (s->kind == KIND_KEY) sql_run(engine, "dirty_create_key", v);
  return engine_ok(engine);
}

/* What is not the sum of its partitions is an error where the partition was asked for, else whole. */
static bool prove(struct engine *engine, struct summary *s, bool asked) {
  int partitions = 0;
  char *disproof = 0;
  if (s->additive) partitions = PROOF_PARTITIONS;
  /* The parent's views are not there yet: the first refresh tries, once the parent is proven. */
  if (s->parent && !s->never_additive && !(s->additive && s->parent->proven)) return engine_ok(engine);
  if (s->never_additive)
    disproof =
        "a window without PARTITION BY runs over all rows, so that it is not the sum of its partitions";
  else if (!s->additive && !compute_prove(engine, s, &partitions, &disproof))
    return false;
  if (disproof && asked) return engine_fail(engine, CODE_FAILED, "%s: %s", s->name, disproof);
  if (disproof)
    return summary_become_whole(engine, s, disproof) &&
           sql_run(engine, "declare_whole",
                   sql_literal(engine, summary_variables(engine, s), "exact",
                               engine_printf(engine, "%Q", catalog_exact(s)))) &&
           create_tables(engine, s);
  s->proven = partitions >= PROOF_PARTITIONS;
  return engine_exec(engine, engine_printf(engine, "UPDATE almanac_summary SET proven=%d WHERE id=%lld",
                                           s->proven, (long long)s->id));
}

static const struct definition_option *find_option(const struct statement *statement, const char *name) {
  for (size_t i = 0; i < statement->n_options; i++)
    if (strcmp(statement->options[i].name, name) == 0) return &statement->options[i];
  return 0;
}

/* Did the definition ask for what only parts have? */
static bool asks_for_parts(const struct statement *statement) {
  return find_option(statement, "partition") || find_option(statement, "keep_raw") ||
         find_option(statement, "keep");
}

bool declare_create(struct engine *engine, struct catalog *catalog, const struct definitions *definitions,
                    const struct statement *statement, struct summary **created) {
  if (!declare_check_free(engine, statement->name)) return false;
  struct summary *s = engine_alloc(engine, sizeof *s);
  if (!s || !summary_derive(engine, catalog, definitions, statement, 0, s)) return false;
  char *known =
      s->kind == KIND_TIME
          ? engine_string(
                engine,
                engine_printf(
                    engine,
                    "SELECT shape FROM almanac_track WHERE source=%Q AND kind='time' AND expression=%Q",
                    s->source->name, s->time))
          : 0;
  if (known && strcmp(known, time_shape_text(engine, &s->shape)) != 0 &&
      !summary_derive(engine, catalog, definitions, statement, known, s))
    return false;
  if (!catalog_insert(engine, s) || !create_tables(engine, s) || !bounds_create(engine, s)) return false;
  /* Of an empty table nobody knows how its times will be spelled: until a refresh sees some, its name is its
   * query. */
  bool waits = s->kind == KIND_TIME && s->shape.is_guess;
  if (s->kind != KIND_WHOLE && !waits && !prove(engine, s, asks_for_parts(statement))) return false;
  if (!create_indexes(engine, s, summary_variables(engine, s))) return false;
  if (!capture_join(engine, catalog, s)) return false;
  *created = s;
  return catalog_append(engine, catalog, s);
}

/* ------------------------------------------------------------------------------------------------ retention
 */

bool declare_holds_frozen(struct engine *engine, const struct summary *s) {
  if (!s->frozen) return false;
  if (s->broken)
    return engine_int(engine, engine_printf(engine, "SELECT EXISTS(SELECT 1 FROM \"%w_stored\")", s->name)) !=
           0;
  return engine_int(engine, sql_text(engine, "frozen_any", summary_variables(engine, s))) != 0;
}

static bool is_keep(const struct definition_option *option) {
  return strcmp(option->name, "keep_raw") == 0 || strcmp(option->name, "keep") == 0;
}

/* Has `b` all options of `a`, but for how long rows are kept? */
static bool covers_options(struct engine *engine, const struct statement *a, const struct statement *b) {
  for (size_t i = 0; i < a->n_options; i++) {
    if (is_keep(&a->options[i])) continue;
    const struct definition_option *same = find_option(b, a->options[i].name);
    if (!same || !declare_same(engine, same->value, a->options[i].value)) return false;
  }
  return engine_ok(engine);
}

static bool same_but_keep(struct engine *engine, const struct summary *s, const struct statement *statement) {
  struct definitions old = {0};
  bool same = definitions_read(engine, s->name, s->definition, &old) && old.n == 1 &&
              declare_same(engine, old.statements[0].select, statement->select) &&
              covers_options(engine, &old.statements[0], statement) &&
              covers_options(engine, statement, &old.statements[0]);
  definitions_free(&old);
  return same;
}

bool declare_keep(struct engine *engine, const struct catalog *catalog, struct summary *s,
                  const struct definitions *definitions, const struct statement *statement, bool *changed) {
  *changed = false;
  if (s->broken || !same_but_keep(engine, s, statement)) return engine_ok(engine);
  struct summary *fresh = engine_alloc(engine, sizeof *fresh);
  const char *shape = s->kind == KIND_TIME ? time_shape_text(engine, &s->shape) : 0;
  struct catalog before = {.summaries = catalog->summaries};
  while (before.n < catalog->n && catalog->summaries[before.n] != s) before.n++;
  if (!fresh || !summary_derive(engine, &before, definitions, statement, shape, fresh)) return false;
  if (fresh->kind != s->kind) return true; /* declared anew it will say why it can't */
  *changed = true;
  s->definition = fresh->definition;
  s->keep_raw = fresh->keep_raw;
  s->keep = fresh->keep;
  s->keep_newest = fresh->keep_newest;
  if (s->kind != KIND_WHOLE && s->track) sql_run(engine, "keep_unpark", summary_variables(engine, s));
  return engine_exec(engine, engine_printf(engine, "UPDATE almanac_summary SET definition=%Q WHERE id=%lld",
                                           s->definition, (long long)s->id));
}

/* ----------------------------------------------------------------------------------------------- drop, arm
 */

bool declare_drop(struct engine *engine, struct catalog *catalog, struct summary *s) {
  const struct sql_variable *v =
      sql_literal(engine, 0, "id", engine_printf(engine, "%lld", (long long)s->id));
  v = sql_literal(engine, v, "stored", engine_printf(engine, "\"%w_stored\"", s->name));
  v = sql_literal(engine, v, "dirty", summary_object(engine, s, "dirty"));
  v = sql_literal(engine, v, "bounds", summary_object(engine, s, "bounds"));
  catalog_remove(catalog, s);
  return live_view_drop(engine, s) && sql_run(engine, "drop_summary", v);
}

bool declare_check_unread(struct engine *engine, const struct catalog *catalog, const struct summary *s) {
  for (size_t i = 0; i < catalog->n; i++)
    if (chain_reads(catalog->summaries[i], s))
      return engine_fail(
          engine, CODE_FAILED,
          "%s can't be dropped, for the summary %s reads it: drop that one too (almanac drop %s %s %s)",
          s->name, catalog->summaries[i]->name, engine->settings->database, s->name,
          catalog->summaries[i]->name);
  return engine_ok(engine);
}

struct summary **declare_drop_readers(struct engine *engine, struct catalog *catalog,
                                      struct summary *const *summaries, size_t n, size_t *n_dropped) {
  struct summary **dropped = engine_alloc(engine, (catalog->n + 1) * sizeof *dropped);
  *n_dropped = 0;
  for (size_t i = 0; dropped && i < catalog->n; i++) {
    bool goes = false;
    for (size_t k = 0; k < n; k++)
      goes |= catalog->summaries[i] == summaries[k] || chain_reads(catalog->summaries[i], summaries[k]);
    if (goes) dropped[(*n_dropped)++] = catalog->summaries[i];
  }
  for (size_t i = *n_dropped; i > 0 && engine_ok(engine); i--) declare_drop(engine, catalog, dropped[i - 1]);
  return dropped;
}

bool declare_again(struct engine *engine, struct catalog *catalog, struct summary *const *summaries,
                   size_t n) {
  size_t n_dropped;
  struct summary **dropped = declare_drop_readers(engine, catalog, summaries, n, &n_dropped);
  /* Their tracks go with what these were made of. */
  if (!engine_ok(engine) || !declare_arm(engine, catalog)) return false;
  for (size_t i = 0; i < n_dropped && engine_ok(engine); i++) {
    struct definitions definitions = {0};
    struct summary *created;
    if (definitions_read(engine, dropped[i]->name, dropped[i]->definition, &definitions) &&
        definitions.n == 1)
      declare_create(engine, catalog, &definitions, &definitions.statements[0], &created);
    definitions_free(&definitions);
  }
  return declare_arm(engine, catalog);
}

bool declare_arm(struct engine *engine, struct catalog *catalog) {
  for (size_t i = 0; i < catalog->n; i++) bounds_cover(engine, catalog->summaries[i]);
  if (!capture_arm(engine, catalog) || !claim_settle(engine, catalog)) return false;
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    struct summary *s = catalog->summaries[i];
    if (!s->broken && live_view_drop(engine, s)) live_view_create(engine, s);
    /* What a pause took away comes back as far as it can. */
    if (s->broken && s->select_live && s->live && source_object(engine, s->name, 0) == OBJECT_NONE)
      live_view_create_query(engine, s);
  }
  return zoom_arm(engine, catalog) && runs_forget(engine) && status_view(engine, catalog) &&
         catalog_keep_version(engine, catalog);
}

bool declare_remove_catalog(struct engine *engine) {
  return sql_run(engine, "catalog_drop", 0);
}
