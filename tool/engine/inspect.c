#include "tool/engine/inspect.h"
#include "tool/engine/owner.h"
#include <string.h>

enum { SAMPLE_ROWS = 1000 };

/* The bytes that a row's values take, in SQL: near to SQLite's record format. */
static char *row_bytes(struct engine *engine, const char *stored) {
  sqlite3_str *out = sqlite3_str_new(engine->db);
  struct source *table = source_read(engine, stored);
  for (size_t i = 0; table && i < table->n_columns; i++) {
    const struct sql_variable *v = sql_literal(engine, 0, "column", quoted(engine, table->columns[i].name));
    sqlite3_str_appendf(out, "%s%s", i ? "+" : "", sql_text(engine, "value_bytes", v));
  }
  return engine_finish(engine, out);
}

static bool read_bytes(struct engine *engine, const struct summary *s, struct inspection *found) {
  char *stored = engine_printf(engine, "%s_stored", s->name);
  const struct sql_variable *v = sql_literal(engine, 0, "stored_text", engine_printf(engine, "%Q", stored));
  v = sql_literal(engine, v, "stored", quoted(engine, stored));
  v = sql_literal(engine, v, "id", engine_printf(engine, "%lld", (long long)s->id));
  found->estimated = !sqlite3_compileoption_used("ENABLE_DBSTAT_VTAB");
  if (found->estimated) {
    v = sql_literal(engine, v, "row_bytes", row_bytes(engine, stored));
    v = sql_literal(engine, v, "sample", engine_printf(engine, "%d", SAMPLE_ROWS));
  }
  found->bytes = engine_int(engine, sql_text(engine, found->estimated ? "bytes_estimated" : "bytes", v));
  return engine_ok(engine);
}

/* Several processes may share the claims; one may have several tokens. */
static void add_owner(struct engine *engine, struct inspection *found, int64_t token, int64_t claimed) {
  pid_t pid;
  if (!owner_lives(engine, token, &pid)) return;
  for (size_t i = 0; i < found->n_owners; i++)
    if (pid != 0 && found->owners[i] == pid) {
      found->claimed[i] += claimed;
      return;
    }
  size_t n = found->n_owners;
  found->owners = engine_grow(engine, found->owners, &n, sizeof *found->owners);
  n = found->n_owners;
  found->claimed = engine_grow(engine, found->claimed, &n, sizeof *found->claimed);
  if (!found->owners || !found->claimed) return;
  found->owners[n] = pid;
  found->claimed[n] = claimed;
  found->n_owners = n + 1;
}

static bool read_owners(struct engine *engine, const struct summary *s, struct inspection *found) {
  const struct sql_variable *v =
      sql_literal(engine, 0, "id", engine_printf(engine, "%lld", (long long)s->id));
  v = sql_literal(engine, v, "dirty", summary_object(engine, s, "dirty"));
  sqlite3_stmt *tokens =
      engine_prepare(engine, sql_text(engine, s->kind == KIND_WHOLE ? "filling_tokens" : "tokens", v));
  while (engine_step(engine, tokens))
    add_owner(engine, found, sqlite3_column_int64(tokens, 0), sqlite3_column_int64(tokens, 1));
  engine_finalize(engine, tokens);
  return engine_ok(engine);
}

bool inspect(struct engine *engine, const struct summary *summary, struct inspection *inspection) {
  memset(inspection, 0, sizeof *inspection);
  return read_bytes(engine, summary, inspection) && read_owners(engine, summary, inspection);
}
