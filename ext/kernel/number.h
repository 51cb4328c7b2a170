/* Integers beside reals, compared exactly, as SQLite does: never through a cast to double. Plain C: no SQLite here. */
#ifndef ALMANAC_NUMBER_H
#define ALMANAC_NUMBER_H
#include <stdint.h>

/* Below 0, 0 or above 0: how the integer stands to the real, which is no NaN. */
static inline int compare_integer_real(int64_t integer, double real) {
  const double two_to_63 = 9223372036854775808.0;
  if (real >= two_to_63) return -1;
  if (real < -two_to_63) return 1;
  int64_t whole = (int64_t)real; /* towards 0 */
  if (integer != whole) return integer < whole ? -1 : 1;
  double rest = real - (double)whole; /* exact: where there is a fraction, both are below 2^53 */
  return (rest < 0) - (rest > 0);
}

#endif
