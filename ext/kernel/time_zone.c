/*
** Time zones: a TZif file becomes one ascending table of changes of the offset. Where the file ends in a
** rule for the far future, the table is continued by the rule for 400 years, after which the Gregorian
** calendar and therefore the changes repeat, to the second: a later time is looked up that many cycles
** earlier.
*/
#include "ext/kernel/time_zone.h"
#include "ext/kernel/time_rule.h"
#include "ext/kernel/time_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DAY_S         86400
#define CYCLE_YEARS   400
#define CYCLE_S       (INT64_C(146097) * DAY_S)
#define RULE_CHANGES  (2 * (CYCLE_YEARS + 4)) /* a year before the first and three after the last */
#define FILE_MAX      (256 * 1024)            /* the longest of the system's is under 4 KiB */
#define ZONE_NAME_MAX 64
#define ZONES_MAX     1024 /* more than there are names */

struct change {
  int64_t at_s;
  int32_t offset_s; /* from then on */
};

struct time_zone {
  int references;
  int32_t first_offset_s; /* before the first change */
  int64_t cycle_s;        /* from here on the changes repeat every CYCLE_S; INT64_MAX: they don't */
  bool cycles_always;     /* they also repeat before cycle_s */
  size_t n_changes;
  struct change changes[];
};

/* ---- A file's bytes ---- */

struct reader {
  const uint8_t *at;
  size_t left;
};

static uint32_t take_u32(struct reader *in) {
  uint32_t value =
      (uint32_t)in->at[0] << 24 | (uint32_t)in->at[1] << 16 | (uint32_t)in->at[2] << 8 | in->at[3];
  in->at += 4;
  in->left -= 4;
  return value;
}

/* The counts of a header, in the file's order. */
struct header {
  char version;
  uint64_t n_ut, n_standard, n_leaps, n_times, n_types, n_chars;
};

static bool take_header(struct reader *in, struct header *header) {
  if (in->left < 44 || memcmp(in->at, "TZif", 4) != 0) return false;
  header->version = (char)in->at[4];
  in->at += 20;
  in->left -= 20;
  header->n_ut = take_u32(in);
  header->n_standard = take_u32(in);
  header->n_leaps = take_u32(in);
  header->n_times = take_u32(in);
  header->n_types = take_u32(in);
  header->n_chars = take_u32(in);
  return true;
}

/* The bytes of the data after a header; `time_size` is 4 in version 1 and 8 in what follows. */
static uint64_t data_size(const struct header *header, uint64_t time_size) {
  return header->n_times * (time_size + 1) + header->n_types * 6 + header->n_chars +
         header->n_leaps * (time_size + 4) + header->n_standard + header->n_ut;
}

/* The data block of a file, by part. */
struct block {
  const uint8_t *times, *indexes, *types;
  size_t n_times, n_types, time_size;
};

static enum time_zone_result take_block(struct reader *in, const struct header *header, size_t time_size,
                                        struct block *block) {
  uint64_t size = data_size(header, time_size);
  if (size > in->left || header->n_types < 1 || header->n_types > 256) return TIME_ZONE_DAMAGED;
  if (header->n_leaps > 0) return TIME_ZONE_LEAP_SECONDS;
  block->n_times = (size_t)header->n_times;
  block->n_types = (size_t)header->n_types;
  block->time_size = time_size;
  block->times = in->at;
  block->indexes = block->times + block->n_times * time_size;
  block->types = block->indexes + block->n_times;
  in->at += size;
  in->left -= (size_t)size;
  return TIME_ZONE_FOUND;
}

static int64_t time_at(const struct block *block, size_t i) {
  const uint8_t *byte = block->times + i * block->time_size;
  uint64_t value = byte[0] & 0x80 ? ~UINT64_C(0) : 0;
  for (size_t k = 0; k < block->time_size; k++) value = value << 8 | byte[k];
  return (int64_t)value;
}

/* The offset of type `i`; the RFC's limits keep -25:59:59 to 25:59:59. */
static bool offset_at(const struct block *block, size_t i, int32_t *offset_s) {
  if (i >= block->n_types) return false;
  struct reader in = {block->types + i * 6, 6};
  *offset_s = (int32_t)take_u32(&in);
  return *offset_s > -26 * 3600 && *offset_s < 26 * 3600;
}

/* ---- From the file to the table ---- */

static enum time_zone_result copy_changes(struct time_zone *zone, const struct block *block) {
  if (!offset_at(block, 0, &zone->first_offset_s)) return TIME_ZONE_DAMAGED;
  for (size_t i = 0; i < block->n_times; i++) {
    struct change *change = &zone->changes[i];
    change->at_s = time_at(block, i);
    if (!offset_at(block, block->indexes[i], &change->offset_s)) return TIME_ZONE_DAMAGED;
    if (i > 0 && change->at_s <= change[-1].at_s) return TIME_ZONE_DAMAGED;
    if (change->at_s < -(INT64_C(1) << 60) || change->at_s > TIME_LIMIT_S) return TIME_ZONE_DAMAGED;
  }
  zone->n_changes = block->n_times;
  return TIME_ZONE_FOUND;
}

static int64_t year_of(int64_t unix_s) {
  int64_t year;
  int month, day;
  time_date_from_days(time_floor_div(unix_s, DAY_S), &year, &month, &day);
  return year;
}

/*
** Adds a change of the rule, in order of time, after `first`. Rules come nearly in order. Where daylight
** saving time ends and starts again at one instant (the way to say that it never ends), the start wins.
*/
static void add_rule_change(struct time_zone *zone, size_t first, int64_t at_s, int32_t offset_s,
                            bool starts) {
  size_t i = zone->n_changes;
  for (; i > first && zone->changes[i - 1].at_s > at_s; i--) zone->changes[i] = zone->changes[i - 1];
  if (i > first && zone->changes[i - 1].at_s == at_s) {
    for (size_t k = i; k < zone->n_changes; k++) zone->changes[k] = zone->changes[k + 1];
    if (starts) zone->changes[i - 1].offset_s = offset_s;
    return;
  }
  zone->changes[i] = (struct change){at_s, offset_s};
  zone->n_changes++;
}

/* Continues the table after the file's last change by `rule`, for one cycle and some years more. */
static void add_rule(struct time_zone *zone, const struct time_rule *rule) {
  size_t n_file = zone->n_changes;
  int64_t last_s = n_file ? zone->changes[n_file - 1].at_s : 0;
  if (!rule->has_dst) {
    if (n_file)
      zone->changes[n_file - 1].offset_s = rule->standard_s;
    else
      zone->first_offset_s = rule->standard_s;
    return;
  }
  /* The big bang (-2^59) and its like in front of a rule tell nothing of a year. */
  int64_t year = year_of(last_s < -TIME_LIMIT_S ? -TIME_LIMIT_S : last_s) - 1;
  for (int i = 0; i < RULE_CHANGES / 2; i++, year++) {
    add_rule_change(zone, n_file, time_rule_start_s(rule, year), rule->dst_s, true);
    add_rule_change(zone, n_file, time_rule_end_s(rule, year), rule->standard_s, false);
  }
  zone->cycles_always = n_file == 0;
  /* What the rule changed up to the file's last change is only worth knowing for the offset it left. */
  size_t past = n_file;
  if (n_file) {
    while (past < zone->n_changes && zone->changes[past].at_s <= last_s) past++;
    if (past > n_file) zone->changes[n_file - 1].offset_s = zone->changes[past - 1].offset_s;
    memmove(zone->changes + n_file, zone->changes + past, (zone->n_changes - past) * sizeof zone->changes[0]);
    zone->n_changes -= past - n_file;
  }
  zone->cycle_s = zone->changes[n_file].at_s;
}

/* The rule between the two newlines after the last block; none if it is empty. */
static bool take_footer(struct reader *in, bool *has_rule, struct time_rule *rule) {
  *has_rule = false;
  if (in->left < 2 || in->at[0] != '\n') return false;
  const uint8_t *end = memchr(in->at + 1, '\n', in->left - 1);
  if (!end) return false;
  size_t length = (size_t)(end - in->at - 1);
  *has_rule = length > 0;
  return length == 0 || time_rule_read((const char *)in->at + 1, length, rule);
}

static struct time_zone *new_zone(size_t n_changes_max) {
  struct time_zone *zone = malloc(sizeof *zone + n_changes_max * sizeof zone->changes[0]);
  if (zone) *zone = (struct time_zone){.references = 1, .cycle_s = INT64_MAX};
  return zone;
}

enum time_zone_result time_zone_read(const uint8_t *bytes, size_t length, struct time_zone **zone) {
  struct reader in = {bytes, length};
  struct header header;
  struct block block;
  struct time_rule rule;
  bool has_rule = false;
  size_t time_size = 4;
  *zone = 0;
  if (!take_header(&in, &header)) return TIME_ZONE_DAMAGED;
  if (header.version >= '2') { /* the block of version 1 is there for old readers alone */
    uint64_t size = data_size(&header, 4);
    if (size > in.left) return TIME_ZONE_DAMAGED;
    in.at += size;
    in.left -= (size_t)size;
    if (!take_header(&in, &header)) return TIME_ZONE_DAMAGED;
    time_size = 8;
  }
  enum time_zone_result result = take_block(&in, &header, time_size, &block);
  if (result != TIME_ZONE_FOUND) return result;
  if (time_size == 8 && !take_footer(&in, &has_rule, &rule)) return TIME_ZONE_DAMAGED;

  struct time_zone *built = new_zone(block.n_times + (has_rule && rule.has_dst ? RULE_CHANGES + 1 : 0));
  if (!built) return TIME_ZONE_NO_MEMORY;
  result = copy_changes(built, &block);
  if (result != TIME_ZONE_FOUND) {
    free(built);
    return result;
  }
  if (has_rule) add_rule(built, &rule);
  *zone = built;
  return TIME_ZONE_FOUND;
}

void time_zone_release(struct time_zone *zone) {
  if (zone && --zone->references == 0) free(zone);
}

/* ---- Looking up ---- */

struct time_span time_zone_span(const struct time_zone *zone, int64_t at_s) {
  int64_t shift_s = 0;
  if (zone->cycle_s != INT64_MAX && (at_s >= zone->cycle_s || zone->cycles_always)) {
    shift_s = time_floor_div(at_s - zone->cycle_s, CYCLE_S) * CYCLE_S;
    at_s -= shift_s;
  }
  size_t low = 0,
         high = zone->n_changes; /* changes before `low` are not after at_s, those from `high` on are */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (zone->changes[middle].at_s <= at_s)
      low = middle + 1;
    else
      high = middle;
  }
  struct time_span span = {INT64_MIN, INT64_MAX, zone->first_offset_s};
  if (low > 0) {
    span.from_s = zone->changes[low - 1].at_s + shift_s;
    span.offset_s = zone->changes[low - 1].offset_s;
  }
  if (low < zone->n_changes) span.to_s = zone->changes[low].at_s + shift_s;
  return span;
}

/* ---- Finding the file ---- */

/* True for what can be a name of the database, and can't lead out of its directory. */
static bool is_name(const char *name, size_t length) {
  if (length == 0 || length > ZONE_NAME_MAX || name[0] == '/' || name[length - 1] == '/') return false;
  for (size_t i = 0; i < length; i++) {
    char c = name[i];
    if (c == '/' && name[i + 1] == '/') return false; /* not the last, see above */
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
          c == '-' || c == '+' || c == '/'))
      return false;
  }
  return true;
}

static enum time_zone_result read_file(FILE *file, struct time_zone **zone) {
  uint8_t *bytes = malloc(FILE_MAX);
  if (!bytes) return TIME_ZONE_NO_MEMORY;
  size_t length = fread(bytes, 1, FILE_MAX, file);
  /* Directories (Europe) and tables (zone.tab) are no zones, and nothing is wrong with them. */
  bool is_zone = !ferror(file) && length >= 4 && memcmp(bytes, "TZif", 4) == 0;
  enum time_zone_result result = is_zone ? time_zone_read(bytes, length, zone) : TIME_ZONE_UNKNOWN;
  free(bytes);
  return result;
}

const char *time_zone_problem(enum time_zone_result result) {
  switch (result) {
  case TIME_ZONE_UNKNOWN:
    return "is unknown; write a name of this system's zoneinfo such as 'Europe/Berlin'";
  case TIME_ZONE_NO_FILES:
    return "cannot be looked up: this system has no zoneinfo files; install tzdata, or set TZDIR";
  case TIME_ZONE_DAMAGED:
    return "has a damaged file; install tzdata again";
  case TIME_ZONE_LEAP_SECONDS:
    return "counts leap seconds, which Unix time does not; leave out 'right/'";
  case TIME_ZONE_NO_MEMORY:
    return "needs more memory";
  case TIME_ZONE_FOUND:
    break;
  }
  return "is fine";
}

enum time_zone_result time_zone_open(const char *name, size_t length, struct time_zone **zone) {
  const char *const directories[] = {getenv("TZDIR"), "/usr/share/zoneinfo", "/usr/lib/zoneinfo",
                                     "/usr/share/lib/zoneinfo", "/etc/zoneinfo"};
  bool any_directory = false;
  *zone = 0;
  if (!is_name(name, length)) return TIME_ZONE_UNKNOWN;
  if ((length == 3 && memcmp(name, "UTC", 3) == 0) || (length == 7 && memcmp(name, "Etc/UTC", 7) == 0)) {
    *zone = new_zone(0);
    return *zone ? TIME_ZONE_FOUND : TIME_ZONE_NO_MEMORY;
  }
  for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
    char path[1024];
    struct stat about;
    if (!directories[i] || stat(directories[i], &about) != 0) continue;
    any_directory = true;
    int size = snprintf(path, sizeof path, "%s/%.*s", directories[i], (int)length, name);
    FILE *file = size < (int)sizeof path ? fopen(path, "rb") : 0;
    if (!file) continue;
    enum time_zone_result result = read_file(file, zone);
    fclose(file);
    if (result != TIME_ZONE_UNKNOWN) return result;
  }
  return any_directory ? TIME_ZONE_UNKNOWN : TIME_ZONE_NO_FILES;
}

/* ---- The zones of a connection ---- */

struct entry {
  struct entry *next;
  struct time_zone *zone;
  size_t length;
  char name[ZONE_NAME_MAX];
};

struct time_zones {
  struct entry *first; /* the last used comes first */
};

struct time_zones *time_zones_new(void) {
  return calloc(1, sizeof(struct time_zones));
}

static void free_entries(struct entry *entry) {
  while (entry) {
    struct entry *next = entry->next;
    time_zone_release(entry->zone);
    free(entry);
    entry = next;
  }
}

void time_zones_free(struct time_zones *zones) {
  if (!zones) return;
  free_entries(zones->first);
  free(zones);
}

/* Takes the zone's entry out of the list, if there is one; also drops what the list has too many. */
static struct entry *unlink_entry(struct time_zones *zones, const char *name, size_t length) {
  struct entry **link = &zones->first;
  for (int i = 0; *link; link = &(*link)->next, i++) {
    struct entry *entry = *link;
    if (entry->length == length && memcmp(entry->name, name, length) == 0) {
      *link = entry->next;
      return entry;
    }
    if (i == ZONES_MAX) {
      free_entries(entry->next);
      entry->next = 0;
    }
  }
  return 0;
}

enum time_zone_result time_zones_get(struct time_zones *zones, const char *name, size_t length,
                                     struct time_zone **zone) {
  struct entry *entry = unlink_entry(zones, name, length);
  *zone = 0;
  if (!entry) {
    struct time_zone *opened;
    enum time_zone_result result = time_zone_open(name, length, &opened);
    if (result != TIME_ZONE_FOUND) return result;
    entry = malloc(sizeof *entry);
    if (!entry) {
      time_zone_release(opened);
      return TIME_ZONE_NO_MEMORY;
    }
    entry->zone = opened;
    entry->length = length; /* at most ZONE_NAME_MAX: it was opened */
    memcpy(entry->name, name, length);
  }
  entry->next = zones->first;
  zones->first = entry;
  *zone = entry->zone;
  entry->zone->references++;
  return TIME_ZONE_FOUND;
}
