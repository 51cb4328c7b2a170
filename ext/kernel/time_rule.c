/* POSIX TZ strings; see time_rule.h. */
#include "ext/kernel/time_rule.h"
#include "ext/kernel/time_text.h"

#define HOUR_S 3600
#define DAY_S  86400

struct cursor {
  const char *at;
  const char *end;
};

static bool take(struct cursor *in, char c) {
  if (in->at == in->end || *in->at != c) return false;
  in->at++;
  return true;
}

static bool is_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}
static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Takes a number without a sign in `least` to `most`. */
static bool take_number(struct cursor *in, int least, int most, int *value) {
  const char *first = in->at;
  for (*value = 0; in->at < in->end && is_digit(*in->at) && *value <= most; in->at++)
    *value = *value * 10 + (*in->at - '0');
  return in->at > first && *value >= least && *value <= most;
}

/* An abbreviation: three letters or more, or letters, digits and signs in <>. Its text is not needed. */
static bool take_name(struct cursor *in) {
  bool quoted = take(in, '<');
  const char *first = in->at;
  while (in->at < in->end &&
         (is_letter(*in->at) || (quoted && (is_digit(*in->at) || *in->at == '+' || *in->at == '-'))))
    in->at++;
  return in->at - first >= 3 && (!quoted || take(in, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct cursor *in, int hours_most, int32_t *seconds) {
  bool negative = take(in, '-');
  if (!negative) take(in, '+');
  int hour, minute = 0, second = 0;
  if (!take_number(in, 0, hours_most, &hour)) return false;
  if (take(in, ':')) {
    if (!take_number(in, 0, 59, &minute)) return false;
    if (take(in, ':') && !take_number(in, 0, 59, &second)) return false;
  }
  *seconds = (negative ? -1 : 1) * (hour * HOUR_S + minute * 60 + second);
  return true;
}

/* ,Jn or ,n or ,Mm.w.d followed by an optional /time, which is 02:00 otherwise. */
static bool take_day(struct cursor *in, struct time_rule_day *day) {
  *day = (struct time_rule_day){.time_s = 2 * HOUR_S};
  if (!take(in, ',')) return false;
  if (take(in, 'J')) {
    day->kind = RULE_JULIAN;
    if (!take_number(in, 1, 365, &day->day)) return false;
  } else if (take(in, 'M')) {
    day->kind = RULE_WEEKDAY;
    if (!take_number(in, 1, 12, &day->month) || !take(in, '.') || !take_number(in, 1, 5, &day->week) ||
        !take(in, '.') || !take_number(in, 0, 6, &day->day))
      return false;
  } else {
    day->kind = RULE_DAY;
    if (!take_number(in, 0, 365, &day->day)) return false;
  }
  return !take(in, '/') || take_time(in, 167, &day->time_s);
}

bool time_rule_read(const char *text, size_t length, struct time_rule *rule) {
  struct cursor in = {text, text + length};
  int32_t west_s; /* POSIX counts west of Greenwich */
  *rule = (struct time_rule){0};
  if (!take_name(&in) || !take_time(&in, 24, &west_s)) return false;
  rule->standard_s = -west_s;
  if (in.at == in.end) return true;
  rule->has_dst = true;
  rule->dst_s = rule->standard_s + HOUR_S;
  if (!take_name(&in)) return false;
  if (in.at < in.end && *in.at != ',') {
    if (!take_time(&in, 24, &west_s)) return false;
    rule->dst_s = -west_s;
  }
  return take_day(&in, &rule->start) && take_day(&in, &rule->end) && in.at == in.end;
}

static bool is_leap(int64_t year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days since 1970 of the rule's day in `year`. */
static int64_t day_in_year(const struct time_rule_day *rule, int64_t year) {
  if (rule->kind == RULE_JULIAN)
    return time_days_from_date(year, 1, 1) + rule->day - 1 + (rule->day >= 60 && is_leap(year));
  if (rule->kind == RULE_DAY) return time_days_from_date(year, 1, 1) + rule->day;
  int64_t first = time_days_from_date(year, rule->month, 1);
  int64_t after = time_days_from_date(rule->month < 12 ? year : year + 1, rule->month % 12 + 1, 1);
  int64_t weekday = time_floor_mod(first + 4, 7); /* 1970-01-01 was a Thursday */
  int64_t day = first + (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
  return day < after ? day : day - 7;
}

int64_t time_rule_start_s(const struct time_rule *rule, int64_t year) {
  return day_in_year(&rule->start, year) * DAY_S + rule->start.time_s - rule->standard_s;
}

int64_t time_rule_end_s(const struct time_rule *rule, int64_t year) {
  return day_in_year(&rule->end, year) * DAY_S + rule->end.time_s - rule->dst_s;
}
