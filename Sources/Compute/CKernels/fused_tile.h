// Some rows of some pairs of columns of a fused update; included once for each
// instruction set.
//
// Needs NAME(name), TARGET, VECTOR (the pairs of columns in one vector, 8 or 16) and
// HALVES (the half panels of one tile). The product of a tile never leaves the
// registers: at the end of the chains it is scaled, added and rounded there.

typedef float NAME(reals) __attribute__((vector_size(4 * VECTOR), aligned(4), may_alias));
typedef uint32_t NAME(words) __attribute__((vector_size(4 * VECTOR), aligned(1), may_alias));

/// BF16 in the upper halves of the words, to nearest, ties to even; not for NaN.
TARGET INLINE NAME(words) NAME(round)(NAME(reals) value) {
  NAME(words) bits = (NAME(words))value;
  return (bits + 0x7FFFu + (bits >> 16 & 1)) & 0xFFFF0000u;
}

/// One element of each pair: adds the update to `old`, and what is summed to `sums`.
TARGET INLINE NAME(words) NAME(update)(
    NAME(words) old_bits, NAME(reals) product, float scale, NAME(reals) sums[3]) {
  NAME(reals) old = (NAME(reals))old_bits;
  NAME(reals) delta = product * scale;
  NAME(words) bits = NAME(round)(old + delta);
  sums[0] = __builtin_elementwise_fma(old, old, sums[0]);
  sums[1] = __builtin_elementwise_fma(delta, delta, sums[1]);
  sums[2] = __builtin_elementwise_fma((NAME(reals))bits - old, delta, sums[2]);
  return bits;
}

/// `rows` (a constant) rows; `sums` are those of the first lane that is meant.
TARGET INLINE void NAME(tile)(
    const int rows, const float *left, const float *panel, size_t depth, float scale,
    const uint16_t *from, size_t from_stride, uint16_t *to, size_t to_stride,
    struct run_sums *sums, size_t lane) {
  NAME(reals) even[tile_rows][HALVES], odd[tile_rows][HALVES];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int h = 0; h < HALVES; h++) even[i][h] = odd[i][h] = (NAME(reals)){0};
  }
  for (size_t k = 0; k < depth; k++) {
    NAME(reals) evens[HALVES], odds[HALVES];
#pragma clang loop unroll(full)
    for (int h = 0; h < HALVES; h++) {
      const float *row = panel + k * width + half * h;
      evens[h] = *(const NAME(reals) *)row;
      odds[h] = *(const NAME(reals) *)(row + pairs);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      // As integers: 0.0 + -0.0 would lose the sign.
      NAME(words) bits = (NAME(words)){0} | bits_of(left[(size_t)i * depth + k]);
      NAME(reals) factor = (NAME(reals))bits;
#pragma clang loop unroll(full)
      for (int h = 0; h < HALVES; h++) {
        even[i][h] = __builtin_elementwise_fma(factor, evens[h], even[i][h]);
        odd[i][h] = __builtin_elementwise_fma(factor, odds[h], odd[i][h]);
      }
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    NAME(reals) run[3];
#pragma clang loop unroll(full)
    for (int s = 0; s < 3; s++) run[s] = *(const NAME(reals) *)(sums[i].of[s] + lane);
#pragma clang loop unroll(full)
    for (int h = 0; h < HALVES; h++) {
      NAME(words) pair = *(const NAME(words) *)(from + (size_t)i * from_stride + half * h);
      NAME(words) low = NAME(update)(pair << 16, even[i][h], scale, run);
      NAME(words) high = NAME(update)(pair & 0xFFFF0000u, odd[i][h], scale, run);
      *(NAME(words) *)(to + (size_t)i * to_stride + half * h) = high | low >> 16;
    }
#pragma clang loop unroll(full)
    for (int s = 0; s < 3; s++) *(NAME(reals) *)(sums[i].of[s] + lane) = run[s];
  }
}

/// Some rows of a whole panel.
TARGET static void NAME(panel)(const struct panel_update *update, size_t rows) {
  for (size_t first = 0; first < width; first += half * HALVES) {
    for (size_t lane = 0; lane < pairs; lane += VECTOR) {
      size_t i = 0;
#define TILE(n)                                                                     \
  NAME(tile)(                                                                       \
      n, update->left + i * update->depth, update->panel + first + lane,            \
      update->depth, update->scale,                                                 \
      update->from + i * update->from_stride + first + 2 * lane,                    \
      update->from_stride, update->to + i * update->to_stride + first + 2 * lane,   \
      update->to_stride, update->sums + i, lane)
      for (; i + tile_rows <= rows; i += tile_rows) TILE(tile_rows);
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
}
