// The answer: records of a kind (one byte), a length (eight bytes) and a body.
#include "helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *body;
static size_t used, room;
static char record_kind;
static uint64_t records;

void put_bytes(const void *bytes, size_t count) {
  if (count > room - used) {
    size_t wanted = (used + count) * 2;
    uint8_t *larger = realloc(body, wanted);
    if (larger == NULL) give_up("no memory for the answer");
    body = larger;
    room = wanted;
  }
  if (count > 0) memcpy(body + used, bytes, count);
  used += count;
}

static void put_integer(uint64_t value, int width) {
  uint8_t bytes[8];
  for (int i = 0; i < width; i++) bytes[i] = (uint8_t)(value >> (8 * i));
  put_bytes(bytes, (size_t)width);
}

void put_u8(uint8_t value) { put_integer(value, 1); }
void put_u32(uint32_t value) { put_integer(value, 4); }
void put_u64(uint64_t value) { put_integer(value, 8); }

void put_blob(const void *bytes, size_t count) {
  if (count > UINT32_MAX) give_up("a field is too long for the answer");
  put_u32((uint32_t)count);
  put_bytes(bytes, count);
}

void put_text(const char *text) { put_blob(text, strlen(text)); }

size_t record_size(void) { return used; }

void cut_record(size_t size) { used = size; }

size_t put_hole(void) {
  size_t place = used;
  put_u32(0);
  return place;
}

void fill_hole(size_t place, uint32_t value) {
  for (int i = 0; i < 4; i++) body[place + (size_t)i] = (uint8_t)(value >> (8 * i));
}

void begin_record(char kind) {
  record_kind = kind;
  used = 0;
}

void end_record(void) {
  uint8_t head[9] = {(uint8_t)record_kind};
  for (int i = 0; i < 8; i++) head[1 + i] = (uint8_t)((uint64_t)used >> (8 * i));
  if (fwrite(head, 1, sizeof head, stdout) != sizeof head ||
      fwrite(body, 1, used, stdout) != used) {
    give_up("the answer cannot be written");
  }
  records++;
}

uint64_t record_count(void) { return records; }
