#include "tool/engine/partition_list.h"

/* From where on: the lowest, or the partition of choice->since. */
static bool set_bound(struct engine *engine, const struct summary *s, const struct sql_variable *v,
                      const struct partition_choice *choice) {
  if (!sql_run(engine, "bound_lowest", v) || !choice->since) return engine_ok(engine);
  v = sql_template(engine, v, "bound_time", s->shape.is_text ? "{bound_time_text}" : "{bound_time_number}");
  v = sql_template(engine, v, "bound_start",
                   s->grain.kind == GRAIN_BOUNDS ? "{bound_start_zone}" : "{bound_start_grain}");
  sqlite3_stmt *statement = engine_prepare(engine, sql_text(engine, "bound_since", v));
  engine_bind_text(engine, statement, 1, choice->since);
  engine_step(engine, statement);
  engine_finalize(engine, statement);
  if (engine_ok(engine) && engine_int(engine, sql_text(engine, "bound_is_time", v)) == 0)
    return engine_fail(engine, CODE_FAILED, "--since %s: no time that %s.%s could hold", choice->since,
                       s->source->name, s->time);
  return engine_ok(engine);
}

/* What one step of a walk needs. */
struct walk {
  sqlite3_stmt *next, *add;
  sqlite3_value *from;
};

/* Adds the next partition; false at the end. No statement reads on afterwards. */
static bool step(struct engine *engine, struct walk *walk) {
  engine_bind_value(engine, walk->next, 1, walk->from);
  bool more = engine_step(engine, walk->next) && sqlite3_column_type(walk->next, 0) != SQLITE_NULL;
  if (more) {
    engine_bind_value(engine, walk->add, 1, sqlite3_column_value(walk->next, 0));
    engine_step(engine, walk->add);
    sqlite3_reset(walk->add);
    sqlite3_value_free(walk->from);
    walk->from = sqlite3_value_dup(sqlite3_column_value(walk->next, 1));
    if (!walk->from) engine_fail_memory(engine);
  }
  sqlite3_reset(walk->next);
  return more && engine_ok(engine);
}

/* From partition to partition, each found by an index, in read transactions of at most read_s. */
static bool walk(struct engine *engine, const struct sql_variable *v, const char *first, const char *next,
                 double read_s) {
  struct walk walk = {engine_prepare(engine, sql_text(engine, next, v)),
                      engine_prepare(engine, sql_text(engine, "partition_add", v)), 0};
  sqlite3_stmt *from = engine_prepare(engine, sql_text(engine, first, v));
  if (engine_step(engine, from)) walk.from = sqlite3_value_dup(sqlite3_column_value(from, 0));
  engine_finalize(engine, from);
  for (bool more = true; more && engine_ok(engine) && !engine_stopping(engine);) {
    double started_s = engine_clock_s();
    engine_exec(engine, "BEGIN");
    while (more && engine_clock_s() - started_s < read_s) more = step(engine, &walk);
    engine_commit(engine);
  }
  sqlite3_value_free(walk.from);
  engine_finalize(engine, walk.next);
  engine_finalize(engine, walk.add);
  return engine_ok(engine);
}

static bool list_time(struct engine *engine, const struct summary *s, const struct sql_variable *v,
                      const struct partition_choice *choice) {
  char *time = s->time;
  if (!set_bound(engine, s, v, choice)) return false;
  if (source_has_index(engine, s->source, &time, 1))
    walk(engine, v, "bound_raw", "next_raw", choice->read_s);
  else
    sql_run(engine, "partition_scan", v);
  sql_run(engine, "partition_add_first", v);
  if (!choice->since) sql_run(engine, "partition_add_null", v);
  return walk(engine, v, "bound_stored", "next_stored", choice->read_s);
}

static bool list_keys(struct engine *engine, const struct sql_variable *v) {
  return engine_exec(engine, "BEGIN") && sql_run(engine, "list_key", v) &&
         sql_run(engine, "list_key_stored", v) && engine_commit(engine);
}

/* ------------------------------------------------------------------------------------------------- sampling */

/* Steele, Lea and Flood's splitmix64. */
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/* Leaves a share of the list: of those to come each is taken with the probability that is due. */
static bool sample(struct engine *engine, const struct sql_variable *v, double share, uint64_t seed) {
  int64_t n = engine_int(engine, sql_text(engine, "list_count", v));
  int64_t wanted = (int64_t)((double)n * share + 0.5);
  if (wanted < 1) wanted = 1;
  sqlite3_stmt *remove = engine_prepare(engine, sql_text(engine, "partition_remove", v));
  engine_exec(engine, "BEGIN");
  for (int64_t row = 1; remove && row <= n && engine_ok(engine); row++) {
    if (next_random(&seed) % (uint64_t)(n - row + 1) < (uint64_t)wanted) {
      wanted--;
      continue;
    }
    sqlite3_bind_int64(remove, 1, row);
    engine_step(engine, remove);
    sqlite3_reset(remove);
  }
  engine_finalize(engine, remove);
  return engine_commit(engine);
}

bool partition_list(struct engine *engine, const struct summary *s, const struct sql_variable *v,
                    const struct partition_choice *choice, int64_t *n) {
  if (!(s->kind == KIND_TIME ? list_time(engine, s, v, choice) : list_keys(engine, v))) return false;
  if (choice->share < 1 && !sample(engine, v, choice->share, choice->seed)) return false;
  if (!sql_run(engine, "partition_order", v)) return false;
  *n = sqlite3_changes(engine->db);
  return engine_ok(engine);
}
