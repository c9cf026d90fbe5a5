// The pass that a merge is made of: base plus update, rounded once.
//
// Works in blocks that stay in the innermost cache: widen the base, add,
// narrow to the output, and where sums are asked for, look at what came out.
#include "CKernels.h"
#include "formats.h"

enum { block = 1024, lanes = 16 };

typedef float float_lanes __attribute__((vector_size(64), aligned(4), may_alias));
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

static double total(const double_lanes *lane) {
  double sum = 0;
  for (int i = 0; i < lanes; i++) sum += (*lane)[i];
  return sum;
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
        add_sums(base.f32, product, scale, result.f32, part, &lane);
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
