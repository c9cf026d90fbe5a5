// Steps of an update that are more than a sum, on float32 values.
//
// An element's operations do not depend on where its block begins, and sums run
// in an order of their own, so neither the processor nor the blocks change a bit.
#include <string.h>

#include "CKernels.h"
#include "sums.h"

KERNEL void kernel_scale(float *restrict values, float factor, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] *= factor;
}

KERNEL void kernel_multiply(
    float *restrict values, const float *restrict factors, size_t count) {
  for (size_t i = 0; i < count; i++) values[i] *= factors[i];
}

KERNEL double kernel_squares(const float *restrict values, size_t count) {
  double_lanes sums = {0};
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    double_lanes value = WIDE(float_lanes, values + i);
    sums += value * value;
  }
  for (; i < count; i++) sums[i % lanes] += (double)values[i] * values[i];
  return total(&sums);
}

KERNEL void kernel_add_squares(
    const float *restrict values, double *restrict sums, size_t count) {
  for (size_t i = 0; i < count; i++) sums[i] += (double)values[i] * values[i];
}

KERNEL static void subtract(
    const float *restrict values, const float *restrict base, float *restrict delta,
    size_t count) {
  for (size_t i = 0; i < count; i++) delta[i] = values[i] - base[i];
}

static void add_totals(const struct lane_sums *lane, struct kernel_update_sums *sums) {
  sums->base_squares += total(&lane->base_squares);
  sums->delta_squares += total(&lane->delta_squares);
  sums->kept += total(&lane->kept);
  sums->not_finite += lane->not_finite;
}

void kernel_update_statistics(
    const float *values, const void *base, const float *results, size_t count,
    struct kernel_update_sums *sums) {
  float old[block], delta[block], result[block];
  struct lane_sums lane = {0};
  const char *in = base;
  for (size_t start = 0; start < count; start += block) {
    size_t part = count - start < block ? count - start : block;
    memcpy(old, in + start * sizeof(float), part * sizeof(float));
    memcpy(result, results + start, part * sizeof(float));
    subtract(values + start, old, delta, part);
    add_block_sums(old, delta, 1, result, part, &lane);
  }
  add_totals(&lane, sums);
}

void kernel_settle(
    const float *values, int from, const void *source, int to, void *destination,
    size_t count, struct kernel_update_sums *sums) {
  float base[block], delta[block], result[block];
  struct lane_sums lane = {0};
  const char *in = source;
  char *out = destination;
  while (count > 0) {
    size_t part = count < block ? count : block;
    kernel_widen(from, in, base, part);
    subtract(values, base, delta, part);
    kernel_narrow(to, values, out, part);
    kernel_widen(to, out, result, part);
    add_block_sums(base, delta, 1, result, part, &lane);
    in += part * kernel_width(from);
    out += part * kernel_width(to);
    values += part;
    count -= part;
  }
  add_totals(&lane, sums);
}
