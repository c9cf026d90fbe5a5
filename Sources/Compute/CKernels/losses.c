// Conversion that also counts what it loses.
//
// The result is that of kernel_convert. Each code is widened again and held
// against the value that it was made from, while both are in registers.
#include "CKernels.h"
#include "formats.h"

struct counts {
  uint32_t overflow, underflow, changed;
};

// What saturates instead of becoming infinite: F8_E4M3 rounds up to its
// largest value, 448, until halfway to the next step.
#define NEVER(magnitude) 0
#define BEYOND_E4M3(magnitude) ((magnitude) > 464)

#define COUNT(value, back, saturates, counts)                                        \
  do {                                                                               \
    __typeof__(value) magnitude = (value) < 0 ? -(value) : (value);                   \
    int was_finite = magnitude < __builtin_inff();                                    \
    int is_finite = (back) - (back) == 0;                                             \
    (counts).overflow += was_finite & (!is_finite | saturates(magnitude));             \
    (counts).underflow += (back) == 0 & magnitude > 0;                                \
    (counts).changed += (value) == (value) & (back) != (value);                        \
  } while (0)

#define LOSSES(name, element, saturates)                                             \
  KERNEL static struct counts count_##name(                                          \
      const any_float *restrict from, element *restrict to, size_t count) {          \
    struct counts counts = {0};                                                      \
    for (size_t i = 0; i < count; i++) {                                             \
      float value = from[i];                                                         \
      element code = narrow_##name(value);                                           \
      float back = widen_##name(code);                                               \
      to[i] = code;                                                                  \
      COUNT(value, back, saturates, counts);                                         \
    }                                                                                \
    return counts;                                                                   \
  }

LOSSES(f8_e5m2, uint8_t, NEVER)
LOSSES(f8_e4m3, uint8_t, BEYOND_E4M3)
LOSSES(f8_e8m0, uint8_t, NEVER)
LOSSES(f8_e4m3fnuz, uint8_t, NEVER)
LOSSES(f8_e5m2fnuz, uint8_t, NEVER)
LOSSES(f16, any_u16, NEVER)
LOSSES(bf16, any_u16, NEVER)

KERNEL static struct counts count_f64(
    const any_double *restrict from, const double *restrict to, int is_e4m3, size_t count) {
  struct counts counts = {0};
  for (size_t i = 0; i < count; i++) {
    double value = from[i], back = to[i];
#define BEYOND(magnitude) (is_e4m3 & BEYOND_E4M3(magnitude))
    COUNT(value, back, BEYOND, counts);
  }
  return counts;
}

static struct counts count_narrow(int to, const void *source, void *destination, size_t count) {
  switch (to) {
  case kernel_f8_e5m2: return count_f8_e5m2(source, destination, count);
  case kernel_f8_e4m3: return count_f8_e4m3(source, destination, count);
  case kernel_f8_e8m0: return count_f8_e8m0(source, destination, count);
  case kernel_f8_e4m3fnuz: return count_f8_e4m3fnuz(source, destination, count);
  case kernel_f8_e5m2fnuz: return count_f8_e5m2fnuz(source, destination, count);
  case kernel_f16: return count_f16(source, destination, count);
  default: return count_bf16(source, destination, count);
  }
}

// Elements that go through a buffer in the innermost cache at a time.
enum { block = 1024 };

static const size_t width_of[] = {1, 1, 1, 1, 1, 2, 2, 4, 8};

void kernel_convert_counting(
    int from, const void *source, int to, void *destination, size_t count,
    struct kernel_losses *losses) {
  // Every type narrower than float32 is exact in it, and in float64.
  if (from == to || to == kernel_f64 || (to == kernel_f32 && from != kernel_f64)) {
    kernel_convert(from, source, to, destination, count);
    return;
  }
  union {
    float f32[block];
    double f64[block];
  } values;
  const char *in = source;
  char *out = destination;
  while (count > 0) {
    size_t part = count < block ? count : block;
    struct counts counts;
    if (from == kernel_f64) {
      kernel_convert(from, in, to, out, part);
      kernel_convert(to, out, kernel_f64, values.f64, part);
      counts = count_f64((const void *)in, values.f64, to == kernel_f8_e4m3, part);
    } else if (from == kernel_f32) {
      counts = count_narrow(to, in, out, part);
    } else {
      kernel_widen(from, in, values.f32, part);
      counts = count_narrow(to, values.f32, out, part);
    }
    losses->overflow += counts.overflow;
    losses->underflow += counts.underflow;
    losses->changed += counts.changed;
    in += part * width_of[from];
    out += part * width_of[to];
    count -= part;
  }
}
