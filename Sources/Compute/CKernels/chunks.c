// The filters that HDF5 puts before and behind the compression of a chunk.
#include "CKernels.h"

void kernel_shuffle(const uint8_t *source, uint8_t *destination, size_t count, size_t width) {
  for (size_t plane = 0; plane < width; plane++) {
    for (size_t i = 0; i < count; i++) destination[plane * count + i] = source[i * width + plane];
  }
}

void kernel_unshuffle(const uint8_t *source, uint8_t *destination, size_t count, size_t width) {
  // Reading one plane after the other keeps every load in order.
  for (size_t plane = 0; plane < width; plane++) {
    for (size_t i = 0; i < count; i++) destination[i * width + plane] = source[plane * count + i];
  }
}

enum { sums_without_overflow = 360 };

uint32_t kernel_fletcher32(const uint8_t *bytes, size_t count) {
  uint32_t first = 0, second = 0;
  size_t words = count / 2;
  while (words > 0) {
    size_t run = words < sums_without_overflow ? words : sums_without_overflow;
    words -= run;
    for (; run > 0; run--, bytes += 2) {
      first += (uint32_t)bytes[0] << 8 | bytes[1];
      second += first;
    }
    first = (first & 0xFFFF) + (first >> 16);
    second = (second & 0xFFFF) + (second >> 16);
  }
  if (count % 2 != 0) {
    first += (uint32_t)bytes[0] << 8;
    second += first;
    first = (first & 0xFFFF) + (first >> 16);
    second = (second & 0xFFFF) + (second >> 16);
  }
  first = (first & 0xFFFF) + (first >> 16);
  second = (second & 0xFFFF) + (second >> 16);
  return second << 16 | first;
}
