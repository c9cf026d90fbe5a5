// What an update did, summed by lanes.
//
// Element i goes to lane i % 16 whatever the vectors of the processor, and the
// lanes are added in order, so the sums do not depend on the processor.
#pragma once

#include "CKernels.h"
#include "lanes.h"

enum { block = 1024 };

typedef float float_lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t int_lanes __attribute__((vector_size(64)));
typedef double double_lanes __attribute__((vector_size(128), aligned(8), may_alias));

struct lane_sums {
  double_lanes base_squares, delta_squares, kept;
  uint64_t not_finite;
};

#define WIDE(type, address) \
  __builtin_convertvector(*(const type *)(address), double_lanes)

#define ADD_SUMS(name, real, real_lanes)                                            \
  KERNEL static void name(                                                          \
      const real *restrict base, const float *restrict product, float scale,        \
      const real *restrict result, size_t count, struct lane_sums *restrict sums) { \
    double_lanes base_squares = sums->base_squares;                                 \
    double_lanes delta_squares = sums->delta_squares, kept = sums->kept;            \
    size_t i = 0;                                                                   \
    for (; i + lanes <= count; i += lanes) {                                        \
      float_lanes scaled = *(const float_lanes *)(product + i) * scale;             \
      double_lanes delta = __builtin_convertvector(scaled, double_lanes);           \
      double_lanes old = WIDE(real_lanes, base + i);                                \
      double_lanes new = WIDE(real_lanes, result + i);                              \
      base_squares += old * old;                                                    \
      delta_squares += delta * delta;                                               \
      kept += (new - old) * delta;                                                  \
    }                                                                               \
    for (; i < count; i++) {                                                        \
      double old = base[i], new = result[i], delta = product[i] * scale;            \
      base_squares[i % lanes] += old * old;                                         \
      delta_squares[i % lanes] += delta * delta;                                    \
      kept[i % lanes] += (new - old) * delta;                                       \
    }                                                                               \
    uint32_t not_finite = 0;                                                        \
    for (i = 0; i < count; i++) not_finite += !(result[i] - result[i] == 0);        \
    sums->base_squares = base_squares;                                              \
    sums->delta_squares = delta_squares;                                            \
    sums->kept = kept;                                                              \
    sums->not_finite += not_finite;                                                 \
  }

ADD_SUMS(add_sums, float, float_lanes)
ADD_SUMS(add_sums_f64, double, double_lanes)

static double total(const double_lanes *lane) {
  double sum = 0;
  for (int i = 0; i < lanes; i++) sum += (*lane)[i];
  return sum;
}

// Vectors whose products are summed in float32 before they go on in float64.
enum { run = 8 };

/// As `add_sums` for a whole block, but faster: a lane's runs of eight terms are
/// summed in float32. Relative error: about 1e-7.
KERNEL static void add_runs(
    const float *restrict base, const float *restrict product, float scale,
    const float *restrict result, struct lane_sums *restrict sums) {
  double_lanes base_squares = {0}, delta_squares = {0}, kept = {0};
  int_lanes finite = {0};
  for (size_t i = 0; i < block; i += run * lanes) {
    float_lanes base_run = {0}, delta_run = {0}, kept_run = {0};
    for (size_t j = i; j < i + run * lanes; j += lanes) {
      float_lanes delta = *(const float_lanes *)(product + j) * scale;
      float_lanes old = *(const float_lanes *)(base + j);
      float_lanes new = *(const float_lanes *)(result + j);
      base_run += old * old;
      delta_run += delta * delta;
      kept_run += (new - old) * delta;
      finite -= new - new == 0;
    }
    base_squares += WIDE(float_lanes, &base_run);
    delta_squares += WIDE(float_lanes, &delta_run);
    kept += WIDE(float_lanes, &kept_run);
  }
  sums->base_squares = base_squares;
  sums->delta_squares = delta_squares;
  sums->kept = kept;
  sums->not_finite = block;
  for (int i = 0; i < lanes; i++) sums->not_finite -= (uint64_t)finite[i];
}

/// Adds the sums of a whole block as `add_runs` leaves them; returns 0 where they
/// are not sound.
static int add_if_sound(const struct lane_sums *quick, struct lane_sums *sums) {
  if (!is_sound(total(&quick->base_squares))) return 0;
  if (!is_sound(total(&quick->delta_squares))) return 0;
  sums->base_squares += quick->base_squares;
  sums->delta_squares += quick->delta_squares;
  sums->kept += quick->kept;
  sums->not_finite += quick->not_finite;
  return 1;
}

static void add_block_sums(
    const float *base, const float *product, float scale, const float *result,
    size_t count, struct lane_sums *sums) {
  if (count == block) {
    struct lane_sums quick;
    add_runs(base, product, scale, result, &quick);
    if (add_if_sound(&quick, sums)) return;
  }
  add_sums(base, product, scale, result, count, sums);
}
