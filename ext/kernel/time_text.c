/* Reading and writing times as SQLite's date functions do; see time_text.h for what is read. */
#include "ext/kernel/time_text.h"

#define DAY_S            86400
#define DAYS_400_YEARS   146097
#define DAYS_TO_0000_MAR 719468 /* from 0000-03-01 to 1970-01-01 */

/*
** Both conversions count years from 1 March, so that the leap day comes last and the lengths of the months
** before it follow 153 days in 5 months; 400 years have 146,097 days always.
*/
int64_t time_days_from_date(int64_t year, int month, int day) {
  int64_t y = month > 2 ? year : year - 1;
  int64_t era = time_floor_div(y, 400);
  int64_t year_of_era = y - era * 400;
  int64_t month_from_march = month > 2 ? month - 3 : month + 9;
  int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * DAYS_400_YEARS + day_of_era - DAYS_TO_0000_MAR;
}

void time_date_from_days(int64_t days, int64_t *year, int *month, int *day) {
  int64_t since = days + DAYS_TO_0000_MAR;
  int64_t era = time_floor_div(since, DAYS_400_YEARS);
  uint32_t day_of_era = (uint32_t)(since - era * DAYS_400_YEARS);
  /* Less the leap days so far (one in 1460 days, not in 36524, but the era's last), years have 365 days. */
  uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  uint32_t day_of_year = day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
  uint32_t month_from_march = (5 * day_of_year + 2) / 153;
  *day = (int)(day_of_year - (153 * month_from_march + 2) / 5) + 1;
  *month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  *year = era * 400 + year_of_era + (*month <= 2);
}

/* What is left of the text. The end is the first NUL or `end`. */
struct cursor {
  const char *at;
  const char *end;
};

static inline bool is_digit(char c) {
  return (unsigned char)(c - '0') < 10;
}

/* The blanks of SQLite's tokenizer and date functions. */
static inline bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool at_end(const struct cursor *in) {
  return in->at == in->end || *in->at == 0;
}

static inline void skip_blanks(struct cursor *in) {
  while (in->at < in->end && is_blank(*in->at)) in->at++;
}

/* Takes two digits with a value of at most `most`. */
static inline bool take_two(struct cursor *in, int most, int *value) {
  if (in->end - in->at < 2 || !is_digit(in->at[0]) || !is_digit(in->at[1])) return false;
  *value = (in->at[0] - '0') * 10 + (in->at[1] - '0');
  in->at += 2;
  return *value <= most;
}

static inline bool take(struct cursor *in, char c) {
  if (in->at == in->end || *in->at != c) return false;
  in->at++;
  return true;
}

/* YYYY-MM-DD with an optional '-' in front, as days since 1970. */
static bool take_date(struct cursor *in, int64_t *days) {
  bool before_0 = take(in, '-');
  int century, year, month, day;
  if (!take_two(in, 99, &century) || !take_two(in, 99, &year)) return false;
  if (!take(in, '-') || !take_two(in, 12, &month) || month < 1) return false;
  if (!take(in, '-') || !take_two(in, 31, &day) || day < 1) return false;
  year += century * 100;
  *days = time_days_from_date(before_0 ? -year : year, month, 1) + day - 1;
  return true;
}

/* HH:MM[:SS[.digits]] as seconds since midnight and nanoseconds. */
static bool take_clock(struct cursor *in, int64_t *seconds, int32_t *nanosecond) {
  int hour, minute, second = 0;
  if (!take_two(in, 24, &hour) || !take(in, ':') || !take_two(in, 59, &minute)) return false;
  if (take(in, ':')) {
    if (!take_two(in, 59, &second)) return false;
    if (in->end - in->at >= 2 && in->at[0] == '.' && is_digit(in->at[1])) {
      in->at++;
      for (int32_t scale = 100000000; in->at < in->end && is_digit(*in->at); in->at++, scale /= 10)
        *nanosecond += (*in->at - '0') * scale; /* the tenth digit and later ones count 0 */
    }
  }
  *seconds = hour * 3600 + minute * 60 + second;
  return true;
}

/* Nothing, Z or [+-]HH:MM, in blanks, up to the end. */
static bool take_zone(struct cursor *in, bool *has_zone, int64_t *offset_s) {
  skip_blanks(in);
  *offset_s = 0;
  *has_zone = !at_end(in);
  if (!*has_zone) return true;
  char sign = *in->at++;
  if (sign == '+' || sign == '-') {
    int hour, minute;
    if (!take_two(in, 14, &hour) || !take(in, ':') || !take_two(in, 59, &minute)) return false;
    *offset_s = (sign == '-' ? -60 : 60) * (hour * 60 + minute);
  } else if (sign != 'Z' && sign != 'z') {
    return false;
  }
  skip_blanks(in);
  return at_end(in);
}

bool time_text_read(const char *text, size_t length, struct time_text *time) {
  struct cursor in = {text, text + length};
  int64_t days, seconds = 0, offset_s = 0;
  *time = (struct time_text){.spelling = {.separator = ' '}};
  if (!take_date(&in, &days)) return false;
  for (; in.at < in.end && (*in.at == 'T' || is_blank(*in.at)); in.at++)
    if (*in.at == 'T') time->spelling.separator = 'T';
  if (!at_end(&in)) {
    time->spelling.has_time = true;
    if (!take_clock(&in, &seconds, &time->nanosecond)) return false;
    if (!take_zone(&in, &time->spelling.has_zone, &offset_s)) return false;
  }
  time->unix_s = days * DAY_S + seconds - offset_s;
  return time->unix_s >= TIME_TEXT_FIRST_S && time->unix_s <= TIME_TEXT_LAST_S;
}

static inline char *put_two(char *out, int value) {
  out[0] = (char)('0' + value / 10);
  out[1] = (char)('0' + value % 10);
  return out + 2;
}

static char *put_fraction(char *out, int32_t nanosecond, int digits) {
  *out++ = '.';
  for (int32_t scale = 100000000; digits > 0; digits--, scale /= 10)
    *out++ = (char)('0' + nanosecond / scale % 10);
  return out;
}

size_t time_text_write(const struct time_text *time, char *out) {
  if (time->unix_s < TIME_TEXT_FIRST_S || time->unix_s > TIME_TEXT_LAST_S) return 0;
  int64_t year;
  int month, day, second = (int)time_floor_mod(time->unix_s, DAY_S);
  time_date_from_days(time_floor_div(time->unix_s, DAY_S), &year, &month, &day);
  char *at = out;
  if (year < 0) *at++ = '-';
  int absolute = (int)(year < 0 ? -year : year);
  at = put_two(at, absolute / 100);
  at = put_two(at, absolute % 100);
  *at++ = '-';
  at = put_two(at, month);
  *at++ = '-';
  at = put_two(at, day);
  if (time->spelling.has_time) {
    *at++ = time->spelling.separator;
    at = put_two(at, second / 3600);
    *at++ = ':';
    at = put_two(at, second / 60 % 60);
    *at++ = ':';
    at = put_two(at, second % 60);
    if (time->spelling.fraction > 0) at = put_fraction(at, time->nanosecond, time->spelling.fraction);
    if (time->spelling.has_zone) *at++ = 'Z';
  }
  *at = 0;
  return (size_t)(at - out);
}
