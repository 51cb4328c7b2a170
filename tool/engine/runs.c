#include "tool/engine/runs.h"
#include "tool/engine/sql_text.h"

static const struct sql_variable *variables(struct engine *engine, const struct run *run) {
  const struct sql_variable *v = 0;
  v = sql_literal(engine, v, "name", engine_printf(engine, "%Q", run->name));
  v = sql_literal(engine, v, "error", engine_printf(engine, "%Q", run->error));
  v = sql_literal(engine, v, "started_at", engine_printf(engine, "%lld", (long long)run->started_at));
  v = sql_literal(engine, v, "seconds", engine_printf(engine, "%.6f", run->seconds));
  v = sql_literal(engine, v, "partitions", engine_printf(engine, "%lld", (long long)run->partitions));
  v = sql_literal(engine, v, "rows", engine_printf(engine, "%lld", (long long)run->rows));
  return sql_literal(engine, v, "kept", engine_printf(engine, "%d", RUNS_KEPT));
}

bool runs_keep(struct engine *engine, const struct run *run) {
  const struct sql_variable *v = variables(engine, run);
  bool did = run->partitions > 0 || run->error;
  if (!did && engine_int(engine, sql_text(engine, "run_clears_error", v)) == 0) return engine_ok(engine);
  if (!engine_begin(engine)) return false;
  sql_run(engine, "run_error", v);
  if (did) sql_run(engine, "run_insert", v);
  return engine_commit(engine);
}

bool runs_forget(struct engine *engine) {
  return sql_run(engine, "runs_forget", 0);
}
