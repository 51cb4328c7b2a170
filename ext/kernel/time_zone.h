/*
** Time zones from the system's TZif files (RFC 9636, versions 1 to 4, with the footer's rule for the far
** future).
**
** A zone is looked up in $TZDIR, /usr/share/zoneinfo, /usr/lib/zoneinfo, /usr/share/lib/zoneinfo and
** /etc/zoneinfo, in this order; "UTC" needs no file. Names hold letters, digits, '_', '-', '+' and '/'
** alone, so that no name leads out of these directories. A file is trusted for nothing: every count, index
** and offset in it is checked.
*/
#ifndef ALMANAC_TIME_ZONE_H
#define ALMANAC_TIME_ZONE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIME_LIMIT_S                                                                                         \
  (INT64_C(1) << 53) /* Unix seconds, either side of 1970, that zones and calendars work for */

struct time_zone; /* immutable once opened, shared by reference count within one thread */

/* A stretch of time with one offset: the clock reads t + offset_s for from_s <= t < to_s (Unix seconds). */
struct time_span {
  int64_t from_s; /* INT64_MIN: since ever */
  int64_t to_s;   /* INT64_MAX: for ever */
  int32_t offset_s;
};

enum time_zone_result {
  TIME_ZONE_FOUND,
  TIME_ZONE_UNKNOWN,      /* no file of this name */
  TIME_ZONE_NO_FILES,     /* none of the directories exists */
  TIME_ZONE_DAMAGED,      /* the file breaks RFC 9636 */
  TIME_ZONE_LEAP_SECONDS, /* the file counts leap seconds ("right/..."), Unix time does not */
  TIME_ZONE_NO_MEMORY
};

/* What is wrong, to follow "time zone 'X' " in an error. Constant. */
const char *time_zone_problem(enum time_zone_result result);

/* Opens the zone `name` (`length` bytes) with one reference, to be given back with time_zone_release. */
enum time_zone_result time_zone_open(const char *name, size_t length, struct time_zone **zone);

/* The same from the bytes of a TZif file. */
enum time_zone_result time_zone_read(const uint8_t *bytes, size_t length, struct time_zone **zone);

void time_zone_release(struct time_zone *zone);

/* The stretch that holds `at_s`, which is within +-TIME_LIMIT_S. */
struct time_span time_zone_span(const struct time_zone *zone, int64_t at_s);

/*
** The zones that one connection has opened so far, for zones that come from a column: reading a file costs
** as much as thousands of rows. Not for two threads at once.
*/
struct time_zones;
struct time_zones *time_zones_new(void); /* NULL: no memory */
void time_zones_free(struct time_zones *zones);

/* As time_zone_open, from `zones` where the zone is there already. */
enum time_zone_result time_zones_get(struct time_zones *zones, const char *name, size_t length,
                                     struct time_zone **zone);

#endif
