/*
** The time kernels without SQLite, under sanitizers: damaged zone files, any text as time, width and modifier, any
** number as ts, every failing allocation, and next_s against floor_s. `time SEED FILE ...` with TZif files.
*/
#include "ext/kernel/time_grain.h"
#include "ext/kernel/time_rule.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint64_t next_random(void) { /* splitmix64 */
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

static int64_t below(int64_t n) {
  return (int64_t)(next_random() % (uint64_t)n);
}

#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                 \
      exit(1);                                                                                               \
    }                                                                                                        \
  } while (0)

/* ---- Allocations that fail: linked with --wrap=malloc,--wrap=calloc ---- */

static int allocations_left = -1; /* -1: as many as there are */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool may_allocate(void) {
  if (allocations_left == 0) return false;
  if (allocations_left > 0) allocations_left--;
  return true;
}
void *__wrap_malloc(size_t size) {
  return may_allocate() ? __real_malloc(size) : 0;
}
void *__wrap_calloc(size_t n, size_t size) {
  return may_allocate() ? __real_calloc(n, size) : 0;
}

/* ---- Zone files ---- */

static size_t read_file(const char *path, uint8_t *bytes, size_t most) {
  FILE *file = fopen(path, "rb");
  CHECK(file);
  size_t length = fread(bytes, 1, most, file);
  fclose(file);
  return length;
}

/* What holds for the stretches of any zone that opens: they hold the instant, and adjoin. */
static void check_spans(const struct time_zone *zone) {
  for (int i = 0; i < 50; i++) {
    int64_t at = i == 0   ? -TIME_LIMIT_S
                 : i == 1 ? TIME_LIMIT_S
                 : i & 1  ? below(TIME_LIMIT_S)
                          : below(20000000000) - 5000000000;
    struct time_span span = time_zone_span(zone, at);
    CHECK(span.from_s <= at && at < span.to_s);
    CHECK(abs(span.offset_s) < 26 * 3600);
    if (span.from_s != INT64_MIN) CHECK(time_zone_span(zone, span.from_s - 1).to_s == span.from_s);
    if (span.to_s != INT64_MAX && span.to_s < TIME_LIMIT_S)
      CHECK(time_zone_span(zone, span.to_s).from_s == span.to_s);
  }
}

static int fuzz_files(int n_files, char **paths) {
  uint8_t bytes[16384];
  int opened = 0;
  for (int round = 0; round < 20000; round++) {
    size_t length = read_file(paths[round % n_files], bytes, sizeof bytes);
    for (int64_t n = below(4); n > 0; n--) {
      size_t at = next_random() & 1 ? length - (size_t)below(60)
                                    : (size_t)below((int64_t)length); /* the footer, or any */
      bytes[at % length] =
          next_random() & 1 ? (uint8_t)below(256) : (uint8_t) "0123456789,./-+<>MJAZ"[below(21)];
    }
    if (below(4) == 0) length = (size_t)below((int64_t)length);
    /* A copy of its own, so that reading a byte too many is seen. */
    uint8_t *exact = malloc(length ? length : 1);
    memcpy(exact, bytes, length);
    struct time_zone *zone;
    if (time_zone_read(exact, length, &zone) == TIME_ZONE_FOUND) {
      opened++;
      check_spans(zone);
    } else {
      CHECK(!zone);
    }
    time_zone_release(zone);
    free(exact);
  }
  return opened;
}

/* ---- Text, widths and numbers ---- */

static char pick(const char *from) {
  return from[below((int64_t)strlen(from))];
}

static void fuzz_text(void) {
  char text[48], out[TIME_TEXT_MAX];
  for (int round = 0; round < 300000; round++) {
    struct time_text time = {below(TIME_TEXT_LAST_S - TIME_TEXT_FIRST_S + 1) + TIME_TEXT_FIRST_S,
                             (int32_t)below(1000000000),
                             {true, below(2), pick("T "), (uint8_t)below(10)}};
    struct time_text again;
    size_t length = time_text_write(&time, out);
    CHECK(length > 0 && length < TIME_TEXT_MAX && strlen(out) == length);
    CHECK(time_text_read(out, length, &again) && again.unix_s == time.unix_s);
    CHECK(again.spelling.separator == time.spelling.separator &&
          again.spelling.has_zone == time.spelling.has_zone);
    /* Damaged and cut, in a buffer of its own: whatever is read can be written. */
    memcpy(text, out, length);
    for (int64_t n = below(3); n > 0; n--) text[below((int64_t)length)] = pick("0123456789-:.+TZ \n");
    length = (size_t)below((int64_t)length + 1);
    char *exact = malloc(length ? length : 1);
    memcpy(exact, text, length);
    if (time_text_read(exact, length, &again)) CHECK(time_text_write(&again, out) > 0);
    free(exact);
  }
}

static int64_t any_integer(void) {
  int64_t value = (int64_t)next_random() >> below(64);
  int64_t ends[] = {INT64_MIN,         INT64_MAX,       0, -1, TIME_LIMIT_S, -TIME_LIMIT_S,
                    TIME_TEXT_FIRST_S, TIME_TEXT_LAST_S};
  return below(5) ? value : ends[below(8)];
}

static double any_real(void) {
  double ends[] = {INFINITY, -INFINITY, 9223372036854775808.0, -9223372036854775808.0, 1e300, 5e-324,
                   -0.0,     0.1};
  return below(5) ? (double)any_integer() / (double)(1 + below(1000)) : ends[below(8)];
}

static const char *const width_words[] = {"1",
                                          "0.5",
                                          "9223372036854775807",
                                          "12",
                                          "999999999.999999999",
                                          " ",
                                          "s",
                                          "m",
                                          "hours",
                                          "day",
                                          "mo",
                                          "y",
                                          "ms",
                                          "ns",
                                          "P",
                                          "T",
                                          "PT",
                                          "1H",
                                          "2W",
                                          "-",
                                          ".",
                                          "M",
                                          "quarter",
                                          "us",
                                          "\xff",
                                          "1w",
                                          "3d",
                                          "15m",
                                          "1h",
                                          "1mo"};
static const char *const modifier_words[] = {"s",
                                             "ms",
                                             "us",
                                             "ns",
                                             "Europe/Berlin",
                                             "Pacific/Apia",
                                             "UTC",
                                             "America/St_Johns",
                                             "origin=2000-01-31",
                                             "origin=-4713-11-25",
                                             "origin=9999-12-28 23:59:59",
                                             "origin=1970-01-01Z",
                                             "origin=",
                                             "fraction=0",
                                             "fraction=9",
                                             "fraction=",
                                             "",
                                             "../x",
                                             "Europe"};

#define COUNT(array) (int64_t)(sizeof(array) / sizeof((array)[0]))

static bool any_grain(struct time_grain *grain, struct time_zones *zones) {
  char text[120] = "";
  struct time_width width = {0};
  struct time_modifier modifiers[4];
  if (below(4)) {
    for (int64_t n = 1 + below(3); n > 0; n--) strcat(text, width_words[below(COUNT(width_words))]);
    width.text = text;
    width.length = strlen(text);
  } else {
    width.is_real = below(2);
    width.integer = any_integer();
    width.real = any_real();
  }
  int n = (int)below(4);
  for (int i = 0; i < n; i++) {
    modifiers[i].text = modifier_words[below(COUNT(modifier_words))];
    modifiers[i].length = strlen(modifiers[i].text);
  }
  bool good = time_grain_parse(grain, width, modifiers, n, zones);
  CHECK(good == (grain->error[0] == 0));
  CHECK(good || !grain->zone);
  return good;
}

/* A bucket's start is not after what is in it, and in its own bucket. */
static void check_grain(const struct time_grain *grain) {
  for (int i = 0; i < 8; i++) {
    struct time_number ts = {false, any_integer(), 0}, start, again;
    if (time_grain_bucket_number(grain, &ts, &start)) {
      CHECK(start.is_real || start.integer <= ts.integer);
      if (!start.is_real && time_grain_bucket_number(grain, &start, &again) && !again.is_real)
        CHECK(again.integer == start.integer);
    }
    ts = (struct time_number){true, 0, any_real()};
    if (time_grain_bucket_number(grain, &ts, &start))
      CHECK(start.is_real && (start.real <= ts.real || isnan(start.real)));
    struct time_text time = {TIME_TEXT_FIRST_S + below(TIME_TEXT_LAST_S - TIME_TEXT_FIRST_S),
                             (int32_t)below(1000000000),
                             {true, true, ' ', 0}};
    struct time_text floor = time, twice;
    char out[TIME_TEXT_MAX];
    if (!grain->is_number && time_grain_bucket_text(grain, &floor)) {
      CHECK(floor.unix_s < time.unix_s ||
            (floor.unix_s == time.unix_s && floor.nanosecond <= time.nanosecond));
      CHECK(floor.nanosecond >= 0 && floor.nanosecond < 1000000000);
      twice = floor;
      CHECK(time_grain_bucket_text(grain, &twice) && twice.unix_s == floor.unix_s &&
            twice.nanosecond == floor.nanosecond);
      time_text_write(&floor, out);
    }
  }
}

/* next_s: the very first instant that is in another bucket. */
static void check_next(const struct time_grain *grain, int64_t at) {
  int64_t start = time_grain_floor_s(grain, at), next = time_grain_next_s(grain, at);
  if (start == TIME_NONE || next == TIME_NONE) return;
  bool by_calendar = grain->zone || grain->kind == TIME_MONTHS;
  if (by_calendar && llabs(at) > TIME_LIMIT_S - 1000000000000) return; /* the next may be beyond the limit */
  CHECK(start <= at && at < next);
  CHECK(time_grain_floor_s(grain, next) != start);
  CHECK(time_grain_floor_s(grain, next - 1) == start);
  for (int i = 0; i < 5; i++) CHECK(time_grain_floor_s(grain, at + below(next - at)) == start);
  CHECK(time_grain_floor_s(grain, start) == start);
}

static int fuzz_grains(void) {
  struct time_zones *zones = time_zones_new();
  struct time_grain grain;
  int parsed = 0;
  for (int round = 0; round < 60000; round++) {
    if (!any_grain(&grain, zones)) continue;
    parsed++;
    check_grain(&grain);
    if (time_grain_is_whole_s(&grain)) {
      check_next(&grain, below(8000000000) - 4000000000);
      check_next(&grain, any_integer());
    }
    time_grain_free(&grain);
  }
  time_zones_free(zones);
  return parsed;
}

/* A chain of boundaries gives floor_s for all between, and St. John's second parts of days are told by
 * floor_s(b) < b. */
static void check_boundaries(const char *width, const char *zone, int64_t from, int64_t to,
                             int odd_expected) {
  struct time_grain grain;
  struct time_modifier modifier = {zone, strlen(zone)};
  CHECK(
      time_grain_parse(&grain, (struct time_width){.text = width, .length = strlen(width)}, &modifier, 1, 0));
  int odd = 0;
  for (int64_t b = time_grain_floor_s(&grain, from), next; b < to; b = next) {
    next = time_grain_next_s(&grain, b);
    CHECK(next > b);
    int64_t start = time_grain_floor_s(&grain, b);
    odd += start < b;
    for (int i = 0; i < 3; i++) CHECK(time_grain_floor_s(&grain, b + below(next - b)) == start);
  }
  CHECK(odd == odd_expected);
  time_grain_free(&grain);
}

static void failing_allocations(void) {
  struct time_modifier modifier = {"Europe/Berlin", 13};
  struct time_width width = {.text = "1 day", .length = 5};
  for (int with_zones = 0; with_zones < 2; with_zones++) {
    struct time_zones *zones = with_zones ? time_zones_new() : 0;
    struct time_grain grain;
    bool good = false;
    for (int n = 0; !good; n++) {
      CHECK(n < 20);
      allocations_left = n;
      good = time_grain_parse(&grain, width, &modifier, 1, zones);
      allocations_left = -1;
      /* fopen may be what got no memory: then the zone can't be found. */
      CHECK(good || grain.no_memory || strstr(grain.error, "unknown modifier"));
    }
    time_grain_free(&grain);
    time_zones_free(zones);
  }
  allocations_left = 0;
  CHECK(!time_zones_new());
  allocations_left = -1;
}

int main(int n_arg, char **args) {
  CHECK(n_arg > 2);
  state = strtoull(args[1], 0, 10);
  int opened = fuzz_files(n_arg - 2, args + 2);
  fuzz_text();
  int parsed = fuzz_grains();
  CHECK(opened > 1000 && parsed > 5000); /* or the fuzzers test nothing */
  /* The years 1987 to 2010 had 24 autumns there, at 00:01. */
  check_boundaries("1 day", "America/St_Johns", 536457600, 1325376000, 24);
  check_boundaries("1 day", "Europe/Berlin", 0, 4000000000, 0);
  check_boundaries("1 hour", "Australia/Lord_Howe", 946684800, 1325376000, 0);
  check_boundaries("1 month", "Africa/Casablanca", 0, 8000000000, 0);
  failing_allocations();
  return 0;
}
