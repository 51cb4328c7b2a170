#include "tool/engine/bounds.h"
#include <time.h>

enum {
  YEAR_S = 31556952,
  YEARS_AHEAD_DAYS = 30, /* buckets of a day or more: 11,000 rows */
  YEARS_AHEAD_HOURS = 3, /* shorter ones */
  BOUNDS_MAX = 1000000,  /* more would be a mistake in some row's time */
};

/* Times from which on all offsets are whole quarters of an hour; before, clocks followed the sun. */
static const int64_t quarters_from_s = INT64_C(63072000); /* 1972 */

static int64_t years_ahead_s(const struct summary *s) {
  bool days = s->zone_grain->kind == TIME_MONTHS || s->zone_grain->width_s >= 86400;
  return (int64_t)YEAR_S * (days ? YEARS_AHEAD_DAYS : YEARS_AHEAD_HOURS);
}

static bool add(struct engine *engine, const struct summary *s, sqlite3_stmt *insert, int64_t from_s,
                int64_t to_s) {
  int64_t n = 0;
  for (int64_t start = time_grain_floor_s(s->zone_grain, from_s); engine_ok(engine);
       start = time_grain_next_s(s->zone_grain, start)) {
    if (start == TIME_NONE || n++ > BOUNDS_MAX)
      return engine_fail(engine, CODE_FAILED,
                         "%s.%s holds times too far apart for buckets in a time zone; is one a mistake? "
                         "(SELECT min(\"%w\"), max(\"%w\") FROM \"%w\")",
                         s->source->name, s->time, s->time, s->time, s->source->name);
    if (time_grain_floor_s(s->zone_grain, start) < start)
      return engine_fail(engine, CODE_FAILED,
                         "the zone's clock went back over the start of a bucket, so that some of its buckets "
                         "are in two pieces; "
                         "use another width or UTC");
    sqlite3_bind_int64(insert, 1, start);
    engine_step(engine, insert);
    sqlite3_reset(insert);
    if (start > to_s) break;
  }
  return engine_ok(engine);
}

/* The range that the rows and the coming years need. */
static bool needed(struct engine *engine, const struct summary *s, int64_t *from_s, int64_t *to_s) {
  *from_s = *to_s = (int64_t)time(0);
  const struct sql_variable *v = summary_variables(engine, s);
  /* Changes of rows that are gone since have a place in time, too. */
  v = sql_literal(engine, v, "changed_times", s->track ? sql_text(engine, "changed_times", v) : "");
  sqlite3_stmt *range = engine_prepare(engine, sql_text(engine, "bounds_range", v));
  if (engine_step(engine, range) && sqlite3_column_type(range, 0) != SQLITE_NULL) {
    int64_t oldest = sqlite3_column_int64(range, 0), newest = sqlite3_column_int64(range, 1);
    if (oldest < *from_s) *from_s = oldest;
    if (newest > *to_s) *to_s = newest;
  }
  engine_finalize(engine, range);
  *to_s += years_ahead_s(s);
  return engine_ok(engine);
}

static bool fill(struct engine *engine, const struct summary *s, int64_t from_s, int64_t to_s) {
  sqlite3_stmt *insert =
      engine_prepare(engine, engine_printf(engine, "INSERT INTO %s VALUES(?1) ON CONFLICT DO NOTHING",
                                           summary_object(engine, s, "bounds")));
  if (insert) add(engine, s, insert, from_s, to_s);
  engine_finalize(engine, insert);
  return engine_ok(engine);
}

bool bounds_create(struct engine *engine, struct summary *s) {
  int64_t from_s, to_s;
  if (s->kind != KIND_TIME || s->grain.kind != GRAIN_BOUNDS) return true;
  if (!sql_run(engine, "bounds_create", summary_variables(engine, s)) || !needed(engine, s, &from_s, &to_s))
    return false;
  /* A unit of seconds where some offset was that of the sun; else quarters of an hour. */
  if (from_s < quarters_from_s) s->grain.unit = s->grain.scale;
  return fill(engine, s, from_s - years_ahead_s(s), to_s);
}

static bool cover(struct engine *engine, const struct summary *s, int64_t from_s, int64_t to_s) {
  char *table = summary_object(engine, s, "bounds");
  int64_t first = engine_int(engine, engine_printf(engine, "SELECT min(start) FROM %s", table));
  int64_t last = engine_int(engine, engine_printf(engine, "SELECT max(start) FROM %s", table));
  /* Half of the years ahead are left before any are added: then some years at once. */
  if (to_s - years_ahead_s(s) / 2 > last && !fill(engine, s, last, to_s)) return false;
  if (from_s < first) return fill(engine, s, from_s, first);
  return engine_ok(engine);
}

bool bounds_cover(struct engine *engine, struct summary *s) {
  int64_t from_s, to_s;
  if (s->broken || !s->track || s->kind != KIND_TIME || s->grain.kind != GRAIN_BOUNDS)
    return engine_ok(engine);
  if (!needed(engine, s, &from_s, &to_s) || !engine_exec(engine, "SAVEPOINT almanac_bounds")) return false;
  if (cover(engine, s, from_s, to_s)) return engine_exec(engine, "RELEASE almanac_bounds");
  /* A hole in the table would put rows into wrong buckets: all of it or nothing. */
  int code;
  char *error = engine_recover(engine, &code);
  s->broken = engine_printf(engine, "%s", error ? error : "out of memory");
  sqlite3_free(error);
  return engine_exec(engine, "ROLLBACK TO almanac_bounds") && engine_exec(engine, "RELEASE almanac_bounds");
}
