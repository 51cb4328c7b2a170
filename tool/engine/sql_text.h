/* Every SQL text of the engine lives in the sql folder; this is how the tool gets at it. */
#ifndef ALMANAC_SQL_TEXT_H
#define ALMANAC_SQL_TEXT_H

struct sql_text {
  const char *name;
  const char *text;
};

extern const struct sql_text sql_texts[];

#endif
