// What all sums of updates have in common.
#pragma once

#include "formats.h"

/// The sums that run beside each other, whatever the vectors of the processor.
enum { lanes = 16 };

/// Whether squares of float32 gave this sum without leaving its range.
INLINE int is_sound(double sum) { return sum > 1e-24 && sum < 1e36; }
