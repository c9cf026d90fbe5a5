// The packed right factor of a product.
//
// Its columns lie in panels of 64, and the columns of each half panel in pairs:
// first the sixteen even ones, then the sixteen odd ones. Two neighbours of BF16
// are the halves of one 32-bit word, so both come out of it, and go back, without
// a shuffle.
#pragma once

#include "CKernels.h"
#include "formats.h"

enum { width = kernel_panel_width, half = 32, pairs = 16 };

/// The place of column `j` of a panel.
INLINE size_t place_of(size_t j) { return j / half * half + j % 2 * pairs + j % half / 2; }

/// a * b + c rounded once, for processors without the instruction.
///
/// The product is exact in float64. The sum is rounded to odd there, after
/// which rounding to float32 gives what one rounding would have given.
INLINE float fused(float a, float b, float c) {
  double product = (double)a * (double)b, addend = (double)c;
  double sum = product + addend;
  double virtual_addend = sum - product;
  double error = (product - (sum - virtual_addend)) + (addend - virtual_addend);
  uint64_t bits;
  memcpy(&bits, &sum, sizeof bits);
  // An error away from zero means cut too little or too much by rounding; of
  // the two neighbours of the true sum the odd one is wanted. Infinities and
  // NaN have an error that is NaN and stay.
  if ((error < 0 || error > 0) && (bits & 1) == 0) {
    bits += ((error > 0) == (sum > 0)) ? 1 : (uint64_t)-1;
    memcpy(&sum, &bits, sizeof sum);
  }
  return (float)sum;
}

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma,avx2")))
#define AVX2 __attribute__((target("avx2,fma")))
#endif
