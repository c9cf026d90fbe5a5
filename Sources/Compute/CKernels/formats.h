// The bit layouts of the float types, one element at a time.
//
// Written without branches or tables, so that the loops over them vectorise.
// Each small type is IEEE-like: sign, exponent with a bias, mantissa; they
// differ in what the highest codes mean.
#pragma once

#include <stdint.h>
#include <string.h>

// A product must never be fused with the sum it feeds: each rounds.
#pragma clang fp contract(off)

#if defined(__x86_64__)
// Compiled thrice; the loader picks the best version for the processor.
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif
#define INLINE static inline __attribute__((always_inline))

// File data has any alignment.
typedef uint16_t any_u16 __attribute__((aligned(1), may_alias));
typedef uint32_t any_u32 __attribute__((aligned(1), may_alias));
typedef uint64_t any_u64 __attribute__((aligned(1), may_alias));
typedef int16_t any_i16 __attribute__((aligned(1), may_alias));
typedef int32_t any_i32 __attribute__((aligned(1), may_alias));
typedef int64_t any_i64 __attribute__((aligned(1), may_alias));
typedef float any_float __attribute__((aligned(1), may_alias));
typedef double any_double __attribute__((aligned(1), may_alias));

INLINE uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

INLINE float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Widening: exact.

/// The float32 bits of the magnitude `code`, as if no code were special.
INLINE uint32_t widen_finite(uint32_t code, int mantissa, int bias) {
  uint32_t normal = (code << (23 - mantissa)) + ((uint32_t)(127 - bias) << 23);
  // A subnormal is an integer times the smallest step.
  float step = float_of((uint32_t)(128 - bias - mantissa) << 23);
  uint32_t subnormal = bits_of((float)(int32_t)code * step);
  return code < (1u << mantissa) ? subnormal : normal;
}

/// A type with infinities and NaN at the highest exponent: F16 and F8_E5M2.
INLINE float widen_ieee(uint32_t code, int width, int mantissa, int bias) {
  uint32_t sign = (code >> (width - 1)) << 31;
  uint32_t magnitude = code & ((1u << (width - 1)) - 1);
  uint32_t infinity = ((1u << (width - 1 - mantissa)) - 1) << mantissa;
  uint32_t bits = widen_finite(magnitude, mantissa, bias);
  bits |= magnitude >= infinity ? 0x7F800000u : 0;
  bits |= magnitude > infinity ? 0x00400000u : 0;
  return float_of(bits | sign);
}

INLINE float widen_f8_e5m2(uint8_t code) { return widen_ieee(code, 8, 2, 15); }
INLINE float widen_f16(uint16_t code) { return widen_ieee(code, 16, 10, 15); }
INLINE float widen_bf16(uint16_t code) { return float_of((uint32_t)code << 16); }

INLINE float widen_f8_e4m3(uint8_t code) {
  uint32_t magnitude = code & 0x7F;
  uint32_t bits = magnitude == 0x7F ? 0x7FC00000u : widen_finite(magnitude, 3, 7);
  return float_of(bits | (uint32_t)(code >> 7) << 31);
}

/// A type without negative zero, whose code is the only NaN.
INLINE float widen_fnuz(uint8_t code, int mantissa, int bias) {
  uint32_t bits = widen_finite(code & 0x7F, mantissa, bias) | (uint32_t)(code >> 7) << 31;
  return float_of(code == 0x80 ? 0x7FC00000u : bits);
}

INLINE float widen_f8_e4m3fnuz(uint8_t code) { return widen_fnuz(code, 3, 8); }
INLINE float widen_f8_e5m2fnuz(uint8_t code) { return widen_fnuz(code, 2, 16); }

/// A bare exponent: 2^(code - 127).
INLINE float widen_f8_e8m0(uint8_t code) {
  uint32_t bits = (uint32_t)code << 23;
  bits = code == 0 ? 0x00400000u : bits;
  return float_of(code == 0xFF ? 0x7FC00000u : bits);
}

// Narrowing: to nearest, ties to even.

/// The code of the float32 magnitude `bits`, as if codes had no upper end.
INLINE uint32_t narrow_finite(uint32_t bits, int mantissa, int bias) {
  int shift = 23 - mantissa;
  uint32_t half = (1u << (shift - 1)) - 1;
  uint32_t normal = (bits + half + (bits >> shift & 1)) >> shift;
  normal -= (uint32_t)(127 - bias) << mantissa;
  // Added to this number, a subnormal is rounded to its step by the adder.
  uint32_t magic = (uint32_t)(128 - bias - mantissa + 23) << 23;
  uint32_t subnormal = bits_of(float_of(bits) + float_of(magic)) - magic;
  return bits < (uint32_t)(128 - bias) << 23 ? subnormal : normal;
}

/// A type with infinities: too large becomes infinite.
INLINE uint32_t narrow_ieee(float value, int width, int mantissa, int bias) {
  uint32_t bits = bits_of(value) & 0x7FFFFFFFu;
  uint32_t sign = bits_of(value) >> 31 << (width - 1);
  uint32_t infinity = ((1u << (width - 1 - mantissa)) - 1) << mantissa;
  uint32_t code = narrow_finite(bits, mantissa, bias);
  code = bits >= 0x7F800000u || code > infinity ? infinity : code;
  code |= bits > 0x7F800000u ? 1u << (mantissa - 1) : 0;
  return code | sign;
}

INLINE uint8_t narrow_f8_e5m2(float value) { return (uint8_t)narrow_ieee(value, 8, 2, 15); }
INLINE uint16_t narrow_f16(float value) { return (uint16_t)narrow_ieee(value, 16, 10, 15); }

INLINE uint16_t narrow_bf16(float value) {
  uint32_t bits = bits_of(value);
  uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
  uint32_t quiet = bits >> 16 | 0x40u;
  return (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
}

/// Too large, and infinite, becomes the largest value, as in torch 2.13; NaN
/// in some older libraries.
INLINE uint8_t narrow_f8_e4m3(float value) {
  uint32_t bits = bits_of(value) & 0x7FFFFFFFu;
  uint32_t code = narrow_finite(bits, 3, 7);
  code = bits >= 0x7F800000u || code > 0x7E ? 0x7E : code;
  code |= bits > 0x7F800000u ? 1 : 0;
  return (uint8_t)(code | bits_of(value) >> 31 << 7);
}

/// Too large, and infinite, becomes the one NaN; what rounds to zero is +0.
INLINE uint8_t narrow_fnuz(float value, int mantissa, int bias) {
  uint32_t bits = bits_of(value) & 0x7FFFFFFFu;
  uint32_t code = narrow_finite(bits, mantissa, bias);
  uint32_t sign = code == 0 ? 0 : bits_of(value) >> 31 << 7;
  return (uint8_t)(bits >= 0x7F800000u || code > 0x7F ? 0x80 : code | sign);
}

INLINE uint8_t narrow_f8_e4m3fnuz(float value) { return narrow_fnuz(value, 3, 8); }
INLINE uint8_t narrow_f8_e5m2fnuz(float value) { return narrow_fnuz(value, 2, 16); }

/// The nearest power of two, the sign dropped; a tie goes up. As in torch,
/// all between 2^-127 and 2^-126 goes up, and zero becomes 2^-127.
INLINE uint8_t narrow_f8_e8m0(float value) {
  uint32_t bits = bits_of(value) & 0x7FFFFFFFu;
  uint32_t code = (bits + (bits < 0x00800000u ? 0x3FFFFFu : 0x400000u)) >> 23;
  return (uint8_t)(bits >= 0x7F800000u ? 0xFF : code);
}

/// A float32 that rounds to every narrower type as `value` itself would: cut
/// off, with the last bit set where something was lost ("round to odd").
INLINE float narrow_odd(double value) {
  float nearest = (float)value;
  uint32_t bits = bits_of(nearest);
  double back = (double)nearest;
  uint32_t away = __builtin_fabs(back) > __builtin_fabs(value) ? 1 : 0;
  uint32_t odd = (bits - away) | 1u;
  // Not equal also for NaN, whose bits may be set without harm.
  return float_of(back != value ? odd : bits);
}
