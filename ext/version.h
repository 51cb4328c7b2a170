/* The one place that says which version this is. */
#ifndef ALMANAC_VERSION_H
#define ALMANAC_VERSION_H
#define ALMANAC_VERSION "0.1.0"
#endif
