#include "tool/notices.h"
#include "tool/index_advice.h"
#include "tool/talk.h"
#include <stdlib.h>

/* 1e11 seconds are the year 5138: such times are milliseconds or finer, unless the unit was given. */
static void notice_of_unit(struct engine *engine, const struct summary *s) {
  if (s->kind != KIND_TIME || s->shape.is_text || s->grain.scale != 1) return;
  char *sql = engine_printf(engine, "SELECT coalesce(max(\"%w\"), 0)>1e11 FROM \"%w\" WHERE \"%w\"<''",
                            s->time, s->source->name, s->time);
  if (engine_int(engine, sql))
    talk_warning(engine->settings,
                 "%s: %s.%s looks like milliseconds (or finer): say so with time_bucket(width, %s, 'ms')",
                 s->name, s->source->name, s->time, s->time);
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
}
