// Loops over formats.h: any float type to float32 and back, and the load of
// any type as float64.
#include "CKernels.h"
#include "formats.h"

#define WIDEN(name, element)                                                        \
  KERNEL static void widen_all_##name(                                             \
      const void *restrict source, float *restrict destination, size_t count) {    \
    const element *from = source;                                                  \
    for (size_t i = 0; i < count; i++) destination[i] = widen_##name(from[i]);      \
  }

#define NARROW(name, element)                                                       \
  KERNEL static void narrow_all_##name(                                            \
      const float *restrict source, void *restrict destination, size_t count) {    \
    element *to = destination;                                                     \
    for (size_t i = 0; i < count; i++) to[i] = narrow_##name(source[i]);            \
  }

#define LOAD(name, element)                                                         \
  KERNEL static void load_all_##name(                                              \
      const void *restrict source, double *restrict destination, size_t count) {   \
    const element *from = source;                                                  \
    for (size_t i = 0; i < count; i++) destination[i] = (double)from[i];            \
  }

#define BOTH(name, element) WIDEN(name, element) NARROW(name, element)

INLINE float widen_f64(double value) { return (float)value; }
INLINE double narrow_f64(float value) { return (double)value; }

BOTH(f8_e5m2, uint8_t)
BOTH(f8_e4m3, uint8_t)
BOTH(f8_e8m0, uint8_t)
BOTH(f8_e4m3fnuz, uint8_t)
BOTH(f8_e5m2fnuz, uint8_t)
BOTH(f16, any_u16)
BOTH(bf16, any_u16)
BOTH(f64, any_double)

LOAD(u8, uint8_t)
LOAD(i8, int8_t)
LOAD(u16, any_u16)
LOAD(i16, any_i16)
LOAD(u32, any_u32)
LOAD(i32, any_i32)
LOAD(u64, any_u64)
LOAD(i64, any_i64)
LOAD(f32, any_float)

KERNEL static void cut_all(
    const void *restrict source, float *restrict destination, size_t count) {
  const any_double *from = source;
  for (size_t i = 0; i < count; i++) destination[i] = narrow_odd(from[i]);
}

static const size_t width_of[] = {1, 1, 1, 1, 1, 2, 2, 4, 8, 1, 1, 1, 2, 2, 4, 4, 8, 8};

size_t kernel_width(int type) { return width_of[type]; }

void kernel_widen(int type, const void *source, float *destination, size_t count) {
  switch (type) {
  case kernel_f8_e5m2: widen_all_f8_e5m2(source, destination, count); break;
  case kernel_f8_e4m3: widen_all_f8_e4m3(source, destination, count); break;
  case kernel_f8_e8m0: widen_all_f8_e8m0(source, destination, count); break;
  case kernel_f8_e4m3fnuz: widen_all_f8_e4m3fnuz(source, destination, count); break;
  case kernel_f8_e5m2fnuz: widen_all_f8_e5m2fnuz(source, destination, count); break;
  case kernel_f16: widen_all_f16(source, destination, count); break;
  case kernel_bf16: widen_all_bf16(source, destination, count); break;
  case kernel_f32: memcpy(destination, source, count * sizeof(float)); break;
  case kernel_f64: widen_all_f64(source, destination, count); break;
  }
}

void kernel_narrow(int type, const float *source, void *destination, size_t count) {
  switch (type) {
  case kernel_f8_e5m2: narrow_all_f8_e5m2(source, destination, count); break;
  case kernel_f8_e4m3: narrow_all_f8_e4m3(source, destination, count); break;
  case kernel_f8_e8m0: narrow_all_f8_e8m0(source, destination, count); break;
  case kernel_f8_e4m3fnuz: narrow_all_f8_e4m3fnuz(source, destination, count); break;
  case kernel_f8_e5m2fnuz: narrow_all_f8_e5m2fnuz(source, destination, count); break;
  case kernel_f16: narrow_all_f16(source, destination, count); break;
  case kernel_bf16: narrow_all_bf16(source, destination, count); break;
  case kernel_f32: memcpy(destination, source, count * sizeof(float)); break;
  case kernel_f64: narrow_all_f64(source, destination, count); break;
  }
}

// Elements that go through a buffer in the innermost cache at a time.
enum { block = 1024 };

void kernel_convert(
    int from, const void *source, int to, void *destination, size_t count) {
  if (from == to) {
    memcpy(destination, source, count * width_of[from]);
    return;
  }
  float values[block];
  const char *in = source;
  char *out = destination;
  while (count > 0) {
    size_t part = count < block ? count : block;
    // Every type narrower than float64 is exact in float32. A float64 is cut
    // so that the second step alone rounds.
    if (from == kernel_f64 && to != kernel_f32) {
      cut_all(in, values, part);
    } else {
      kernel_widen(from, in, values, part);
    }
    kernel_narrow(to, values, out, part);
    in += part * width_of[from];
    out += part * width_of[to];
    count -= part;
  }
}

void kernel_load(int type, const void *source, double *destination, size_t count) {
  switch (type) {
  case kernel_bool:
  case kernel_u8: load_all_u8(source, destination, count); return;
  case kernel_i8: load_all_i8(source, destination, count); return;
  case kernel_u16: load_all_u16(source, destination, count); return;
  case kernel_i16: load_all_i16(source, destination, count); return;
  case kernel_u32: load_all_u32(source, destination, count); return;
  case kernel_i32: load_all_i32(source, destination, count); return;
  case kernel_u64: load_all_u64(source, destination, count); return;
  case kernel_i64: load_all_i64(source, destination, count); return;
  case kernel_f32: load_all_f32(source, destination, count); return;
  default: kernel_convert(type, source, kernel_f64, destination, count); return;
  }
}
