#include "tool/index_advice.h"
#include "tool/engine/compute.h"

char *index_advice(struct engine *engine, const struct summary *s) {
  bool searches = false;
  if (s->kind == KIND_WHOLE) return 0;
  compute_plan(engine, s, &searches);
  if (searches || !engine_ok(engine)) return 0;
  sqlite3_str *columns = sqlite3_str_new(engine->db);
  if (s->kind == KIND_TIME)
    sqlite3_str_appendf(columns, "\"%w\"", s->time);
  else
    sqlite3_str_appendall(columns, sql_text(engine, "keys_alone", summary_variables(engine, s)));
  return engine_printf(engine,
                       "no index finds a partition's rows, so each refresh reads all of %s: CREATE INDEX "
                       "\"%w_%s\" ON \"%w\"(%s)",
                       s->source->name, s->source->name, s->kind == KIND_TIME ? s->time : "partition",
                       s->source->name, engine_finish(engine, columns));
}
