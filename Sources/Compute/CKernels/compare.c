// Comparison of two blocks of values, of any two types, in float64.
#include "CKernels.h"
#include "formats.h"

enum { lanes = 8 };

/// Sets difference[i] to |a[i] - b[i]|, rounded once, of 64-bit integers, whose
/// float64 need not show that they differ.
#define EXACT(name, element)                                                        \
  KERNEL static void exact_##name(                                                 \
      const void *restrict a, const void *restrict b, double *restrict difference, \
      size_t count) {                                                              \
    const element *x = a, *y = b;                                                  \
    for (size_t i = 0; i < count; i++) {                                           \
      uint64_t d = x[i] > y[i] ? (uint64_t)x[i] - (uint64_t)y[i]                   \
                               : (uint64_t)y[i] - (uint64_t)x[i];                  \
      difference[i] = (double)d;                                                   \
    }                                                                              \
  }

EXACT(u64, any_u64)
EXACT(i64, any_i64)

/// A value without the rounding of float64: a long double has 64 bits for the digits.
static inline long double precise(int type, const void *values, const double *wide, size_t i) {
  switch (type) {
    case kernel_u64: return ((const any_u64 *)values)[i];
    case kernel_i64: return ((const any_i64 *)values)[i];
    default: return wide[i];
  }
}

/// The same for a 64-bit integer against any other type: 0 only where they are equal.
static void exact_mixed(
    int type_a, const void *a, const double *x, int type_b, const void *b, const double *y,
    double *difference, size_t count) {
  for (size_t i = 0; i < count; i++) {
    long double d = precise(type_a, a, x, i) - precise(type_b, b, y, i);
    difference[i] = (double)(d < 0 ? -d : d);
  }
}

static int is_long_integer(int type) { return type == kernel_u64 || type == kernel_i64; }

KERNEL static void subtract(
    const double *restrict x, const double *restrict y, double *restrict difference,
    size_t count) {
  for (size_t i = 0; i < count; i++) difference[i] = __builtin_fabs(x[i] - y[i]);
}

/// The sums over whole lanes; the arrays are padded with zeros up to them.
KERNEL static struct kernel_comparison compare(
    const double *restrict x, const double *restrict y, const double *restrict difference,
    size_t padded, double absolute, double relative) {
  double max_abs[lanes] = {0}, max_rel[lanes] = {0}, xx[lanes] = {0}, yy[lanes] = {0};
  double xy[lanes] = {0}, dd[lanes] = {0};
  uint64_t differing[lanes] = {0}, special[lanes] = {0}, nans[lanes] = {0};
  for (size_t i = 0; i < padded; i += lanes) {
    for (int l = 0; l < lanes; l++) {
      double a = x[i + l], b = y[i + l];
      double size_a = __builtin_fabs(a), size_b = __builtin_fabs(b);
      int is_finite = (size_a < __builtin_inf()) & (size_b < __builtin_inf());
      int both_nan = (a != a) & (b != b);
      double d = is_finite ? difference[i + l] : 0;
      double size = size_a > size_b ? size_a : size_b;
      size = is_finite ? size : 0;
      int within = is_finite ? d <= absolute + relative * size : (a == b) | both_nan;
      double ratio = d > 0 ? d / size : 0;
      max_abs[l] = d > max_abs[l] ? d : max_abs[l];
      max_rel[l] = ratio > max_rel[l] ? ratio : max_rel[l];
      a = is_finite ? a : 0;
      b = is_finite ? b : 0;
      xx[l] += a * a;
      yy[l] += b * b;
      xy[l] += a * b;
      dd[l] += d * d;
      differing[l] += within ? 0 : 1;
      special[l] += (!is_finite & !within) ? 1 : 0;
      nans[l] += both_nan ? 1 : 0;
    }
  }
  struct kernel_comparison all = {0};
  for (int l = 0; l < lanes; l++) {
    all.max_abs = max_abs[l] > all.max_abs ? max_abs[l] : all.max_abs;
    all.max_rel = max_rel[l] > all.max_rel ? max_rel[l] : all.max_rel;
    all.a_squares += xx[l];
    all.b_squares += yy[l];
    all.products += xy[l];
    all.difference_squares += dd[l];
    all.differing += differing[l];
    all.incomparable += special[l];
    all.nans += nans[l];
  }
  return all;
}

/// How many NaN of two blocks of one type have different bits.
static uint64_t different_nans(
    int type, const void *a, const void *b, const double *x, const double *y, size_t count) {
  size_t width = kernel_width(type);
  uint64_t different = 0;
  for (size_t i = 0; i < count; i++) {
    if (x[i] == x[i] || y[i] == y[i]) continue;
    different +=
        memcmp((const char *)a + i * width, (const char *)b + i * width, width) != 0 ? 1 : 0;
  }
  return different;
}

struct kernel_comparison kernel_compare(
    int type_a, const void *a, int type_b, const void *b, size_t count, double absolute,
    double relative) {
  double x[kernel_comparison_block], y[kernel_comparison_block];
  double difference[kernel_comparison_block];
  size_t padded = (count + lanes - 1) / lanes * lanes;
  kernel_load(type_a, a, x, count);
  kernel_load(type_b, b, y, count);
  for (size_t i = count; i < padded; i++) x[i] = y[i] = 0;
  subtract(x, y, difference, padded);
  if (type_a == type_b && type_a == kernel_u64) {
    exact_u64(a, b, difference, count);
  } else if (type_a == type_b && type_a == kernel_i64) {
    exact_i64(a, b, difference, count);
  } else if (is_long_integer(type_a) || is_long_integer(type_b)) {
    exact_mixed(type_a, a, x, type_b, b, y, difference, count);
  }
  struct kernel_comparison all = compare(x, y, difference, padded, absolute, relative);
  if (type_a == type_b && all.nans > 0) {
    uint64_t different = different_nans(type_a, a, b, x, y, count);
    all.differing += different;
    all.incomparable += different;
  }
  return all;
}

int kernel_bytes_equal(const void *a, const void *b, size_t count) {
  return memcmp(a, b, count) == 0;
}

uint64_t kernel_fingerprint(const void *source, size_t count, uint64_t seed) {
  // Four chains, so that the multiplications overlap; odd constants keep them
  // one-to-one.
  uint64_t chain[4] = {seed, seed ^ 1, seed ^ 2, seed ^ 3};
  const uint64_t factor = 0x9E3779B97F4A7C15u;
  const any_u64 *words = source;
  size_t blocks = count / 32;
  for (size_t i = 0; i < blocks; i++) {
    for (int l = 0; l < 4; l++) {
      chain[l] = (chain[l] ^ words[i * 4 + l]) * factor;
      chain[l] ^= chain[l] >> 29;
    }
  }
  uint64_t all = count;
  for (int l = 0; l < 4; l++) all = ((all << 23 | all >> 41) ^ chain[l]) * factor;
  const uint8_t *bytes = source;
  for (size_t i = blocks * 32; i < count; i++) all = (all ^ bytes[i]) * 0x100000001B3u;
  return all ^ all >> 32;
}
