// The CRC-32 of zip, PNG and gzip: polynomial 0x04C11DB7, bits reflected.
//
// A checksum is the remainder of the message, as a polynomial over GF(2), by P.
// Carry-less products fold 128 bytes at a time onto the next 128, which keeps
// the remainder; only what is left in the end is divided, with a table.
#include "CKernels.h"

enum { slices = 8 };

/// table[k][b]: the remainder of the byte b followed by k zero bytes.
static uint32_t table[slices][256];

// Some microseconds, once, before any thread can ask.
__attribute__((constructor)) static void fill_table(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; bit++) {
      remainder = remainder >> 1 ^ (remainder & 1 ? 0xEDB88320u : 0);
    }
    table[0][byte] = remainder;
  }
  for (int slice = 1; slice < slices; slice++) {
    for (int byte = 0; byte < 256; byte++) {
      uint32_t before = table[slice - 1][byte];
      table[slice][byte] = before >> 8 ^ table[0][before & 0xFF];
    }
  }
}

static uint32_t little_endian(const uint8_t *bytes) {
  return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
         (uint32_t)bytes[3] << 24;
}

/// Takes eight bytes at a time; the checksum is not inverted here.
static uint32_t divide(uint32_t remainder, const uint8_t *bytes, size_t count) {
  for (; count >= slices; bytes += slices, count -= slices) {
    uint32_t low = remainder ^ little_endian(bytes), high = little_endian(bytes + 4);
    remainder = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^
                table[5][low >> 16 & 0xFF] ^ table[4][low >> 24] ^
                table[3][high & 0xFF] ^ table[2][high >> 8 & 0xFF] ^
                table[1][high >> 16 & 0xFF] ^ table[0][high >> 24];
  }
  for (; count > 0; bytes++, count--) {
    remainder = remainder >> 8 ^ table[0][(remainder ^ *bytes) & 0xFF];
  }
  return remainder;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define CARRYLESS __attribute__((target("pclmul,sse2")))

// To move 128 bits by n bits, its halves are multiplied by x^(n + 32) mod P and
// x^(n - 32) mod P; reflected, and shifted by one as the product is.
#define BY_1024_BITS _mm_set_epi64x(0x14A7FE880, 0x1E88EF372)
#define BY_128_BITS _mm_set_epi64x(0x0CCAA009E, 0x1751997D0)

enum { lanes = 8, stride = 16 * lanes };

CARRYLESS static inline __m128i fold(__m128i value, __m128i distance, __m128i onto) {
  __m128i low = _mm_clmulepi64_si128(value, distance, 0x00);
  __m128i high = _mm_clmulepi64_si128(value, distance, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

/// Takes at least `stride` bytes, as many strides as there are.
CARRYLESS static uint32_t fold_all(uint32_t remainder, const uint8_t *bytes, size_t count) {
  __m128i lane[lanes];
  for (int l = 0; l < lanes; l++) lane[l] = _mm_loadu_si128((const __m128i *)bytes + l);
  lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128((int)remainder));
  for (size_t at = stride; at + stride <= count; at += stride) {
    for (int l = 0; l < lanes; l++) {
      __m128i next = _mm_loadu_si128((const __m128i *)(bytes + at) + l);
      lane[l] = fold(lane[l], BY_1024_BITS, next);
    }
  }
  for (int l = 1; l < lanes; l++) lane[l] = fold(lane[l - 1], BY_128_BITS, lane[l]);
  uint8_t rest[16];
  _mm_storeu_si128((__m128i *)rest, lane[lanes - 1]);
  return divide(0, rest, sizeof rest);
}

int kernel_has_carryless(void) { return __builtin_cpu_supports("pclmul") != 0; }
#else
enum { stride = 128 };

static uint32_t fold_all(uint32_t remainder, const uint8_t *bytes, size_t count) {
  return divide(remainder, bytes, count);
}

int kernel_has_carryless(void) { return 0; }
#endif

uint32_t kernel_crc32(int carryless, uint32_t seed, const void *source, size_t count) {
  const uint8_t *bytes = source;
  uint32_t remainder = ~seed;
  if (carryless && count >= stride) {
    size_t folded = count / stride * stride;
    remainder = fold_all(remainder, bytes, folded);
    bytes += folded;
    count -= folded;
  }
  return ~divide(remainder, bytes, count);
}
