// The pass that a merge is made of: base plus update, rounded once.
//
// Works in blocks that stay in the innermost cache: widen the base, add,
// narrow to the output, and where sums are asked for, look at what came out.
#include "CKernels.h"
#include "formats.h"

enum { block = 1024, lanes = 16 };

typedef float float_lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t int_lanes __attribute__((vector_size(64)));
typedef double double_lanes __attribute__((vector_size(128), aligned(8), may_alias));

// Element i goes to lane i % 16 whatever the vectors of the processor, so that
// the sums do not depend on them.
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
    /* The squares are exact in float64, so fusing them changes nothing. */         \
    _Pragma("clang fp contract(fast)")                                              \
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

/// As `add_sums` for a whole block and almost three times as fast, the runs of
/// eight terms of a lane being summed in float32. Relative error: about 1e-7.
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

/// Whether squares of float32 gave this sum without leaving its range.
static int is_sound(double sum) { return sum > 1e-24 && sum < 1e36; }

static void add_block_sums(
    const float *base, const float *product, float scale, const float *result,
    size_t count, struct lane_sums *sums) {
  if (count == block) {
    struct lane_sums quick;
    add_runs(base, product, scale, result, &quick);
    if (is_sound(total(&quick.base_squares)) && is_sound(total(&quick.delta_squares))) {
      sums->base_squares += quick.base_squares;
      sums->delta_squares += quick.delta_squares;
      sums->kept += quick.kept;
      sums->not_finite += quick.not_finite;
      return;
    }
  }
  add_sums(base, product, scale, result, count, sums);
}

KERNEL static void add_scaled(
    const float *restrict base, const float *restrict product, float scale,
    float *restrict sum, size_t count) {
  for (size_t i = 0; i < count; i++) sum[i] = base[i] + product[i] * scale;
}

KERNEL static void add_scaled_f64(
    const double *restrict base, const float *restrict product, float scale,
    double *restrict sum, size_t count) {
  for (size_t i = 0; i < count; i++) sum[i] = base[i] + (double)(product[i] * scale);
}

static const size_t width_of[] = {1, 1, 1, 1, 1, 2, 2, 4, 8};

void kernel_update(
    int from, const void *source, const float *product, float scale, int to,
    void *destination, size_t count, struct kernel_update_sums *sums) {
  // One of the two halves is used: float64 bases add in float64.
  union {
    float f32[block];
    double f64[block];
  } base, result;
  struct lane_sums lane = {0};
  const char *in = source;
  char *out = destination;
  while (count > 0) {
    size_t part = count < block ? count : block;
    if (from == kernel_f64) {
      memcpy(base.f64, in, part * sizeof(double));
      add_scaled_f64(base.f64, product, scale, result.f64, part);
      kernel_convert(kernel_f64, result.f64, to, out, part);
      if (sums) {
        kernel_convert(to, out, kernel_f64, result.f64, part);
        add_sums_f64(base.f64, product, scale, result.f64, part, &lane);
      }
    } else {
      kernel_widen(from, in, base.f32, part);
      add_scaled(base.f32, product, scale, result.f32, part);
      kernel_narrow(to, result.f32, out, part);
      if (sums) {
        kernel_widen(to, out, result.f32, part);
        add_block_sums(base.f32, product, scale, result.f32, part, &lane);
      }
    }
    in += part * width_of[from];
    out += part * width_of[to];
    product += part;
    count -= part;
  }
  if (!sums) return;
  sums->base_squares += total(&lane.base_squares);
  sums->delta_squares += total(&lane.delta_squares);
  sums->kept += total(&lane.kept);
  sums->not_finite += lane.not_finite;
}

KERNEL void kernel_accumulate(
    float *restrict sum, const float *restrict product, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) sum[i] = sum[i] + product[i] * scale;
}
