// The datasets that were told: one with several names is told once.
#include "helper.h"

#include <stdlib.h>

/// Addresses in open addressing, `HADDR_UNDEF` where a place is free.
static haddr_t *places;
static size_t place_count, used;

/// The place of an address, or the free one where it belongs.
static size_t place_of(haddr_t address) {
  size_t place = (size_t)(address * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (place_count - 1);
  while (places[place] != HADDR_UNDEF && places[place] != address) {
    place = (place + 1) & (place_count - 1);
  }
  return place;
}

static void make_room(void) {
  haddr_t *old = places;
  size_t old_count = place_count;
  place_count = old_count == 0 ? 1024 : 2 * old_count;
  places = allocated(place_count, sizeof *places);
  for (size_t i = 0; i < place_count; i++) places[i] = HADDR_UNDEF;
  for (size_t i = 0; i < old_count; i++) {
    if (old[i] != HADDR_UNDEF) places[place_of(old[i])] = old[i];
  }
  free(old);
}

int was_seen(haddr_t address) {
  return used > 0 && places[place_of(address)] == address;
}

void note_seen(haddr_t address) {
  if (2 * used >= place_count) make_room();
  places[place_of(address)] = address;
  used++;
}
