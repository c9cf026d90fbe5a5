// The product of two float32 matrices, each element one chain of fused
// multiply-adds over k in ascending order.
//
// An element is computed by the same operations in the same order whatever
// the tile it falls into, so the bits depend on neither blocking nor level.
#include "CKernels.h"
#include "panels.h"

void kernel_pack(
    const float *right, size_t depth, size_t columns, size_t row_stride,
    size_t column_stride, float *panels) {
  for (size_t first = 0; first < columns; first += width) {
    size_t used = columns - first < width ? columns - first : width;
    for (size_t k = 0; k < depth; k++) {
      const float *row = right + k * row_stride + first * column_stride;
      for (size_t j = 0; j < used; j++) panels[place_of(j)] = row[j * column_stride];
      for (size_t j = used; j < width; j++) panels[place_of(j)] = 0;
      panels += width;
    }
  }
}

/// One panel's columns of some rows, in plain C.
static void portable_panel(
    const float *left, size_t rows, const float *panel, size_t depth, size_t used,
    size_t columns, size_t start, size_t end, int adds, float *destination) {
  for (size_t i = 0; i < rows; i++) {
    float sums[width] = {0};
    for (size_t k = start; k < end; k++) {
      for (size_t j = 0; j < width; j++) {
        sums[j] = fused(left[i * depth + k], panel[k * width + j], sums[j]);
      }
    }
    float *out = destination + i * columns;
    for (size_t j = 0; j < used; j++) {
      float sum = sums[place_of(j)];
      out[j] = adds ? out[j] + sum : sum;
    }
  }
}

#if defined(__x86_64__)
#include <immintrin.h>

enum { avx512_rows = 6, avx2_rows = 6 };

/// `rows` (a constant) rows of one panel: rows x 4 accumulators of 16.
AVX512 INLINE void avx512_tile(
    const int rows, const float *left, const float *panel, size_t depth, size_t used,
    size_t columns, size_t start, size_t end, int adds, float *destination) {
  __m512 sums[avx512_rows][4];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < 4; v++) sums[i][v] = _mm512_setzero_ps();
  }
  for (size_t k = start; k < end; k++) {
    const float *row = panel + k * width;
    __m512 right[4];
#pragma clang loop unroll(full)
    for (int v = 0; v < 4; v++) right[v] = _mm512_loadu_ps(row + 16 * v);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      __m512 factor = _mm512_set1_ps(left[(size_t)i * depth + k]);
#pragma clang loop unroll(full)
      for (int v = 0; v < 4; v++) sums[i][v] = _mm512_fmadd_ps(factor, right[v], sums[i][v]);
    }
  }
  const __m512i lower =
      _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i upper = _mm512_add_epi32(lower, _mm512_set1_epi32(8));
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int v = 0; v < 4; v++) {
      size_t first = 16 * (size_t)v;
      if (first >= used) continue;
      float *out = destination + (size_t)i * columns + first;
      __mmask16 mask = used - first >= 16 ? 0xFFFF : (__mmask16)((1u << (used - first)) - 1);
      // The even columns of this half panel, and the odd ones.
      __m512 sum = _mm512_permutex2var_ps(
          sums[i][v & ~1], v & 1 ? upper : lower, sums[i][v | 1]);
      if (adds) sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), sum);
      _mm512_mask_storeu_ps(out, mask, sum);
    }
  }
}

AVX512 static void avx512_panel(
    const float *left, size_t rows, const float *panel, size_t depth, size_t used,
    size_t columns, size_t start, size_t end, int adds, float *destination) {
  size_t i = 0;
#define TILE(n)                                                                      \
  avx512_tile(                                                                      \
      n, left + i * depth, panel, depth, used, columns, start, end, adds,           \
      destination + i * columns)
  for (; i + 6 <= rows; i += 6) TILE(6);
  switch (rows - i) {
  case 5: TILE(5); break;
  case 4: TILE(4); break;
  case 3: TILE(3); break;
  case 2: TILE(2); break;
  case 1: TILE(1); break;
  }
#undef TILE
}

/// `rows` (a constant) rows of 8 pairs of columns: rows x 2 accumulators of 8.
AVX2 INLINE void avx2_tile(
    const int rows, const float *left, const float *panel, size_t depth, size_t used,
    size_t columns, size_t start, size_t end, int adds, float *destination) {
  __m256 sums[avx2_rows][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    sums[i][0] = _mm256_setzero_ps();
    sums[i][1] = _mm256_setzero_ps();
  }
  for (size_t k = start; k < end; k++) {
    const float *row = panel + k * width;
    __m256 even = _mm256_loadu_ps(row), odd = _mm256_loadu_ps(row + pairs);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      __m256 factor = _mm256_set1_ps(left[(size_t)i * depth + k]);
      sums[i][0] = _mm256_fmadd_ps(factor, even, sums[i][0]);
      sums[i][1] = _mm256_fmadd_ps(factor, odd, sums[i][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    float *out = destination + (size_t)i * columns;
    float spill[16];
    __m256 low = _mm256_unpacklo_ps(sums[i][0], sums[i][1]);
    __m256 high = _mm256_unpackhi_ps(sums[i][0], sums[i][1]);
    _mm256_storeu_ps(spill, _mm256_permute2f128_ps(low, high, 0x20));
    _mm256_storeu_ps(spill + 8, _mm256_permute2f128_ps(low, high, 0x31));
    if (used >= 16) {
      for (size_t j = 0; j < 16; j++) out[j] = adds ? out[j] + spill[j] : spill[j];
    } else {
      for (size_t j = 0; j < used; j++) out[j] = adds ? out[j] + spill[j] : spill[j];
    }
  }
}

AVX2 static void avx2_panel(
    const float *left, size_t rows, const float *panel, size_t depth, size_t used,
    size_t columns, size_t start, size_t end, int adds, float *destination) {
  for (size_t first = 0; first < used; first += 16) {
    size_t i = 0;
#define TILE(n)                                                                      \
  avx2_tile(                                                                        \
      n, left + i * depth, panel + place_of(first), depth, used - first, columns, start, end, \
      adds, destination + i * columns + first)
    for (; i + 6 <= rows; i += 6) TILE(6);
    switch (rows - i) {
    case 5: TILE(5); break;
    case 4: TILE(4); break;
    case 3: TILE(3); break;
    case 2: TILE(2); break;
    case 1: TILE(1); break;
    }
#undef TILE
  }
}

int kernel_best_level(void) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) return kernel_avx512;
  if (__builtin_cpu_supports("x86-64-v3")) return kernel_avx2;
  return kernel_portable;
}
#else
int kernel_best_level(void) { return kernel_portable; }
#endif

void kernel_product(
    int level, const float *left, size_t rows, const float *panels, size_t depth,
    size_t columns, size_t start, size_t end, int adds, float *destination) {
  for (size_t first = 0; first < columns; first += width) {
    const float *panel = panels + first * depth;
    size_t used = columns - first < width ? columns - first : width;
    float *out = destination + first;
    switch (level) {
#if defined(__x86_64__)
    case kernel_avx512:
      avx512_panel(left, rows, panel, depth, used, columns, start, end, adds, out);
      break;
    case kernel_avx2:
      avx2_panel(left, rows, panel, depth, used, columns, start, end, adds, out);
      break;
#endif
    default:
      portable_panel(left, rows, panel, depth, used, columns, start, end, adds, out);
    }
  }
}
