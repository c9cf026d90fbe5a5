// Statistics of one block of values, in float64 and in two passes.
#include "CKernels.h"
#include "formats.h"

enum { lanes = 8 };

KERNEL static struct kernel_block_statistics statistics_of(
    double *restrict values, size_t count) {
  // Padding up to whole lanes is NaN, taken off the count afterwards.
  size_t padded = (count + lanes - 1) / lanes * lanes;
  for (size_t i = count; i < padded; i++) values[i] = __builtin_nan("");

  double minimum[lanes], maximum[lanes], sum[lanes] = {0}, squares[lanes] = {0};
  uint64_t finite[lanes] = {0}, nan[lanes] = {0}, zeros[lanes] = {0};
  for (int l = 0; l < lanes; l++) {
    minimum[l] = __builtin_inf();
    maximum[l] = -__builtin_inf();
  }
  for (size_t i = 0; i < padded; i += lanes) {
    for (int l = 0; l < lanes; l++) {
      double value = values[i + l];
      int is_finite = __builtin_fabs(value) < __builtin_inf();
      double low = is_finite ? value : __builtin_inf();
      double high = is_finite ? value : -__builtin_inf();
      minimum[l] = low < minimum[l] ? low : minimum[l];
      maximum[l] = high > maximum[l] ? high : maximum[l];
      sum[l] += is_finite ? value : 0;
      finite[l] += is_finite ? 1 : 0;
      nan[l] += value != value ? 1 : 0;
      zeros[l] += value == 0 ? 1 : 0;
    }
  }
  struct kernel_block_statistics all = {
      .minimum = __builtin_inf(), .maximum = -__builtin_inf()};
  double total = 0;
  for (int l = 0; l < lanes; l++) {
    all.minimum = minimum[l] < all.minimum ? minimum[l] : all.minimum;
    all.maximum = maximum[l] > all.maximum ? maximum[l] : all.maximum;
    total += sum[l];
    all.finite += finite[l];
    all.nan += nan[l];
    all.zeros += zeros[l];
  }
  all.nan -= padded - count;
  all.infinite = count - all.finite - all.nan;
  if (all.finite == 0) return all;

  double mean = total / (double)all.finite;
  for (size_t i = 0; i < padded; i += lanes) {
    for (int l = 0; l < lanes; l++) {
      double value = values[i + l];
      double deviation = __builtin_fabs(value) < __builtin_inf() ? value - mean : 0;
      squares[l] += deviation * deviation;
    }
  }
  all.mean = mean;
  for (int l = 0; l < lanes; l++) all.squared_deviations += squares[l];
  return all;
}

struct kernel_block_statistics kernel_statistics(
    int type, const void *source, size_t count) {
  double values[kernel_statistics_block];
  kernel_load(type, source, values, count);
  return statistics_of(values, count);
}
