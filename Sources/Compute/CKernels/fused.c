// The update that most merges are made of, a BF16 base plus the scaled product of
// two matrices, in one pass: nothing but the result is stored.
//
// An element has the operations of `kernel_product` and `kernel_update`, and so
// their bits. The sums are those of each row by itself: pair i of columns belongs to
// lane i % 16, of which runs of sixteen elements are summed by fused multiply-adds
// in float32, and the runs in float64. Rows are added in order.
#include "CKernels.h"
#include "lanes.h"
#include "panels.h"

enum {
  tile_rows = 6,
  /// The rows that one panel is used for while it is in the innermost cache.
  strip_rows = 48,
  /// The columns of the runs of sixteen elements.
  run_width = 16 * lanes,
};

/// What is summed of a row: squares of the base, squares of the update, what is kept.
struct run_sums {
  float of[3][lanes];
};

struct row_sums {
  double of[3][lanes];
};

/// Rows of one panel. A stride is the distance of two rows, in elements.
struct panel_update {
  const float *left, *panel;
  size_t depth;
  float scale;
  const uint16_t *from;
  size_t from_stride;
  uint16_t *to;
  size_t to_stride;
  struct run_sums *sums;
};

static void portable_panel(const struct panel_update *update, size_t rows) {
  for (size_t i = 0; i < rows; i++) {
    float products[width] = {0};
    for (size_t k = 0; k < update->depth; k++) {
      for (size_t j = 0; j < width; j++) {
        products[j] = fused(
            update->left[i * update->depth + k], update->panel[k * width + j], products[j]);
      }
    }
    const any_u16 *from = update->from + i * update->from_stride;
    any_u16 *to = update->to + i * update->to_stride;
    struct run_sums *sums = update->sums + i;
    for (size_t j = 0; j < width; j++) {
      size_t lane = j % half / 2;
      float old = widen_bf16(from[j]);
      float delta = products[place_of(j)] * update->scale;
      uint16_t code = narrow_bf16(old + delta);
      to[j] = code;
      sums->of[0][lane] = fused(old, old, sums->of[0][lane]);
      sums->of[1][lane] = fused(delta, delta, sums->of[1][lane]);
      sums->of[2][lane] = fused(widen_bf16(code) - old, delta, sums->of[2][lane]);
    }
  }
}

#if defined(__x86_64__)
#define NAME(name) avx512_##name
#define TARGET AVX512
#define VECTOR 16
#define HALVES 2
#include "fused_tile.h"
#undef NAME
#undef TARGET
#undef VECTOR
#undef HALVES

#define NAME(name) avx2_##name
#define TARGET AVX2
#define VECTOR 8
#define HALVES 1
#include "fused_tile.h"
#endif

static void update_panel(int level, const struct panel_update *update, size_t rows) {
  switch (level) {
#if defined(__x86_64__)
  case kernel_avx512: avx512_panel(update, rows); break;
  case kernel_avx2: avx2_panel(update, rows); break;
#endif
  default: portable_panel(update, rows);
  }
}

/// As `update_panel` where the panel has only `used` columns: with zeros beside them.
static void update_part(
    int level, const struct panel_update *update, size_t rows, size_t used) {
  uint16_t from[strip_rows][width] = {0}, to[strip_rows][width];
  size_t count = used * sizeof(uint16_t);
  for (size_t i = 0; i < rows; i++) {
    memcpy(from[i], update->from + i * update->from_stride, count);
  }
  struct panel_update padded = *update;
  padded.from = from[0];
  padded.to = to[0];
  padded.from_stride = padded.to_stride = width;
  update_panel(level, &padded, rows);
  for (size_t i = 0; i < rows; i++) {
    memcpy(update->to + i * update->to_stride, to[i], count);
  }
}

KERNEL static void add_run_sums(
    const struct run_sums *restrict runs, size_t rows, struct row_sums *restrict sums) {
  for (size_t i = 0; i < rows; i++) {
    for (int s = 0; s < 3; s++) {
      for (int j = 0; j < lanes; j++) sums[i].of[s][j] += (double)runs[i].of[s][j];
    }
  }
}

/// The sum of the lanes: the upper half is added to the lower one until one is left.
static double fold(double *lane) {
  for (int count = lanes / 2; count > 0; count /= 2) {
    for (int i = 0; i < count; i++) lane[i] += lane[i + count];
  }
  return lane[0];
}

/// At most `strip_rows` rows.
static void update_strip(
    int level, struct panel_update update, size_t rows, size_t columns,
    struct row_sums *sums) {
  const float *panels = update.panel;
  const uint16_t *from = update.from;
  uint16_t *to = update.to;
  struct run_sums runs[strip_rows];
  update.sums = runs;
  for (size_t first = 0; first < columns; first += width) {
    size_t used = columns - first < width ? columns - first : width;
    if (first % run_width == 0) memset(runs, 0, rows * sizeof runs[0]);
    update.panel = panels + first * update.depth;
    update.from = from + first;
    update.to = to + first;
    if (used == width) {
      update_panel(level, &update, rows);
    } else {
      update_part(level, &update, rows, used);
    }
    if (first + width >= columns || (first + width) % run_width == 0) {
      add_run_sums(runs, rows, sums);
    }
  }
}

/// Adds the sums of a row; returns 0 where they are not sound or something is not
/// finite. Then the row is still to be done: NaN is not rounded like numbers.
static int add_row(struct row_sums *row, struct kernel_update_sums *sums) {
  double base_squares = fold(row->of[0]), delta_squares = fold(row->of[1]);
  // A result that is not finite while base and update are makes this infinite or NaN.
  double kept = fold(row->of[2]);
  if (!is_sound(base_squares) || !is_sound(delta_squares) || !__builtin_isfinite(kept)) {
    return 0;
  }
  sums->base_squares += base_squares;
  sums->delta_squares += delta_squares;
  sums->kept += kept;
  return 1;
}

void kernel_fused_update(
    int level, const float *left, size_t rows, const float *panels, size_t depth,
    size_t columns, float scale, const void *source, void *destination, float *product,
    struct kernel_update_sums *sums) {
  for (size_t start = 0; start < rows; start += strip_rows) {
    size_t count = rows - start < strip_rows ? rows - start : strip_rows;
    struct row_sums strip[strip_rows];
    memset(strip, 0, count * sizeof strip[0]);
    struct panel_update update = {
        .left = left + start * depth,
        .panel = panels,
        .depth = depth,
        .scale = scale,
        .from = (const uint16_t *)source + start * columns,
        .from_stride = columns,
        .to = (uint16_t *)destination + start * columns,
        .to_stride = columns,
    };
    update_strip(level, update, count, columns, strip);
    for (size_t i = 0; i < count; i++) {
      if (add_row(&strip[i], sums)) continue;
      const float *row = update.left + i * depth;
      kernel_product(level, row, 1, panels, depth, columns, 0, depth, 0, product);
      kernel_update(
          kernel_bf16, update.from + i * columns, product, scale, kernel_bf16,
          update.to + i * columns, columns, sums);
    }
  }
}
