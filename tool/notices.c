#include "tool/notices.h"
#include "tool/index_advice.h"
#include "tool/talk.h"
#include <stdlib.h>

/* 1e11 seconds are the year 5138: such times are milliseconds or finer, unless the unit was given. */
static void notice_of_unit(struct engine *engine, const struct summary *s) {
  if (s->kind != KIND_TIME || s->shape.is_text || s->grain.scale != 1) return;
  char *sql = engine_printf(engine, "SELECT coalesce(max(\"%w\"), 0)>1e11 FROM \"%w\" WHERE \"%w\"<''",
                            s->time, s->source->name, s->time);
  if (s->zoom && s->parent) return; /* its finest level says so */
  if (!engine_int(engine, sql)) return;
  if (s->zoom)
    talk_warning(engine->settings, "%s: %s.%s looks like milliseconds (or finer): say so WITH (unit = 'ms')",
                 s->zoom, s->source->name, s->time);
  else
    talk_warning(engine->settings,
                 "%s: %s.%s looks like milliseconds (or finer): say so with time_bucket(width, %s, 'ms')",
                 s->name, s->source->name, s->time, s->time);
}

static void notice_of_frozen(struct engine *engine, const struct summary *s) {
  if (!s->frozen) return;
  char *before =
      engine_string(engine, engine_printf(engine, "SELECT frozen_before FROM almanac_track WHERE id=%lld",
                                          (long long)s->track));
  talk_warning(engine->settings, "%s: starts at %s: older rows of %s are pruned", s->name,
               before ? before : "", s->source->name);
}

void notices_of_late(struct engine *engine, const struct catalog *catalog) {
  sqlite3_stmt *tracks =
      engine_prepare(engine, "SELECT id, source, frozen_before, late FROM almanac_track WHERE late>0");
  while (engine_step(engine, tracks)) {
    int64_t track = sqlite3_column_int64(tracks, 0), late = sqlite3_column_int64(tracks, 3);
    for (size_t i = 0; i < catalog->n; i++)
      if (catalog->summaries[i]->track == track) {
        late -= catalog->summaries[i]->late;
        break;
      }
    if (late > 0)
      talk_warning(engine->settings,
                   "%s: changes came for %lld %s before %s, which prune has frozen: no summary shows them",
                   engine_column(engine, tracks, 1), (long long)late, late == 1 ? "partition" : "partitions",
                   engine_column(engine, tracks, 2));
  }
  engine_finalize(engine, tracks);
}

void notices_of_summary(struct engine *engine, const struct summary *s) {
  const struct settings *settings = engine->settings;
  if (s->kind == KIND_WHOLE)
    talk_notice(
        settings,
        "%s: whole: any change in what it reads makes reads run the full query until the next refresh (%s)",
        s->name, s->whole_reason);
  for (size_t i = 0; i < s->n_tables && s->kind != KIND_WHOLE; i++)
    talk_notice(settings, "%s: any change in %s makes all of it dirty, unless WITH (static = %s)", s->name,
                s->tables[i], s->tables[i]);
  if (!s->live)
    talk_notice(settings,
                "%s: calls functions of the extension, so it shows the rows of its last refresh; SELECT "
                "almanac_live() makes it exact where the extension is loaded",
                s->name);
  char *advice = index_advice(engine, s);
  if (advice) talk_notice(settings, "%s: %s", s->name, advice);
  notice_of_unit(engine, s);
  notice_of_frozen(engine, s);
}
