#include "tool/engine/catalog.h"
#include "tool/engine/follow.h"
#include "tool/engine/zoom.h"
#include <string.h>

int catalog_format(struct engine *engine) {
  if (source_object(engine, "almanac_setting", 0) != OBJECT_TABLE) return 0;
  int64_t format = engine_int(engine, "SELECT value FROM almanac_setting WHERE name='format'");
  if (format > CATALOG_FORMAT_WITH_ZOOMS)
    engine_fail(engine, CODE_FAILED,
                "%s was written by a newer almanac (format %lld, this one knows %d): install that version",
                engine->settings->database, format, CATALOG_FORMAT_WITH_ZOOMS);
  return engine_ok(engine) ? (int)format : 0;
}

bool catalog_is_paused(struct engine *engine) {
  return engine_int(engine, "SELECT value FROM almanac_setting WHERE name='paused'") != 0;
}

bool catalog_require_running(struct engine *engine) {
  if (catalog_is_paused(engine))
    engine_fail(engine, CODE_FAILED, "%s is paused; run almanac resume first", engine->settings->database);
  return engine_ok(engine);
}

static int64_t schema_version(struct engine *engine) {
  return engine_int(engine, "PRAGMA main.schema_version");
}

bool catalog_is_current(struct engine *engine, const struct catalog *catalog) {
  return catalog->schema_version == schema_version(engine);
}

bool catalog_keep_version(struct engine *engine, struct catalog *catalog) {
  catalog->schema_version = schema_version(engine);
  return engine_ok(engine);
}

void catalog_distrust(struct catalog *catalog) {
  catalog->schema_version = -1;
}

/* What the catalog says of a summary beside its definition. */
struct facts {
  char *kind, *shape, *source;
};

static enum summary_kind kind_of(const char *name) {
  return strcmp(name, "whole") == 0 ? KIND_WHOLE : strcmp(name, "time") == 0 ? KIND_TIME : KIND_KEY;
}

static void read_definition(struct engine *engine, const struct catalog *known, struct summary *s,
                            const char *name, const char *definition, const char *shape) {
  struct definitions definitions = {0};
  if (definitions_read(engine, name, definition, &definitions) && definitions.n == 1)
    summary_derive(engine, known, &definitions, &definitions.statements[0], shape, s);
  definitions_free(&definitions);
}

/* What a summary needs that can't be derived, so that its name can be its query; nothing where that fails as well. */
static void read_query(struct engine *engine, const struct catalog *known, struct summary *s,
                       const char *name, const char *definition) {
  struct definitions definitions = {0};
  struct summary query;
  if (definitions_read(engine, name, definition, &definitions) && definitions.n == 1 &&
      summary_derive_query(engine, known, &definitions, &definitions.statements[0], &query)) {
    s->live = query.live;
    s->select_live = query.select_live;
    s->columns = query.columns;
    s->n_columns = query.n_columns;
  } else {
    s->select_live = 0;
    if (!engine->of_moment) sqlite3_free(engine_recover(engine, 0));
  }
  definitions_free(&definitions);
}

/* Not what was declared any more, though the SELECT works: refresh declares it again. */
static void outdate(struct engine *engine, struct summary *s, const char *reason) {
  s->outdated = true;
  s->broken = engine_printf(
      engine, "the schema has changed since it was declared: %s; almanac refresh %s rebuilds it", reason,
      engine->settings->database);
}

static const struct summary *broken_parent(const struct summary *s) {
  for (size_t i = 0; i < s->n_parents; i++)
    if (s->parents[i]->broken) return s->parents[i];
  return 0;
}

/* What the definition says on today's schema, under what the catalog knows. */
static void derive(struct engine *engine, const struct catalog *before, struct summary *s,
                   const struct facts *facts) {
  struct summary known = *s;
  enum summary_kind declared = kind_of(facts->kind);
  char *followed = follow_renames(engine, s, facts->source);
  if (followed) known.definition = followed;
  read_definition(engine, before, s, known.name, known.definition, facts->shape);
  if (engine->of_moment) return; /* not the summary's fault, and no reason to take it for broken */
  s->name = known.name;
  if (!engine_ok(engine)) {
    char *error = engine_recover(engine, 0);
    const struct summary *parent = broken_parent(s);
    s->broken =
        parent ? engine_printf(engine, "it reads %s, which fails: %s", parent->name, summary_cause(parent))
               : engine_printf(engine,
                               "%s; it worked when it was declared: change back what has changed since, or "
                               "edit the definition and "
                               "almanac apply it",
                               error ? error : "out of memory");
    sqlite3_free(error);
    read_query(engine, before, s, known.name, known.definition);
  } else if (declared == KIND_WHOLE && s->kind != KIND_WHOLE)
    summary_become_whole(engine, s, "it is not the sum of its partitions");
  else if (declared != s->kind)
    outdate(engine, s, s->whole_reason ? s->whole_reason : "it has another partition now");
  s->id = known.id;
  s->definition = known.definition;
  s->track = known.track;
  s->state = known.state;
  s->proven = known.proven;
  s->unit = known.unit;
  s->unit_offset = known.unit_offset;
  s->frozen = known.frozen && !s->parent; /* of a chain the root is */
  s->late = known.late;
  s->renamed = followed != 0;
  if (!s->broken && !follow_same_tables(engine, s))
    outdate(engine, s, "its SELECT gives other columns now, or its source has other types");
  if (!s->broken) s->rebound = !follow_same_columns(engine, s);
  if (s->broken) s->kind = declared;
}

bool catalog_load(struct engine *engine, struct catalog *catalog) {
  memset(catalog, 0, sizeof *catalog);
  catalog_keep_version(engine, catalog); /* first: a change while it is loaded shows */
  struct facts *facts = 0;
  sqlite3_stmt *rows = engine_prepare(
      engine,
      "SELECT s.id, s.name, s.definition, s.track, s.state, s.proven, t.unit, "
      "t.unit_offset, s.kind, t.shape, s.source, t.frozen_before IS NOT NULL, t.late FROM almanac_summary s "
      "LEFT JOIN almanac_track t ON t.id=s.track ORDER BY s.id");
  while (engine_step(engine, rows)) {
    struct summary *s = engine_alloc(engine, sizeof *s);
    facts = engine_grow(engine, facts, &catalog->n, sizeof *facts);
    if (!s || !facts) break;
    s->id = sqlite3_column_int64(rows, 0);
    s->name = engine_column(engine, rows, 1);
    s->definition = engine_column(engine, rows, 2);
    s->track = sqlite3_column_int64(rows, 3);
    s->state = sqlite3_column_int(rows, 4);
    s->proven = sqlite3_column_int(rows, 5) != 0;
    s->unit = sqlite3_column_int64(rows, 6);
    s->unit_offset = sqlite3_column_int64(rows, 7);
    facts[catalog->n] = (struct facts){engine_column(engine, rows, 8), engine_column(engine, rows, 9),
                                       engine_column(engine, rows, 10)};
    s->frozen = sqlite3_column_int(rows, 11) != 0;
    s->late = sqlite3_column_int64(rows, 12);
    catalog_append(engine, catalog, s);
  }
  engine_finalize(engine, rows);
  /* Only now: deriving makes temporary objects, which SQLite refuses while a statement reads. */
  for (size_t i = 0; i < catalog->n && engine_ok(engine); i++) {
    const struct catalog before = {.summaries = catalog->summaries, .n = i}; /* one reads earlier ones only */
    derive(engine, &before, catalog->summaries[i], &facts[i]);
  }
  return zoom_load(engine, catalog);
}

bool catalog_has(struct engine *engine, const struct summary *s) {
  return engine_int(engine,
                    engine_printf(engine, "SELECT EXISTS(SELECT 1 FROM almanac_summary WHERE id=%lld)",
                                  (long long)s->id)) != 0;
}

struct summary *catalog_find(const struct catalog *catalog, const char *name) {
  for (size_t i = 0; i < catalog->n; i++)
    if (sqlite3_stricmp(catalog->summaries[i]->name, name) == 0) return catalog->summaries[i];
  return 0;
}

bool catalog_append(struct engine *engine, struct catalog *catalog, struct summary *summary) {
  catalog->summaries = engine_grow(engine, catalog->summaries, &catalog->n, sizeof *catalog->summaries);
  if (catalog->summaries) catalog->summaries[catalog->n++] = summary;
  return engine_ok(engine);
}

void catalog_remove(struct catalog *catalog, const struct summary *summary) {
  size_t kept = 0;
  for (size_t i = 0; i < catalog->n; i++)
    if (catalog->summaries[i] != summary) catalog->summaries[kept++] = catalog->summaries[i];
  catalog->n = kept;
}

const char *catalog_exact(const struct summary *s) {
  bool live = s->live;
  for (size_t i = 0; i < s->n_parents; i++) live &= strcmp(catalog_exact(s->parents[i]), "live") == 0;
  return live ? "live" : "as of the last refresh";
}

bool catalog_insert(struct engine *engine, struct summary *summary) {
  /* No number is given twice: somebody may be refreshing the summary that had it before. */
  engine_exec(engine, "INSERT INTO almanac_setting(name, value) VALUES('last_summary', "
                      "(SELECT coalesce(max(id), 0)+1 FROM almanac_summary)) ON CONFLICT(name) DO UPDATE SET "
                      "value=max(value, (SELECT coalesce(max(id), 0) FROM almanac_summary))+1");
  sqlite3_stmt *insert =
      engine_prepare(engine, "INSERT INTO almanac_summary(id, name, definition, kind, exact, source, proven) "
                             "SELECT value,?1,?2,?3,?4,?5,?6 FROM almanac_setting WHERE name='last_summary'");
  if (!insert) return false;
  engine_bind_text(engine, insert, 1, summary->name);
  engine_bind_text(engine, insert, 2, summary->definition);
  engine_bind_text(engine, insert, 3, summary_kind_name(summary->kind));
  engine_bind_text(engine, insert, 4, catalog_exact(summary));
  if (summary->source) engine_bind_text(engine, insert, 5, summary->source->name);
  sqlite3_bind_int(insert, 6, summary->proven);
  engine_step(engine, insert);
  engine_finalize(engine, insert);
  summary->id = sqlite3_last_insert_rowid(engine->db);
  return engine_ok(engine);
}

bool catalog_set_track(struct engine *engine, const struct summary *s) {
  return engine_exec(engine, engine_printf(engine, "UPDATE almanac_summary SET track=%lld WHERE id=%lld",
                                           (long long)s->track, (long long)s->id));
}
