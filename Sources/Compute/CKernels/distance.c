// How far results are from expected ones, in units in the last place.
#include "CKernels.h"
#include "formats.h"

/// What the bits of a float type mean.
struct bit_layout {
  int mantissa;
  /// The exponent of the smallest normal value.
  int lowest;
  int is_signed;
};

// By `kernel_type`.
static const struct bit_layout bit_layouts[] = {
    {2, -14, 1}, {3, -6, 1},  {0, -127, 0}, {3, -7, 1},    {2, -15, 1},
    {10, -14, 1}, {7, -126, 1}, {23, -126, 1}, {52, -1022, 1},
};

static uint64_t bits_at(const void *source, size_t index, size_t width) {
  uint64_t bits = 0;
  memcpy(&bits, (const char *)source + index * width, width);
  return bits;
}

/// Integers that lie as far apart as the values do in last places; both zeros are 0.
static int64_t ordered(uint64_t bits, size_t width, int is_signed) {
  if (!is_signed) return (int64_t)bits;
  uint64_t sign = (uint64_t)1 << (8 * width - 1);
  int64_t magnitude = (int64_t)(bits & (sign - 1));
  return bits & sign ? -magnitude : magnitude;
}

/// The unit in the last place of `size`, which is not negative.
static double unit(double size, struct bit_layout layout) {
  uint64_t bits;
  memcpy(&bits, &size, sizeof bits);
  int exponent = (int)(bits >> 52) - 1023;
  if (exponent < layout.lowest) exponent = layout.lowest;
  int biased = exponent - layout.mantissa + 1023;
  bits = biased > 0 ? (uint64_t)biased << 52 : (uint64_t)1 << (51 + biased);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static double larger(double a, double b) { return a > b ? a : b; }

static int is_finite(double value) { return value - value == 0; }

/// Adds the sums over the elements of which all three are finite; returns the root
/// mean square of the expected change.
static double add_sums(
    const double *expected, const double *actual, const double *base, size_t count,
    struct kernel_distances *found) {
  double squares = 0;
  size_t finite = 0;
  for (size_t i = 0; i < count; i++) {
    if (!is_finite(expected[i]) || !is_finite(actual[i]) || !is_finite(base[i])) continue;
    double wanted = expected[i] - base[i], change = actual[i] - base[i];
    double error = actual[i] - expected[i];
    squares += wanted * wanted;
    found->actual_squares += change * change;
    found->products += wanted * change;
    found->error_squares += error * error;
    finite++;
  }
  found->expected_squares += squares;
  return finite > 0 ? __builtin_sqrt(squares / (double)finite) : 0;
}

struct kernel_distances kernel_distance(
    int type, const void *expected, const void *actual, int base_type, const void *base,
    size_t count) {
  double e[kernel_distance_block], a[kernel_distance_block], b[kernel_distance_block];
  struct kernel_distances found = {0};
  struct bit_layout layout = bit_layouts[type];
  size_t width = kernel_width(type);
  kernel_load(type, expected, e, count);
  kernel_load(type, actual, a, count);
  if (base) kernel_load(base_type, base, b, count);
  double usual = base ? add_sums(e, a, b, count, &found) : 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t x = bits_at(expected, i, width), y = bits_at(actual, i, width);
    if (x == y || (e[i] != e[i] && a[i] != a[i])) continue;
    found.differing++;
    if (e[i] != e[i] || a[i] != a[i]) {
      // No number of steps leads from a number to NaN.
      found.max_ulp = UINT64_MAX;
      found.max_term_ulp = __builtin_inf();
      continue;
    }
    int64_t from = ordered(x, width, layout.is_signed);
    int64_t to = ordered(y, width, layout.is_signed);
    uint64_t ulp = from > to ? (uint64_t)from - (uint64_t)to : (uint64_t)to - (uint64_t)from;
    found.max_ulp = ulp > found.max_ulp ? ulp : found.max_ulp;
    double size = larger(__builtin_fabs(e[i]), usual);
    if (base && is_finite(b[i])) size = larger(size, __builtin_fabs(b[i]));
    double term_ulp = __builtin_fabs(e[i] - a[i]) / unit(size, layout);
    found.max_term_ulp = larger(term_ulp, found.max_term_ulp);
  }
  return found;
}
