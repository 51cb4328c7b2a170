/* Reading a width and its modifiers into a grain; see time_grain.h. */
#include "ext/kernel/time_grain.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NS      INT64_C(1000000000)
#define DAY_S          86400
#define TWO_63         9223372036854775808.0
#define MONTHS_MAX     120000             /* 10,000 years, more than text can tell */
#define MONDAY_2000_S  INT64_C(946857600) /* 2000-01-03, origin of widths below a month */
#define JANUARY_2000_S INT64_C(946684800) /* 2000-01-01, origin of months and years */

static const char width_examples[] =
    "'15 minutes', '1 hour', '1 day', '1 week', '3 months', '500ms' or 'PT15M'";

/* The bytes of `text` that an error shows: up to its NUL, cut after 40 between two characters. */
static int shown(const char *text, size_t length) {
  size_t most = length < 40 ? length : 40, n = 0;
  while (n < most && text[n]) n++;
  while (n > 0 && n < length && ((unsigned char)text[n] & 0xC0) == 0x80) n--;
  return (int)n;
}

/* Puts a text into the error and returns false, for `return fail(...)`. The first error stays. */
__attribute__((format(printf, 2, 3))) static bool fail(struct time_grain *grain, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (!grain->error[0]) vsnprintf(grain->error, sizeof grain->error, format, arguments);
  va_end(arguments);
  return false;
}

/* ---- Words ---- */

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
static bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}
static bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* True if `text` is one of the space-separated `words`, in any case. */
static bool is_one_of(const char *words, const char *text, size_t length) {
  for (const char *word = words; *word;) {
    size_t n = strcspn(word, " "), i = 0;
    while (i < n && i < length && word[i] == lower(text[i])) i++;
    if (i == n && i == length) return true;
    word += n + (word[n] == ' ');
  }
  return false;
}

static bool is_text(const char *literal, const char *text, size_t length) {
  return strlen(literal) == length && memcmp(literal, text, length) == 0;
}

/* What a unit of a width is worth: nanoseconds or months. */
struct unit {
  const char *words;
  int64_t ns;
  int64_t months;
};

static const struct unit units[] = {
    {"s sec secs second seconds", SECOND_NS, 0},
    {"m min mins minute minutes", 60 * SECOND_NS, 0},
    {"h hr hrs hour hours", 3600 * SECOND_NS, 0},
    {"d day days", DAY_S *SECOND_NS, 0},
    {"w week weeks", 7 * DAY_S *SECOND_NS, 0},
    {"mo mon mons month months", 0, 1},
    {"quarter quarters", 0, 3},
    {"y yr yrs year years", 0, 12},
    {"ms msec msecs millisecond milliseconds", SECOND_NS / 1000, 0},
    {"us usec usecs microsecond microseconds", 1000, 0},
    {"ns nsec nsecs nanosecond nanoseconds", 1, 0},
};

/* The designators of ISO 8601, before the T and after it. */
static const struct unit iso_units[] = {
    {"y", 0, 12},
    {"m", 0, 1},
    {"w", 7 * DAY_S *SECOND_NS, 0},
    {"d", DAY_S *SECOND_NS, 0},
};
static const struct unit iso_time_units[] = {
    {"h", 3600 * SECOND_NS, 0},
    {"m", 60 * SECOND_NS, 0},
    {"s", SECOND_NS, 0},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct unit *find_unit(const struct unit *in, size_t n, const char *text, size_t length) {
  for (size_t i = 0; i < n; i++)
    if (is_one_of(in[i].words, text, length)) return &in[i];
  return 0;
}

int64_t time_unit_parse(const char *text, size_t length) {
  if (is_text("s", text, length)) return 1;
  if (is_text("ms", text, length)) return 1000;
  if (is_text("us", text, length)) return 1000000;
  if (is_text("ns", text, length)) return SECOND_NS;
  return 0;
}

/* ---- Widths as text ---- */

/* A width as it is read, and the text that errors show. */
struct reading {
  struct time_grain *grain;
  const char *text; /* all of it, without the blanks around it */
  size_t length;
  const char *at;
  const char *end;
  int64_t ns;
  int64_t months;
};

static bool fail_unknown(struct reading *in) {
  return fail(in->grain, "unknown interval '%.*s'; write a width such as %s", shown(in->text, in->length),
              in->text, width_examples);
}

static bool fail_too_long(struct reading *in) {
  return fail(in->grain,
              "width '%.*s' is too long; the longest are 292 years in days and 10000 years in months",
              shown(in->text, in->length), in->text);
}

/* A decimal number: a whole part and billionths. */
struct decimal {
  int64_t whole;
  int64_t billionths;
};

static bool take_decimal(struct reading *in, struct decimal *number) {
  *number = (struct decimal){0};
  if (in->at < in->end && *in->at == '-')
    return fail(in->grain, "width '%.*s' is negative; write it without the minus",
                shown(in->text, in->length), in->text);
  if (in->at == in->end || !is_digit(*in->at)) return fail_unknown(in);
  for (; in->at < in->end && is_digit(*in->at); in->at++) {
    int digit = *in->at - '0';
    if (number->whole > (INT64_MAX - digit) / 10) return fail_too_long(in);
    number->whole = number->whole * 10 + digit;
  }
  if (in->at == in->end || *in->at != '.') return true;
  if (++in->at == in->end || !is_digit(*in->at)) return fail_unknown(in);
  for (int64_t scale = SECOND_NS / 10; in->at < in->end && is_digit(*in->at); in->at++, scale /= 10) {
    if (scale == 0 && *in->at != '0')
      return fail(in->grain, "width '%.*s' has more than nine decimals", shown(in->text, in->length),
                  in->text);
    number->billionths += (*in->at - '0') * scale;
  }
  return true;
}

static int64_t greatest_divisor(int64_t a, int64_t b) {
  while (b != 0) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* unit * billionths / 10^9, which is less than the unit; -1 if it is not whole. */
static int64_t part_of_unit(int64_t unit, int64_t billionths) {
  int64_t common = greatest_divisor(SECOND_NS, billionths); /* reduce first: the product would overflow */
  int64_t denominator = SECOND_NS / common;
  return unit % denominator ? -1 : unit / denominator * (billionths / common);
}

/* Adds number * unit to *sum. */
static bool add_part(struct reading *in, struct decimal number, int64_t unit, int64_t *sum) {
  int64_t part = part_of_unit(unit, number.billionths);
  if (part < 0)
    return fail(in->grain, "width '%.*s' is no whole number of %s", shown(in->text, in->length), in->text,
                sum == &in->months ? "months" : "nanoseconds");
  if (number.whole > (INT64_MAX - *sum - part) / unit) return fail_too_long(in);
  *sum += number.whole * unit + part;
  return true;
}

static bool add_term(struct reading *in, struct decimal number, const struct unit *unit) {
  return unit->months ? add_part(in, number, unit->months, &in->months)
                      : add_part(in, number, unit->ns, &in->ns);
}

static void skip_blanks(struct reading *in) {
  while (in->at < in->end && is_blank(*in->at)) in->at++;
}

/* P[nY][nM][nW][nD][T[nH][nM][nS]] after the P; any order and repetition is fine with us. */
static bool read_iso(struct reading *in) {
  bool is_time = false, any = false;
  while (in->at < in->end) {
    struct decimal number;
    if (lower(*in->at) == 't' && !is_time) {
      is_time = true;
      any = false;
      in->at++;
      continue;
    }
    if (!take_decimal(in, &number)) return false;
    if (in->at == in->end) return fail_unknown(in);
    const struct unit *unit = is_time ? find_unit(iso_time_units, COUNT(iso_time_units), in->at, 1)
                                      : find_unit(iso_units, COUNT(iso_units), in->at, 1);
    if (!unit) return fail_unknown(in);
    in->at++;
    any = true;
    if (!add_term(in, number, unit)) return false;
  }
  return any || fail_unknown(in);
}

/* '1 hour', '1h30m', '2 weeks 1 day', or a unit alone. */
static bool read_terms(struct reading *in) {
  bool alone = is_letter(*in->at);
  while (in->at < in->end) {
    struct decimal number = {1, 0};
    if (!alone && !take_decimal(in, &number)) return false;
    skip_blanks(in);
    const char *word = in->at;
    while (in->at < in->end && is_letter(*in->at)) in->at++;
    size_t length = (size_t)(in->at - word);
    if (length == 0 && in->at == in->end)
      return fail(in->grain, "width '%.*s' has no unit; write '%.*s seconds', or the number without quotes",
                  shown(in->text, in->length), in->text, shown(in->text, in->length), in->text);
    if (is_text("M", word, length))
      return fail(in->grain, "width '%.*s' is ambiguous: write %lldmo or %lldm", shown(in->text, in->length),
                  in->text, (long long)number.whole, (long long)number.whole);
    const struct unit *unit = find_unit(units, COUNT(units), word, length);
    skip_blanks(in);
    if (!unit || (alone && in->at < in->end)) return fail_unknown(in);
    if (!add_term(in, number, unit)) return false;
  }
  return true;
}

static bool read_width(struct time_grain *grain, const char *text, size_t length) {
  while (length > 0 && is_blank(*text)) text++, length--;
  while (length > 0 && is_blank(text[length - 1])) length--;
  struct reading in = {.grain = grain, .text = text, .length = length, .at = text, .end = text + length};
  if (length == 0) return fail_unknown(&in);
  if (lower(*text) == 'p') {
    in.at++;
    if (!read_iso(&in)) return false;
  } else if (!read_terms(&in)) {
    return false;
  }
  if (in.ns > 0 && in.months > 0)
    return fail(grain, "width '%.*s' mixes months with shorter units; use one or the other",
                shown(text, length), text);
  if (in.ns == 0 && in.months == 0)
    return fail(grain, "width '%.*s' is zero; write a width such as %s", shown(text, length), text,
                width_examples);
  if (in.months > MONTHS_MAX) return fail_too_long(&in);
  grain->kind = in.months ? TIME_MONTHS : TIME_FIXED;
  grain->months = in.months;
  grain->width_ns = in.ns;
  return true;
}

/* ---- Widths as numbers ---- */

/* With a zone a number becomes a time, as only times can be told on a clock. */
static bool fix_number(struct time_grain *grain) {
  int64_t tick_ns = SECOND_NS / grain->ticks_per_s;
  double ns = grain->number_real * (double)tick_ns;
  if (ns >= TWO_63) return fail(grain, "width %.15g is too long for a time zone", grain->number_real);
  if (grain->number == 0 && ns != floor(ns))
    return fail(
        grain,
        "width %.15g is no whole number of nanoseconds, which a time zone needs; write a width such as %s",
        grain->number_real, width_examples);
  grain->kind = TIME_FIXED;
  grain->width_ns = grain->number ? grain->number * tick_ns : (int64_t)ns;
  return true;
}

static bool set_number(struct time_grain *grain, struct time_width width) {
  double real = width.is_real ? width.real : (double)width.integer;
  grain->kind = TIME_NUMBER;
  grain->is_number = true;
  grain->number_real = real;
  if (!isfinite(real)) return fail(grain, "width %.15g is not finite", real);
  if (real == 0)
    return fail(grain, "width %.15g is zero; write a number above 0 or %s", real, width_examples);
  if (real < 0)
    return fail(grain, "width %.15g is negative; write a number above 0 or %s", real, width_examples);
  if (!width.is_real)
    grain->number = width.integer;
  else if (real == floor(real) && real < TWO_63)
    grain->number = (int64_t)real;
  return !grain->zone || fix_number(grain);
}

/* ---- Modifiers ---- */

/* What modifiers may set once each, beside the fields of the grain. */
struct given {
  bool unit, origin, fraction;
  struct time_modifier utc_origin; /* the origin, if it was given with Z or an offset */
};

static bool set_once(struct time_grain *grain, bool *given, const char *what, struct time_modifier modifier) {
  if (*given)
    return fail(grain, "'%.*s' is the second %s; give one", shown(modifier.text, modifier.length),
                modifier.text, what);
  *given = true;
  return true;
}

static bool set_origin(struct time_grain *grain, struct given *given, struct time_modifier modifier) {
  struct time_text origin;
  if (!set_once(grain, &given->origin, "origin", modifier)) return false;
  size_t skip = strlen("origin=");
  if (!time_text_read(modifier.text + skip, modifier.length - skip, &origin) || origin.nanosecond)
    return fail(grain, "'%.*s' is no origin; write 'origin=2024-04-01' or 'origin=2024-04-01 06:00:00'",
                shown(modifier.text, modifier.length), modifier.text);
  grain->origin_s = origin.unix_s;
  if (origin.spelling.has_zone) given->utc_origin = modifier;
  return true;
}

static bool set_fraction(struct time_grain *grain, struct given *given, struct time_modifier modifier) {
  if (!set_once(grain, &given->fraction, "fraction", modifier)) return false;
  const char *value = modifier.text + strlen("fraction=");
  if (modifier.length != strlen("fraction=0") || !is_digit(*value))
    return fail(grain, "'%.*s' is no number of digits; write 'fraction=0' to 'fraction=9'",
                shown(modifier.text, modifier.length), modifier.text);
  grain->fraction_digits = *value - '0';
  return true;
}

static bool set_zone(struct time_grain *grain, struct time_modifier modifier, struct time_zones *zones) {
  struct time_zone *zone;
  enum time_zone_result result = zones ? time_zones_get(zones, modifier.text, modifier.length, &zone)
                                       : time_zone_open(modifier.text, modifier.length, &zone);
  if (result == TIME_ZONE_UNKNOWN)
    return fail(
        grain,
        "unknown modifier '%.*s'; write a time zone of this system such as 'Europe/Berlin', 's', 'ms', 'us', "
        "'ns', 'origin=2024-04-01' or 'fraction=6'",
        shown(modifier.text, modifier.length), modifier.text);
  if (result != TIME_ZONE_FOUND) {
    grain->no_memory = result == TIME_ZONE_NO_MEMORY;
    return fail(grain, "time zone '%.*s' %s", shown(modifier.text, modifier.length), modifier.text,
                time_zone_problem(result));
  }
  bool given = grain->zone != 0;
  if (given)
    time_zone_release(zone);
  else
    grain->zone = zone;
  return set_once(grain, &given, "time zone", modifier);
}

static bool starts_with(const char *prefix, struct time_modifier modifier) {
  size_t length = strlen(prefix);
  return modifier.length >= length && memcmp(modifier.text, prefix, length) == 0;
}

static bool set_modifier(struct time_grain *grain, struct given *given, struct time_modifier modifier,
                         struct time_zones *zones) {
  int64_t ticks_per_s = time_unit_parse(modifier.text, modifier.length);
  if (ticks_per_s) {
    grain->ticks_per_s = ticks_per_s;
    return set_once(grain, &given->unit, "unit", modifier);
  }
  if (starts_with("origin=", modifier)) return set_origin(grain, given, modifier);
  if (starts_with("fraction=", modifier)) return set_fraction(grain, given, modifier);
  return set_zone(grain, modifier, zones);
}

/* ---- What follows from both ---- */

static bool settle_origin(struct time_grain *grain, const struct given *given) {
  int64_t year;
  int month, day;
  if (!given->origin)
    grain->origin_s = grain->is_number ? 0 : grain->kind == TIME_MONTHS ? JANUARY_2000_S : MONDAY_2000_S;
  if (grain->zone && given->utc_origin.text)
    return fail(grain, "'%.*s' is not on the clock of the time zone; write it without Z and offset",
                shown(given->utc_origin.text, given->utc_origin.length), given->utc_origin.text);
  time_date_from_days(time_floor_div(grain->origin_s, DAY_S), &year, &month, &day);
  grain->origin_month = year * 12 + month - 1;
  grain->origin_within_s = (day - 1) * DAY_S + time_floor_mod(grain->origin_s, DAY_S);
  if (grain->kind == TIME_MONTHS && day > 28)
    return fail(grain, "an origin on day %d does not exist in every month; write a day up to 28", day);
  return true;
}

/* Text results of widths below a second need a fraction, or they would not tell the buckets apart. */
static bool settle_fraction(struct time_grain *grain, const struct given *given) {
  int64_t digit_ns = SECOND_NS;
  int least = 0;
  if (grain->kind != TIME_FIXED) return true;
  while (grain->width_ns % digit_ns) {
    digit_ns /= 10;
    least++;
  }
  if (!given->fraction)
    grain->fraction_digits = (least + 2) / 3 * 3;
  else if (grain->fraction_digits < least)
    return fail(grain, "'fraction=%d' cannot hold the starts of this width; write 'fraction=%d'",
                grain->fraction_digits, least);
  return true;
}

/* Offsets are whole seconds, so that parts of a second start alike in all zones. */
static bool settle_zone(struct time_grain *grain) {
  if (!grain->zone || grain->kind != TIME_FIXED || grain->width_ns % SECOND_NS == 0) return true;
  if (SECOND_NS % grain->width_ns)
    return fail(grain,
                "width %.9g seconds is neither whole nor divides a second evenly, as a time zone needs",
                (double)grain->width_ns / (double)SECOND_NS);
  time_zone_release(grain->zone);
  grain->zone = 0;
  return true;
}

/* The origin, in units of ts / denominator, modulo the numerator. */
static int64_t phase(const struct time_grain *grain, int64_t numerator, int64_t denominator) {
  int64_t ticks =
      time_multiply_mod(time_floor_mod(grain->origin_s, numerator), grain->ticks_per_s, numerator);
  return time_multiply_mod(ticks, denominator, numerator);
}

/* The width in units of ts as a reduced fraction, for buckets that need no calendar. */
static void settle_ticks(struct time_grain *grain) {
  int64_t tick_ns = SECOND_NS / grain->ticks_per_s;
  int64_t numerator = grain->number, denominator = 1;
  if (grain->kind == TIME_FIXED) {
    int64_t common = greatest_divisor(grain->width_ns, tick_ns);
    numerator = grain->width_ns / common;
    denominator = tick_ns / common;
  }
  grain->denominator = (double)denominator;
  if (numerator == 0) { /* a REAL number that is not whole */
    grain->numerator = grain->number_real;
    grain->phase = fmod((double)grain->origin_s * (double)grain->ticks_per_s, grain->number_real);
    return;
  }
  grain->numerator = (double)numerator;
  grain->phase = (double)phase(grain, numerator, denominator);
  if (denominator == 1 || numerator == 1) {
    grain->width_ticks = numerator;
    grain->phase_ticks = phase(grain, numerator, 1);
  }
}

static void settle_seconds(struct time_grain *grain) {
  int64_t width = grain->kind == TIME_FIXED ? grain->width_ns : grain->number;
  int64_t second = grain->kind == TIME_FIXED ? SECOND_NS : grain->ticks_per_s;
  grain->width_s = width % second ? 0 : width / second;
}

bool time_grain_parse(struct time_grain *grain, struct time_width width,
                      const struct time_modifier *modifiers, int n_modifiers, struct time_zones *zones) {
  struct given given = {0};
  bool good = true;
  *grain = (struct time_grain){.ticks_per_s = 1};
  for (int i = 0; i < n_modifiers && good; i++) good = set_modifier(grain, &given, modifiers[i], zones);
  if (good) good = width.text ? read_width(grain, width.text, width.length) : set_number(grain, width);
  good = good && settle_origin(grain, &given) && settle_fraction(grain, &given) && settle_zone(grain);
  if (!good) {
    time_grain_free(grain);
    return false;
  }
  if (grain->kind != TIME_MONTHS) settle_seconds(grain);
  if (grain->kind != TIME_MONTHS && !grain->zone) settle_ticks(grain);
  return true;
}

void time_grain_free(struct time_grain *grain) {
  time_zone_release(grain->zone);
  grain->zone = 0;
}
