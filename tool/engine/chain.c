#include "tool/engine/chain.h"
#include <string.h>

/* ------------------------------------------------------------------------------------------------ stand-ins */

static bool is_mentioned(struct engine *engine, const struct token_list *tokens, const char *name) {
  bool found = false;
  for (size_t i = 0; i < tokens->n && !found; i++) {
    if (!token_is_name(&tokens->tokens[i])) continue;
    found = sqlite3_stricmp(shadow_value(engine, &tokens->tokens[i]), name) == 0;
  }
  return found;
}

bool chain_mentions(struct engine *engine, const char *select, const char *name) {
  struct token_list tokens = {0};
  if (!tokens_read(select, &tokens)) engine_fail_memory(engine);
  bool found = is_mentioned(engine, &tokens, name);
  tokens_free(&tokens);
  return found;
}

/* The result's own columns, without those that the tool added to the stored ones. What a broken summary's are isn't known;
   who reads it fails anyway. */
static char *columns(struct engine *engine, const struct summary *s) {
  if (s->broken) return "*";
  sqlite3_str *out = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < s->n_columns; i++)
    sqlite3_str_appendf(out, "%s\"%w\"", i ? ", " : "", s->columns[i].name);
  return engine_finish(engine, out);
}

bool chain_stand_in(struct engine *engine, const struct catalog *catalog, const struct token_list *tokens,
                    struct stand_ins *stand_ins) {
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    const struct summary *s = catalog->summaries[i];
    if (!is_mentioned(engine, tokens, s->name)) continue;
    stand_ins->names = engine_grow(engine, stand_ins->names, &stand_ins->n, sizeof *stand_ins->names);
    if (!stand_ins->names) return false;
    stand_ins->names[stand_ins->n++] = s->name;
    const struct sql_variable *v = sql_literal(engine, 0, "name", quoted(engine, s->name));
    v = sql_literal(engine, v, "columns", columns(engine, s));
    sql_run(engine, "stand_in",
            sql_literal(engine, v, "stored", engine_printf(engine, "\"%w_stored\"", s->name)));
  }
  return engine_ok(engine);
}

void chain_stand_down(struct engine *engine, struct stand_ins *stand_ins) {
  struct failure failure = engine_suspend(engine);
  for (size_t i = 0; i < stand_ins->n; i++)
    engine_exec(engine, engine_printf(engine, "DROP VIEW IF EXISTS temp.\"%w\"", stand_ins->names[i]));
  stand_ins->n = 0;
  if (failure.code) engine_resume(engine, failure);
}

/* -------------------------------------------------------------------------------------------------- reading */

struct summary *chain_read(const struct catalog *catalog, const char *table, const char *inner) {
  static const char ending[] = "_stored";
  size_t n = strlen(inner);
  if (n == 0 || sqlite3_strnicmp(table, inner, (int)n) != 0 || sqlite3_stricmp(table + n, ending) != 0)
    return 0;
  return catalog_find(catalog, inner);
}

bool chain_is_stored(const struct catalog *catalog, const char *table) {
  for (size_t i = 0; i < catalog->n; i++)
    if (chain_read(catalog, table, catalog->summaries[i]->name)) return true;
  return false;
}

bool chain_depends(const struct summary *s, const char *table) {
  if (s->source && sqlite3_stricmp(s->source->name, table) == 0) return true;
  for (size_t i = 0; i < s->n_tables; i++)
    if (sqlite3_stricmp(s->tables[i], table) == 0) return true;
  return false;
}

bool chain_reads(const struct summary *s, const struct summary *other) {
  for (size_t i = 0; i < s->n_parents; i++)
    if (s->parents[i] == other || chain_reads(s->parents[i], other)) return true;
  return false;
}

/* -------------------------------------------------------------------------------------------------- nesting */

/* Does each bucket of `outer` begin where one of `inner` does? `day` is a day in the unit of fixed widths. */
static bool nests(const struct grain *inner, const struct grain *outer, int64_t day) {
  if (inner->kind == outer->kind)
    return outer->width % inner->width == 0 && (outer->offset - inner->offset) % inner->width == 0;
  return inner->kind == GRAIN_FIXED && day % inner->width == 0 && inner->offset % inner->width == 0;
}

/* In a zone buckets nest where they do on its clock: the grain as if the clock read UTC. */
static bool on_clock(struct engine *engine, const struct time_grain *zoned, struct grain *grain) {
  const struct time_shape text = {.is_text = true, .separator = ' '};
  struct time_grain clock = *zoned;
  clock.zone = 0;
  return grain_from(engine, &clock, &text, grain);
}

bool chain_check_nesting(struct engine *engine, const struct summary *parent, const struct bucket_call *call,
                         const struct grain *grain) {
  const char *mine = call->zone ? call->zone : "UTC", *theirs = parent->zone ? parent->zone : "UTC";
  if (strcmp(mine, theirs) != 0)
    return engine_fail(
        engine, CODE_FAILED,
        "the buckets of %s are in %s and these in %s, so that theirs don't nest in these; use the same zone, "
        "or summarize %s",
        parent->name, theirs, mine, parent->source->name);
  if (grain->scale != parent->grain.scale)
    return engine_fail(engine, CODE_FAILED,
                       "the buckets of %s are in another unit; give time_bucket the unit that %s gives it "
                       "('ms', 'us' or 'ns')",
                       parent->name, parent->name);
  struct grain inner = parent->grain, outer = *grain;
  int64_t day = 86400 * grain->scale;
  if (call->zone) {
    if (!on_clock(engine, parent->zone_grain, &inner) || !on_clock(engine, call->grain, &outer)) return false;
    day = 86400;
  }
  if (nests(&inner, &outer, day)) return true;
  return engine_fail(
      engine, CODE_FAILED,
      "the buckets of %s (%s) don't nest in these (%s): some would lie in two of them; use a width and an "
      "origin that nest, or summarize %s",
      parent->name, parent->bucket_signature, call->signature, parent->source->name);
}
