#include "tool/engine/claim.h"
#include "tool/engine/live_view.h"
#include "tool/engine/owner.h"
#include <string.h>

enum {
  LIST_FIRST = 2000, /* partitions listed in the first write transaction: some milliseconds */
  DEAD_MAX = 64,     /* dead refreshers whose work is taken back at once; more wait for the next time */
  SHARE_LEAST = 16   /* the smallest share of a batch near the end: smaller ones cost more than they save */
};

#define UPTO_ALL_TIMES "x'ff'" /* above any time */
#define UPTO_ALL_ROWS  "9223372036854775807"

/* ------------------------------------------------------------------------------------------------ settle */

/* Runs one statement with up to two values bound. */
static bool run_bound(struct engine *engine, const char *sql, sqlite3_value *first, sqlite3_value *second) {
  sqlite3_stmt *statement = engine_prepare(engine, sql);
  if (first) engine_bind_value(engine, statement, 1, first);
  if (second) engine_bind_value(engine, statement, 2, second);
  engine_step(engine, statement);
  engine_finalize(engine, statement);
  return engine_ok(engine);
}

static bool is_initial(sqlite3_value *tail) {
  if (sqlite3_value_type(tail) == SQLITE_TEXT) return sqlite3_value_bytes(tail) == 0;
  return sqlite3_value_double(tail) <= -9e18;
}

/* How far a settling goes in one transaction. */
struct extent {
  int64_t limit; /* partitions of a track */
  bool more;     /* some were left */
};

static const struct sql_variable *limited(struct engine *engine, const struct sql_variable *v,
                                          const struct extent *extent) {
  return sql_literal(engine, v, "limit", engine_printf(engine, "%lld", (long long)extent->limit));
}

/* Where the tail goes in this transaction: to `new`, or as far as the extent reaches; NULL on failure. */
static sqlite3_value *tail_stop(struct engine *engine, const struct summary *any, sqlite3_value *old,
                                sqlite3_value *new, struct extent *extent) {
  if (is_initial(old) || extent->limit == INT64_MAX) return sqlite3_value_dup(new);
  sqlite3_stmt *stop = engine_prepare(
      engine, sql_text(engine, "tail_stop", limited(engine, summary_variables(engine, any), extent)));
  engine_bind_value(engine, stop, 1, old);
  engine_bind_value(engine, stop, 2, new);
  bool bounded = engine_step(engine, stop) && sqlite3_column_int64(stop, 1) == extent->limit;
  sqlite3_value *to = sqlite3_value_dup(bounded ? sqlite3_column_value(stop, 0) : new);
  extent->more |= bounded;
  engine_finalize(engine, stop);
  return to;
}

/* The tail goes from `old` to `new`: what was stored above the old one may have lost rows, and what lies
   between the two is no longer found by walking. */
static bool move_tail(struct engine *engine, const struct catalog *catalog, const struct summary *any,
                      sqlite3_value *old, sqlite3_value *new) {
  bool initial = is_initial(old);
  for (size_t i = 0; i < catalog->n; i++) {
    struct summary *s = catalog->summaries[i];
    if (s->track != any->track) continue;
    /* What can't be derived now can't be handed its changes one by one: all of it is dirty. */
    if (s->broken || initial) {
      if (!claim_unfill(engine, s)) return false;
    } else if (!run_bound(engine, sql_text(engine, "tail_dirty_stored", summary_variables(engine, s)), old,
                          0))
      return false;
  }
  const struct sql_variable *v = summary_variables(engine, any);
  if (!run_bound(engine, sql_text(engine, "tail_move", v), old, new)) return false;
  return initial || run_bound(engine, sql_text(engine, "tail_walk", v), old, new);
}

static bool settle_tail(struct engine *engine, const struct catalog *catalog, const struct summary *any,
                        struct extent *extent) {
  sqlite3_str *ends = sqlite3_str_new(engine->db);
  for (size_t i = 0; i < catalog->n; i++) {
    const struct summary *s = catalog->summaries[i];
    if (s->track != any->track || s->broken) continue;
    const struct sql_variable *v = summary_variables(engine, s);
    sqlite3_str_appendf(ends, "%s%s", sqlite3_str_length(ends) ? ", " : "", sql_text(engine, "end_of_m", v));
  }
  const struct sql_variable *v = summary_variables(engine, any);
  /* max() of one argument would be the aggregate. */
  v = sql_literal(
      engine, v, "ends",
      engine_printf(engine, "%s, %s", engine_finish(engine, ends), sql_text(engine, "end_of_m", v)));
  sqlite3_stmt *statement = engine_prepare(engine, sql_text(engine, "tail_end", v));
  sqlite3_value *new = 0, *old = 0;
  if (engine_step(engine, statement)) {
    new = sqlite3_value_dup(sqlite3_column_value(statement, 0));
    old = sqlite3_value_dup(sqlite3_column_value(statement, 1));
    if (!new || !old) engine_fail_memory(engine);
  }
  bool moves =
      engine_ok(engine) && new &&sqlite3_value_type(new) != SQLITE_NULL &&sqlite3_column_int(statement, 2);
  engine_finalize(engine, statement);
  sqlite3_value *to = moves ? tail_stop(engine, any, old, new, extent) : 0;
  if (moves && !to) engine_fail_memory(engine);
  if (engine_ok(engine) && to) move_tail(engine, catalog, any, old, to);
  sqlite3_value_free(to);
  sqlite3_value_free(new);
  sqlite3_value_free(old);
  return engine_ok(engine);
}

/* Up to which row of the region this transaction goes, in SQL. */
static char *region_upto(struct engine *engine, const struct summary *any, struct extent *extent) {
  bool time = any->kind == KIND_TIME;
  const struct sql_variable *v = limited(engine, summary_variables(engine, any), extent);
  char *upto = engine_string(engine, sql_text(engine, time ? "region_upto_time" : "region_upto_key", v));
  extent->more |= upto != 0;
  return upto ? upto : time ? UPTO_ALL_TIMES : UPTO_ALL_ROWS;
}

static bool fan_out(struct engine *engine, const struct catalog *catalog, const struct summary *any,
                    struct extent *extent) {
  const struct sql_variable *v = summary_variables(engine, any);
  bool time = any->kind == KIND_TIME;
  if (engine_int(engine, sql_text(engine, time ? "region_any_time" : "region_any", v)) == 0)
    return engine_ok(engine);
  char *upto = region_upto(engine, any, extent);
  if (any->frozen) sql_run(engine, "count_late", sql_literal(engine, v, "upto", upto));
  for (size_t i = 0; i < catalog->n; i++) {
    struct summary *s = catalog->summaries[i];
    if (s->track == any->track && s->broken) claim_unfill(engine, s);
    if (s->track == any->track && !s->broken &&
        !sql_run(engine, time ? "fan_time" : "fan_key",
                 sql_literal(engine, summary_variables(engine, s), "upto", upto)))
      return false;
  }
  return sql_run(engine, time ? "region_clear_time" : "region_clear_key",
                 sql_literal(engine, v, "upto", upto));
}

static const struct sql_variable *table_region(struct engine *engine, int64_t track) {
  return sql_literal(engine, 0, "region", engine_printf(engine, "almanac_region_%lld", (long long)track));
}

static bool table_changed(struct engine *engine, int64_t track) {
  return engine_int(engine, sql_text(engine, "region_any", table_region(engine, track))) != 0;
}

/* Is a whole summary that reads the table being computed by somebody who lives? To hand the change out now would
   make that be in vain; a summary that takes longer than a cron's minute would never be done. */
static bool is_held(struct engine *engine, int64_t track) {
  bool held = false;
  sqlite3_stmt *owners = engine_prepare(
      engine, engine_printf(engine,
                            "SELECT s.token FROM almanac_depends d JOIN almanac_summary s ON s.id=d.summary "
                            "WHERE d.track=%lld AND s.kind='whole' AND s.token IS NOT NULL",
                            (long long)track));
  while (engine_step(engine, owners)) held |= owner_lives(engine, sqlite3_column_int64(owners, 0), 0);
  engine_finalize(engine, owners);
  return held;
}

static bool reads(struct engine *engine, const struct summary *s, int64_t track) {
  return engine_int(
             engine,
             engine_printf(engine,
                           "SELECT EXISTS(SELECT 1 FROM almanac_depends WHERE summary=%lld AND track=%lld)",
                           (long long)s->id, (long long)track)) != 0;
}

static bool fan_table(struct engine *engine, const struct catalog *catalog, int64_t track) {
  bool held = is_held(engine, track);
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    struct summary *s = catalog->summaries[i];
    if (!reads(engine, s, track)) continue;
    s->postponed |= held;
    if (!held) claim_unfill(engine, s);
  }
  return held || sql_run(engine, "region_clear", table_region(engine, track));
}

/* A table of which any change counts: all its summaries are dirty throughout. */
static bool fan_tables(struct engine *engine, const struct catalog *catalog) {
  sqlite3_stmt *tracks = engine_prepare(engine, "SELECT id FROM almanac_track WHERE kind='whole'");
  while (engine_step(engine, tracks)) {
    int64_t track = sqlite3_column_int64(tracks, 0);
    if (table_changed(engine, track)) fan_table(engine, catalog, track);
  }
  engine_finalize(engine, tracks);
  return engine_ok(engine);
}

/* Is it the first summary of its track that can stand for the track? Where all are broken, the first of them.
 */
static bool stands_for_track(const struct catalog *catalog, size_t index) {
  const struct summary *s = catalog->summaries[index];
  if (s->kind == KIND_WHOLE || !s->track) return false;
  for (size_t i = 0; i < catalog->n; i++) {
    const struct summary *other = catalog->summaries[i];
    if (other->track != s->track || i == index) continue;
    if (other->broken ? s->broken && i < index : s->broken || i < index) return false;
  }
  return true;
}

/* Nobody can be handed the changes of a track whose summaries are all broken: all of them are dirty. */
static bool settle_broken(struct engine *engine, const struct catalog *catalog, const struct summary *any) {
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i]->track == any->track) claim_unfill(engine, catalog->summaries[i]);
  const struct sql_variable *v = table_region(engine, any->track);
  return sql_run(engine, any->kind == KIND_TIME ? "region_clear_time" : "region_clear",
                 sql_literal(engine, v, "upto", UPTO_ALL_TIMES));
}

static bool settle(struct engine *engine, const struct catalog *catalog, struct extent *extent) {
  for (size_t i = 0; i < catalog->n; i++) catalog->summaries[i]->postponed = false;
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    const struct summary *s = catalog->summaries[i];
    if (!stands_for_track(catalog, i)) continue;
    if (s->broken) {
      settle_broken(engine, catalog, s);
      continue;
    }
    if (s->kind == KIND_TIME) settle_tail(engine, catalog, s, extent);
    fan_out(engine, catalog, s, extent);
  }
  return engine_ok(engine) && fan_tables(engine, catalog);
}

bool claim_settle(struct engine *engine, const struct catalog *catalog) {
  struct extent all = {.limit = INT64_MAX};
  return settle(engine, catalog, &all);
}

bool claim_settle_some(struct engine *engine, const struct catalog *catalog, int64_t limit, bool *more) {
  struct extent extent = {.limit = limit};
  bool good = settle(engine, catalog, &extent);
  *more = extent.more;
  return good;
}

/* ------------------------------------------------------------------------------------------------ filling */

bool claim_unfill(struct engine *engine, struct summary *s) {
  /* No more than these: it may be broken. */
  const struct sql_variable *v = sql_literal(engine, 0, "dirty", summary_object(engine, s, "dirty"));
  v = sql_literal(engine, v, "id", engine_printf(engine, "%lld", (long long)s->id));
  s->state = 0;
  return sql_run(engine, "unfill", v) && (s->kind == KIND_WHOLE || sql_run(engine, "unfill_dirty", v));
}

/* All partitions there are, those that are stored but have lost their rows too, into a temporary list. */
static bool collect(struct engine *engine, const struct summary *s, const struct sql_variable *v) {
  if (s->kind == KIND_KEY)
    return sql_run(engine, "list_create", v) && engine_exec(engine, "BEGIN") &&
           sql_run(engine, "list_key", v) && sql_run(engine, "list_key_stored", v) && engine_commit(engine);
  char *time = s->time;
  bool walks = source_has_index(engine, s->source, &time, 1);
  if (!sql_run(engine, "list_create", v) || !engine_exec(engine, "BEGIN")) return false;
  if (s->shape.is_text &&
      engine_int(engine, sql_text(engine, walks ? "irregular_rows" : "irregular_rows_scan", v)) != 0) {
    char *example = engine_string(engine, sql_text(engine, "irregular_example", v));
    engine_commit(engine);
    sql_run(engine, "mark_irregular", v);
    return engine_fail(engine, CODE_FAILED,
                       "%s.%s: '%s' is not in the spelling of the other times, by which rows are found; the "
                       "summary stays right but reads all rows. "
                       "Bring the times into one spelling and refresh again",
                       s->source->name, s->time, example ? example : "");
  }
  sqlite3_stmt *statement =
      engine_prepare(engine, sql_text(engine, walks ? "list_time_walk" : "list_time_scan", v));
  sqlite3_stmt *tail = engine_prepare(engine, sql_text(engine, "tail", v));
  if (engine_step(engine, tail)) engine_bind_value(engine, statement, 1, sqlite3_column_value(tail, 0));
  engine_finalize(engine, tail);
  engine_step(engine, statement);
  engine_finalize(engine, statement);
  if (s->parent && summary_root(s)->frozen) sql_run(engine, "list_time_parent", v);
  return sql_run(engine, "list_time_stored", v) && engine_commit(engine);
}

static bool publish_listed(struct engine *engine, const struct summary *s, const struct sql_variable *v,
                           int64_t first, int64_t last) {
  sqlite3_stmt *insert = engine_prepare(
      engine, sql_text(engine, s->kind == KIND_TIME ? "list_publish_time" : "list_publish_key", v));
  if (insert) {
    sqlite3_bind_int64(insert, 1, first);
    sqlite3_bind_int64(insert, 2, last);
  }
  engine_step(engine, insert);
  engine_finalize(engine, insert);
  return engine_ok(engine);
}

/* The list becomes the dirty list in short transactions; the last one makes the stored rows count. Not so once
   the summary is no longer ours to fill. */
static bool publish_list(struct engine *engine, struct summary *s, const struct sql_variable *v,
                         int64_t token) {
  int64_t total = engine_int(engine, sql_text(engine, "list_count", v)), n = LIST_FIRST, done = 0;
  do {
    if (!engine_begin(engine)) return false;
    if (engine_int(engine, engine_printf(engine, "SELECT token=%lld FROM almanac_summary WHERE id=%lld",
                                         (long long)token, (long long)s->id)) == 0)
      return engine_commit(engine);
    publish_listed(engine, s, v, done + 1, done + n);
    done += n;
    if (done >= total) sql_run(engine, "fill", v);
    if (!engine_commit(engine)) return false;
    n = pace_next(engine, n, engine->pace.worked_s);
  } while (done < total);
  s->state = 1;
  return true;
}

bool claim_filling(struct engine *engine, const struct summary *s, int64_t token, bool *taken) {
  const struct sql_variable *v = summary_variables(engine, s);
  sqlite3_stmt *seen = engine_prepare(engine, sql_text(engine, "filling", v));
  sqlite3_stmt *take = engine_prepare(engine, sql_text(engine, "take_filling", v));
  *taken = false;
  if (take) sqlite3_bind_int64(take, 1, token);
  bool lives = engine_step(engine, seen) && owner_lives(engine, sqlite3_column_int64(seen, 0), 0);
  if (engine_ok(engine)) engine_bind_value(engine, take, 2, sqlite3_column_value(seen, 0));
  engine_finalize(engine, seen);
  if (!lives) {
    engine_step(engine, take);
    *taken = engine_ok(engine) && sqlite3_changes(engine->db) > 0;
  }
  engine_finalize(engine, take);
  return engine_ok(engine);
}

bool claim_list(struct engine *engine, struct summary *s, int64_t token) {
  const struct sql_variable *v = summary_variables(engine, s);
  bool taken;
  v = sql_literal(engine, v, "list", engine_printf(engine, "temp.almanac_list_%llx", (long long)token));
  if (s->kind == KIND_KEY) v = sql_template(engine, v, "q_keys", "{keys row=q}");
  if (!claim_filling(engine, s, token, &taken) || !taken) return engine_ok(engine);
  if (collect(engine, s, v)) publish_list(engine, s, v, token);
  if (engine_ok(engine)) sql_run(engine, "list_drop", v);
  return engine_ok(engine);
}

/* ------------------------------------------------------------------------------------------------- taking */

/* The tokens of others on the summary's dirty partitions: the dead ones' into dead[0..*n_dead), at most `max`
   of them; returns how many live. */
static int64_t look_at_owners(struct engine *engine, const struct summary *s, int64_t token, int64_t *dead,
                              size_t max, size_t *n_dead) {
  int64_t live = 0;
  *n_dead = 0;
  sqlite3_stmt *owners =
      engine_prepare(engine, sql_text(engine, "claim_owners", summary_variables(engine, s)));
  while (engine_step(engine, owners)) {
    int64_t owner = sqlite3_column_int64(owners, 0);
    if (owner == token) continue;
    if (owner_lives(engine, owner, 0))
      live++;
    else if (*n_dead < max)
      dead[(*n_dead)++] = owner;
  }
  engine_finalize(engine, owners);
  return live;
}

static int64_t count_free(struct engine *engine, const struct summary *s, int64_t max) {
  sqlite3_stmt *count = engine_prepare(engine, sql_text(engine, "claim_left", summary_variables(engine, s)));
  if (count) sqlite3_bind_int64(count, 1, max);
  int64_t n = engine_step(engine, count) ? sqlite3_column_int64(count, 0) : 0;
  engine_finalize(engine, count);
  return n;
}

enum claim_left claim_look(struct engine *engine, const struct summary *s, int64_t token, int64_t *others) {
  int64_t dead[1];
  size_t n_dead;
  int64_t live = look_at_owners(engine, s, token, dead, 1, &n_dead);
  if (others) *others = live;
  if (n_dead > 0 || count_free(engine, s, 1) > 0) return LEFT_FREE;
  return live > 0 ? LEFT_TAKEN : LEFT_NOTHING;
}

static bool free_token(struct engine *engine, const struct summary *s, int64_t token) {
  sqlite3_stmt *give =
      engine_prepare(engine, sql_text(engine, "claim_give_back", summary_variables(engine, s)));
  if (give) sqlite3_bind_int64(give, 1, token);
  engine_step(engine, give);
  engine_finalize(engine, give);
  return engine_ok(engine);
}

int64_t claim_take(struct engine *engine, const struct summary *s, int64_t token, int64_t n) {
  int64_t dead[DEAD_MAX];
  size_t n_dead;
  if (!engine_begin(engine)) return 0;
  look_at_owners(engine, s, token, dead, DEAD_MAX, &n_dead);
  for (size_t i = 0; i < n_dead && engine_ok(engine); i++) free_token(engine, s, dead[i]);
  int64_t taken = claim_mark(engine, s, token, n);
  return engine_commit(engine) ? taken : 0;
}

bool claim_give_back(struct engine *engine, const struct summary *s, int64_t token) {
  return engine_begin(engine) && free_token(engine, s, token) && engine_commit(engine);
}

int64_t claim_share(struct engine *engine, const struct summary *s, int64_t token, int64_t n) {
  int64_t dead[1], least = n / SHARE_LEAST + (n % SHARE_LEAST != 0);
  size_t n_dead;
  int64_t workers = 1 + look_at_owners(engine, s, token, dead, 1, &n_dead);
  engine->pace.company = workers > 1;
  if (workers == 1 || n > INT64_MAX / (2 * workers)) return n;
  int64_t share = count_free(engine, s, 2 * workers * n) / (2 * workers);
  return share < least ? least : share;
}

int64_t claim_mark(struct engine *engine, const struct summary *s, int64_t token, int64_t n) {
  const struct sql_variable *v = summary_variables(engine, s);
  sqlite3_stmt *claim = engine_prepare(engine, sql_text(engine, "claim", v));
  if (claim) {
    sqlite3_bind_int64(claim, 1, token);
    sqlite3_bind_int64(claim, 2, n);
  }
  engine_step(engine, claim);
  engine_finalize(engine, claim);
  return engine_ok(engine) ? sqlite3_changes(engine->db) : 0;
}
