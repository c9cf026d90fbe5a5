// The pass that a merge is made of: base plus update, rounded once.
//
// Works in blocks that stay in the innermost cache: widen the base, add,
// narrow to the output, and where sums are asked for, look at what came out.
#include "CKernels.h"
#include "sums.h"

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

// The common case, a BF16 base to its own type, in one pass. The second form
// also leaves what the sums are made of.

KERNEL static void update_bf16(
    const any_u16 *restrict from, const float *restrict product, float scale,
    any_u16 *restrict to, size_t count) {
  for (size_t i = 0; i < count; i++) {
    to[i] = narrow_bf16(widen_bf16(from[i]) + product[i] * scale);
  }
}

// The same for a whole block of finite values, with the sums of `add_runs`: the same
// operations in the same order, but what is summed never leaves the registers.

typedef uint16_t code_lanes __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint32_t bit_lanes __attribute__((vector_size(64)));

/// The magnitudes from here on are rounded to infinity, infinite or NaN.
static const uint32_t not_finite_bf16 = 0x7F7F8000u;

/// Leaves in `largest` the largest magnitude of any lane before rounding, as bits.
/// Where it is `not_finite_bf16` or more, `to` and the sums are not to be used.
KERNEL static void update_and_sum_bf16(
    const any_u16 *restrict from, const float *restrict product, float scale,
    any_u16 *restrict to, struct lane_sums *restrict sums, uint32_t *restrict largest) {
  double_lanes base_squares = {0}, delta_squares = {0}, kept = {0};
  bit_lanes magnitude = {0};
  for (size_t i = 0; i < block; i += run * lanes) {
    float_lanes base_run = {0}, delta_run = {0}, kept_run = {0};
    for (size_t j = i; j < i + run * lanes; j += lanes) {
      bit_lanes code = __builtin_convertvector(*(const code_lanes *)(from + j), bit_lanes);
      float_lanes old = (float_lanes)(code << 16);
      float_lanes delta = *(const float_lanes *)(product + j) * scale;
      bit_lanes bits = (bit_lanes)(old + delta);
      magnitude = __builtin_elementwise_max(magnitude, bits & 0x7FFFFFFFu);
      // As `narrow_bf16`.
      code = (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
      *(code_lanes *)(to + j) = __builtin_convertvector(code, code_lanes);
      float_lanes new = (float_lanes)(code << 16);
      base_run += old * old;
      delta_run += delta * delta;
      kept_run += (new - old) * delta;
    }
    base_squares += WIDE(float_lanes, &base_run);
    delta_squares += WIDE(float_lanes, &delta_run);
    kept += WIDE(float_lanes, &kept_run);
  }
  sums->base_squares = base_squares;
  sums->delta_squares = delta_squares;
  sums->kept = kept;
  sums->not_finite = 0;
  *largest = __builtin_reduce_max(magnitude);
}

/// Updates a whole block if its values allow the quick way; returns 0 if not, and
/// then `destination` is still to be written.
static int update_quickly(
    int from, const void *source, const float *product, float scale, int to,
    void *destination, struct lane_sums *sums) {
  if (from != kernel_bf16 || to != kernel_bf16) return 0;
  struct lane_sums quick;
  uint32_t largest;
  update_and_sum_bf16(source, product, scale, destination, &quick, &largest);
  return largest < not_finite_bf16 && add_if_sound(&quick, sums);
}

// And for what is left, or where such sums are not sound.

KERNEL static void update_and_keep_bf16(
    const any_u16 *restrict from, const float *restrict product, float scale,
    any_u16 *restrict to, size_t count, float *restrict base, float *restrict result) {
  for (size_t i = 0; i < count; i++) {
    float value = widen_bf16(from[i]);
    uint16_t code = narrow_bf16(value + product[i] * scale);
    to[i] = code;
    base[i] = value;
    result[i] = widen_bf16(code);
  }
}

/// One block of a base that is not float64; the last two where sums are wanted.
static void update_block(
    int from, const void *source, const float *product, float scale, int to,
    void *destination, size_t count, int keeps, float *base, float *result) {
  if (from == kernel_bf16 && to == kernel_bf16) {
    if (keeps) {
      update_and_keep_bf16(source, product, scale, destination, count, base, result);
    } else {
      update_bf16(source, product, scale, destination, count);
    }
  } else {
    kernel_widen(from, source, base, count);
    add_scaled(base, product, scale, result, count);
    kernel_narrow(to, result, destination, count);
    if (keeps) kernel_widen(to, destination, result, count);
  }
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
    if (sums && part == block
        && update_quickly(from, in, product, scale, to, out, &lane)) {
      // All is done.
    } else if (from == kernel_f64) {
      memcpy(base.f64, in, part * sizeof(double));
      add_scaled_f64(base.f64, product, scale, result.f64, part);
      kernel_convert(kernel_f64, result.f64, to, out, part);
      if (sums) {
        kernel_convert(to, out, kernel_f64, result.f64, part);
        add_sums_f64(base.f64, product, scale, result.f64, part, &lane);
      }
    } else {
      update_block(
          from, in, product, scale, to, out, part, sums != NULL, base.f32, result.f32);
      if (sums) add_block_sums(base.f32, product, scale, result.f32, part, &lane);
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
