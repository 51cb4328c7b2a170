#include "tool/engine/retention.h"
#include <stdlib.h>
#include <string.h>

enum { NEWEST_MAX = 1000000 };

static bool read_span(struct engine *engine, const struct definition_option *option, struct kept_span *span) {
  struct time_grain grain;
  if (!time_grain_parse(&grain, (struct time_width){.text = option->value, .length = strlen(option->value)},
                        0, 0, 0))
    return engine_fail(engine, CODE_FAILED, "WITH (%s = '%s'): %s", option->name, option->value, grain.error);
  bool months = grain.kind == TIME_MONTHS;
  *span = (struct kept_span){
      .text = option->value, .months = months ? grain.months : 0, .seconds = months ? 0 : grain.width_s};
  time_grain_free(&grain);
  if (span->months || span->seconds) return true;
  return engine_fail(engine, CODE_FAILED, "WITH (%s = '%s'): write whole seconds or more, such as '90 days'",
                     option->name, option->value);
}

/* `20 newest`: the number, else 0. */
static int64_t read_newest(const char *text) {
  char *end;
  if (*text < '0' || *text > '9') return 0;
  long n = strtol(text, &end, 10);
  end += strspn(end, " ");
  return sqlite3_stricmp(end, "newest") == 0 && n > 0 && n <= NEWEST_MAX ? n : 0;
}

bool retention_read(struct engine *engine, struct summary *s, const struct definition_option *option) {
  if (strcmp(option->name, "keep_raw") == 0) return read_span(engine, option, &s->keep_raw);
  if (strcmp(option->name, "keep") != 0) return false;
  s->keep_newest = read_newest(option->value);
  if (s->keep_newest) {
    s->keep.text = option->value;
    return true;
  }
  if (strstr(option->value, "newest"))
    return engine_fail(engine, CODE_FAILED,
                       "WITH (keep = '%s'): write a number from 1 to %d, such as '20 newest'", option->value,
                       NEWEST_MAX);
  return read_span(engine, option, &s->keep);
}

bool retention_check(struct engine *engine, const struct summary *s) {
  const char *why = s->whole_reason ? s->whole_reason : "it is not the sum of its partitions";
  if (s->keep_raw.text && s->kind == KIND_WHOLE)
    return engine_fail(
        engine, CODE_FAILED,
        "WITH (keep_raw = '%s'): a whole summary is computed from all raw rows, so that none may go; it is "
        "whole: %s",
        s->keep_raw.text, why);
  if (s->keep_raw.text && s->kind == KIND_KEY)
    return engine_fail(
        engine, CODE_FAILED,
        "WITH (keep_raw = '%s'): only a summary by time_bucket outlives its raw rows; of one by keys any "
        "row may change any time",
        s->keep_raw.text);
  if (s->keep.text && s->kind == KIND_WHOLE)
    return engine_fail(
        engine, CODE_FAILED,
        "WITH (keep = '%s'): a whole summary is stored as a whole; leave it out. It is whole: %s",
        s->keep.text, why);
  if (s->keep.text && s->kind == KIND_TIME && s->keep_newest)
    return engine_fail(engine, CODE_FAILED,
                       "WITH (keep = '%s'): a summary by time keeps a span of it, such as '2 years'",
                       s->keep.text);
  if (s->keep.text && s->kind == KIND_KEY && !s->keep_newest)
    return engine_fail(engine, CODE_FAILED,
                       "WITH (keep = '%s'): a summary by keys keeps the newest of them, such as '20 newest'",
                       s->keep.text);
  return engine_ok(engine);
}

int64_t retention_cutoff_s(struct engine *engine, const struct kept_span *span) {
  return engine_int(
      engine, engine_printf(engine, "SELECT CAST(strftime('%%s', 'now', '-%lld months') AS INTEGER)-%lld",
                            (long long)span->months, (long long)span->seconds));
}
