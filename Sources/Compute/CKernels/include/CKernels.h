// The loops of Compute that need more of the processor than Swift's baseline.
//
// Everything here is called from the Swift wrappers beside this folder, which
// check all counts first: no function here checks anything, allocates, or
// keeps state. Sources and destinations of element types may have any
// alignment and must not overlap.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// The element types that the kernels know, floats first.
enum kernel_type {
  kernel_f8_e5m2,
  kernel_f8_e4m3,
  kernel_f8_e8m0,
  kernel_f8_e4m3fnuz,
  kernel_f8_e5m2fnuz,
  kernel_f16,
  kernel_bf16,
  kernel_f32,
  kernel_f64,
  kernel_bool,
  kernel_u8,
  kernel_i8,
  kernel_u16,
  kernel_i16,
  kernel_u32,
  kernel_i32,
  kernel_u64,
  kernel_i64,
};

// convert.c: floats only.

/// destination[i] = float32(source[i]); only F64 rounds.
void kernel_widen(int type, const void *source, float *destination, size_t count);

/// destination[i] = source[i] rounded once to `type`.
void kernel_narrow(int type, const float *source, void *destination, size_t count);

/// destination[i] = source[i] rounded once, between any two float types.
void kernel_convert(
    int from, const void *source, int to, void *destination, size_t count);

/// destination[i] = (double)source[i], for every type of `kernel_type`.
void kernel_load(int type, const void *source, double *destination, size_t count);

/// The bytes of one element.
size_t kernel_width(int type);

// losses.c

/// What conversions lost; the counts grow from call to call.
struct kernel_losses {
  uint64_t overflow;
  uint64_t underflow;
  uint64_t changed;
};

/// As `kernel_convert`, and adds to `losses` the finite values that became
/// infinite, NaN or the largest one there is, those that became zero, and all
/// that became another value.
void kernel_convert_counting(
    int from, const void *source, int to, void *destination, size_t count,
    struct kernel_losses *losses);

// update.c

/// Sums over the elements of an update; they grow from call to call.
struct kernel_update_sums {
  double base_squares;
  double delta_squares;
  double kept;
  uint64_t not_finite;
};

/// destination[i] = round(source[i] + product[i] * scale); `sums` may be null.
void kernel_update(
    int from, const void *source, const float *product, float scale, int to,
    void *destination, size_t count, struct kernel_update_sums *sums);

/// sum[i] += product[i] * scale, both operations rounded.
void kernel_accumulate(float *sum, const float *product, float scale, size_t count);

// values.c

/// values[i] *= factor.
void kernel_scale(float *values, float factor, size_t count);

/// values[i] *= factors[i].
void kernel_multiply(float *values, const float *factors, size_t count);

/// The sum of the squares in float64, by sixteen lanes that are added in order.
double kernel_squares(const float *values, size_t count);

/// sums[i] += values[i]^2 in float64.
void kernel_add_squares(const float *values, double *sums, size_t count);

/// Adds up what became of float32 values: the update is values[i] - base[i], and
/// results[i] is what rounding left of values[i].
void kernel_update_statistics(
    const float *values, const void *base, const float *results, size_t count,
    struct kernel_update_sums *sums);

/// destination[i] = round(values[i]); the update is values[i] - source[i]. Not for
/// float64 sources.
void kernel_settle(
    const float *values, int from, const void *source, int to, void *destination,
    size_t count, struct kernel_update_sums *sums);

// product.c

/// The instruction sets that `kernel_product` has code for, best last.
enum kernel_level { kernel_portable, kernel_avx2, kernel_avx512 };

/// The columns of one panel of a packed right factor.
enum { kernel_panel_width = 64 };

/// The best level of this processor.
int kernel_best_level(void);

/// Packs the columns of `right` (depth rows, row_stride and column_stride
/// between its elements) into panels [panel][depth][64] in the order of panels.h,
/// padded with zeros.
void kernel_pack(
    const float *right, size_t depth, size_t columns, size_t row_stride,
    size_t column_stride, float *panels);

/// destination[i][j] (+)= the fma chain over left[i][k] * right[k][j], k
/// ascending from `start` to `end`, starting at zero; added to what is there
/// if `adds`.
void kernel_product(
    int level, const float *left, size_t rows, const float *panels, size_t depth,
    size_t columns, size_t start, size_t end, int adds, float *destination);

// fused.c

/// destination[i][j] = round(source[i][j] + (the fma chain of `kernel_product`) * scale)
/// of BF16 matrices; `product` has room for one row.
void kernel_fused_update(
    int level, const float *left, size_t rows, const float *panels, size_t depth,
    size_t columns, float scale, const void *source, void *destination, float *product,
    struct kernel_update_sums *sums);

// statistics.c

/// What is known of the values of one block.
struct kernel_block_statistics {
  double minimum;
  double maximum;
  double mean;
  double squared_deviations;
  uint64_t finite;
  uint64_t nan;
  uint64_t infinite;
  uint64_t zeros;
};

/// The longest block that `kernel_statistics` takes.
enum { kernel_statistics_block = 4096 };

/// The statistics of at most `kernel_statistics_block` elements of any type.
struct kernel_block_statistics kernel_statistics(int type, const void *source, size_t count);

// compare.c

/// How the values of two blocks differ.
struct kernel_comparison {
  /// Pairs that differ by more than the tolerance, or in kind.
  uint64_t differing;
  /// Pairs of which one is NaN or infinite and the other is something else.
  uint64_t incomparable;
  /// Pairs of two NaN.
  uint64_t nans;
  /// The greatest differences, over the pairs of finite values, as are the sums.
  double max_abs;
  double max_rel;
  double a_squares;
  double b_squares;
  double products;
  double difference_squares;
};

/// The longest blocks that `kernel_compare` takes.
enum { kernel_comparison_block = 4096 };

/// Compares at most `kernel_comparison_block` elements of any two types.
///
/// Finite values are alike where |a - b| <= absolute + relative * max(|a|, |b|),
/// infinities where they are equal, and NaN where their bits are, if the types
/// are the same, else always.
struct kernel_comparison kernel_compare(
    int type_a, const void *a, int type_b, const void *b, size_t count, double absolute,
    double relative);

/// Whether two memories of `count` bytes are the same.
int kernel_bytes_equal(const void *a, const void *b, size_t count);

/// A number that depends on all bytes of `source` and on `seed`.
///
/// Equal bytes have equal numbers; nothing keeps others from having them too.
uint64_t kernel_fingerprint(const void *source, size_t count, uint64_t seed);

// distance.c

/// How far results are from expected ones.
struct kernel_distances {
  /// Elements whose bits differ; two NaN never do.
  uint64_t differing;
  /// The greatest difference in units in the last place; UINT64_MAX where one of
  /// the two is NaN.
  uint64_t max_ulp;
  /// The same in units of the largest of the expected value, the base and the root
  /// mean square of the expected change.
  double max_term_ulp;
  /// Over the elements that are finite: the squares of the expected change and of
  /// the actual one, their products, and the squares of the error.
  double expected_squares;
  double actual_squares;
  double products;
  double error_squares;
};

/// The longest blocks that `kernel_distance` takes.
enum { kernel_distance_block = 4096 };

/// Compares at most `kernel_distance_block` elements of a float type. Both are
/// changes of `base`, of any type; it may be null.
struct kernel_distances kernel_distance(
    int type, const void *expected, const void *actual, int base_type, const void *base,
    size_t count);

// crc32.c

/// Whether this processor has carry-less products.
int kernel_has_carryless(void);

/// The CRC-32 of what had the checksum `seed` (0 for nothing), followed by `source`.
uint32_t kernel_crc32(int carryless, uint32_t seed, const void *source, size_t count);

// chunks.c: what HDF5's filters do to the bytes of a chunk.

/// destination: the first bytes of `count` elements of `width` bytes, then their second
/// bytes, and so on.
void kernel_shuffle(const uint8_t *source, uint8_t *destination, size_t count, size_t width);

/// The way back.
void kernel_unshuffle(const uint8_t *source, uint8_t *destination, size_t count, size_t width);

/// Fletcher's checksum over words of two bytes, the higher one first.
uint32_t kernel_fletcher32(const uint8_t *bytes, size_t count);
