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

// By `kernel_type`. The units of the smallest F64 are no float64 that has a
// reciprocal; the bound is where those begin that have.
static const struct bit_layout bit_layouts[] = {
    {2, -14, 1}, {3, -6, 1},  {0, -127, 0}, {3, -7, 1},    {2, -15, 1},
    {10, -14, 1}, {7, -126, 1}, {23, -126, 1}, {52, -970, 1},
};

enum { lanes = 8 };

#define LOAD_BITS(name, element)                                                       \
  KERNEL static void name(                                                             \
      const void *restrict source, uint64_t *restrict bits, size_t count) {            \
    const element *values = source;                                                    \
    for (size_t i = 0; i < count; i++) bits[i] = values[i];                            \
  }

LOAD_BITS(load_bits_8, uint8_t)
LOAD_BITS(load_bits_16, any_u16)
LOAD_BITS(load_bits_32, any_u32)
LOAD_BITS(load_bits_64, any_u64)

static void load_bits(size_t width, const void *source, uint64_t *bits, size_t count) {
  if (width == 1) load_bits_8(source, bits, count);
  if (width == 2) load_bits_16(source, bits, count);
  if (width == 4) load_bits_32(source, bits, count);
  if (width == 8) load_bits_64(source, bits, count);
}

/// Integers that lie as far apart as the values do in last places; both zeros are 0.
INLINE int64_t ordered(uint64_t bits, uint64_t sign) {
  int64_t magnitude = (int64_t)(bits & ~sign);
  return bits & sign ? -magnitude : magnitude;
}

/// 1 / the unit in the last place of `size`, which is not negative.
INLINE double units_per(double size, struct bit_layout layout) {
  uint64_t bits;
  memcpy(&bits, &size, sizeof bits);
  int64_t exponent = (int64_t)(bits >> 52) - 1023;
  exponent = exponent < layout.lowest ? layout.lowest : exponent;
  bits = (uint64_t)(1023 - exponent + layout.mantissa) << 52;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

INLINE int is_finite(double value) { return __builtin_fabs(value) < __builtin_inf(); }

/// The sums over the elements of which all three are finite, by whole lanes; returns
/// the root mean square of the expected change.
KERNEL static double add_sums(
    const double *restrict expected, const double *restrict actual,
    const double *restrict base, size_t padded, struct kernel_distances *restrict found) {
  double ee[lanes] = {0}, aa[lanes] = {0}, ea[lanes] = {0}, dd[lanes] = {0};
  double finite[lanes] = {0};
  for (size_t i = 0; i < padded; i += lanes) {
    for (int l = 0; l < lanes; l++) {
      double x = expected[i + l], y = actual[i + l], b = base[i + l];
      int sound = is_finite(x) & is_finite(y) & is_finite(b);
      double wanted = sound ? x - b : 0, change = sound ? y - b : 0;
      double error = sound ? y - x : 0;
      ee[l] += wanted * wanted;
      aa[l] += change * change;
      ea[l] += wanted * change;
      dd[l] += error * error;
      finite[l] += sound ? 1 : 0;
    }
  }
  double squares = 0, count = 0;
  for (int l = 0; l < lanes; l++) {
    squares += ee[l];
    count += finite[l];
    found->actual_squares += aa[l];
    found->products += ea[l];
    found->error_squares += dd[l];
  }
  found->expected_squares += squares;
  return count > 0 ? __builtin_sqrt(squares / count) : 0;
}

/// The counts and maxima, by whole lanes.
KERNEL static void add_distances(
    const double *restrict expected, const double *restrict actual,
    const double *restrict base, const uint64_t *restrict expected_bits,
    const uint64_t *restrict actual_bits, size_t padded, double usual, uint64_t sign,
    struct bit_layout layout, struct kernel_distances *restrict found) {
  uint64_t differing[lanes] = {0}, max_ulp[lanes] = {0};
  double max_term[lanes] = {0};
  for (size_t i = 0; i < padded; i += lanes) {
    for (int l = 0; l < lanes; l++) {
      double x = expected[i + l], y = actual[i + l], b = __builtin_fabs(base[i + l]);
      uint64_t from_bits = expected_bits[i + l], to_bits = actual_bits[i + l];
      int lost = (x != x) | (y != y);
      int same = (from_bits == to_bits) | ((x != x) & (y != y));
      int64_t from = ordered(from_bits, sign), to = ordered(to_bits, sign);
      uint64_t ulp = from > to ? (uint64_t)from - (uint64_t)to : (uint64_t)to - (uint64_t)from;
      // No number of steps leads from a number to NaN.
      ulp = lost ? UINT64_MAX : ulp;
      ulp = same ? 0 : ulp;
      double size = __builtin_fabs(x);
      size = size > usual ? size : usual;
      size = ((b > size) & (b < __builtin_inf())) ? b : size;
      double term = __builtin_fabs(x - y) * units_per(size, layout);
      term = lost ? __builtin_inf() : term;
      term = same ? 0 : term;
      differing[l] += same ? 0 : 1;
      max_ulp[l] = ulp > max_ulp[l] ? ulp : max_ulp[l];
      max_term[l] = term > max_term[l] ? term : max_term[l];
    }
  }
  for (int l = 0; l < lanes; l++) {
    found->differing += differing[l];
    found->max_ulp = max_ulp[l] > found->max_ulp ? max_ulp[l] : found->max_ulp;
    found->max_term_ulp = max_term[l] > found->max_term_ulp ? max_term[l] : found->max_term_ulp;
  }
}

struct kernel_distances kernel_distance(
    int type, const void *expected, const void *actual, int base_type, const void *base,
    size_t count) {
  double e[kernel_distance_block], a[kernel_distance_block], b[kernel_distance_block];
  uint64_t e_bits[kernel_distance_block], a_bits[kernel_distance_block];
  struct kernel_distances found = {0};
  struct bit_layout layout = bit_layouts[type];
  size_t width = kernel_width(type);
  size_t padded = (count + lanes - 1) / lanes * lanes;
  kernel_load(type, expected, e, count);
  kernel_load(type, actual, a, count);
  if (base) kernel_load(base_type, base, b, count);
  load_bits(width, expected, e_bits, count);
  load_bits(width, actual, a_bits, count);
  for (size_t i = base ? count : 0; i < padded; i++) b[i] = 0;
  // Not finite in the sums, and equal in the distances.
  for (size_t i = count; i < padded; i++) {
    e[i] = a[i] = __builtin_nan("");
    e_bits[i] = a_bits[i] = 0;
  }
  double usual = base ? add_sums(e, a, b, padded, &found) : 0;
  uint64_t sign = layout.is_signed ? (uint64_t)1 << (8 * width - 1) : 0;
  add_distances(e, a, b, e_bits, a_bits, padded, usual, sign, layout, &found);
  return found;
}
