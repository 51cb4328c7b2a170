/*
** The rule in the footer of a TZif file: a POSIX TZ string such as CET-1CEST,M3.5.0,M10.5.0/3, with the
** extensions of RFC 9636 (names in <>, times of -167 to 167 hours).
*/
#ifndef ALMANAC_TIME_RULE_H
#define ALMANAC_TIME_RULE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A day of the year and the local time on it at which the clock is changed. */
struct time_rule_day {
  enum { RULE_JULIAN, RULE_DAY, RULE_WEEKDAY } kind; /* Jn (1-365, no leap day), n (0-365), Mm.w.d */
  int day;                                           /* of the year, or of the week, 0 is Sunday */
  int week;                                          /* 1-5, 5 is the last */
  int month;
  int32_t time_s;
};

struct time_rule {
  bool has_dst;
  int32_t standard_s; /* offsets: local = UTC + offset */
  int32_t dst_s;
  struct time_rule_day start; /* of daylight saving time, on the clock of standard time */
  struct time_rule_day end;   /* on the clock of daylight saving time */
};

/* False if `text` is no such rule. */
bool time_rule_read(const char *text, size_t length, struct time_rule *rule);

/* The Unix seconds at which daylight saving time starts and ends in `year`. */
int64_t time_rule_start_s(const struct time_rule *rule, int64_t year);
int64_t time_rule_end_s(const struct time_rule *rule, int64_t year);

#endif
