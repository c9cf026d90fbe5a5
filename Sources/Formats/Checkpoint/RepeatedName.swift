/// The position of the first record whose name, byte for byte, a record before it
/// has; nil where all names differ.
///
/// Looked for in one go: the slots of a large table lie far apart in memory, and
/// many at a time can be waited for. The hash is seeded anew in each process, so
/// that no file can be made whose names collide.
func firstRepeatedName(in records: [TensorRecord]) -> Int? {
  let records = records.span
  var hashes: [UInt32] = []
  hashes.reserveCapacity(records.count)
  for position in records.indices {
    hashes.append(UInt32(truncatingIfNeeded: ExactName(records[position].name).hashValue))
  }
  // Open addressing: a position plus one, 0 where a slot is free.
  let mask = powerOfTwo(atLeast: records.count * 4 / 3 + 1) - 1
  var slots = [UInt32](repeating: 0, count: mask + 1)
  for position in records.indices {
    var slot = Int(hashes[position]) & mask
    while slots[slot] != 0 {
      let other = Int(slots[slot]) - 1
      if hashes[other] == hashes[position],
        ExactName(records[other].name) == ExactName(records[position].name)
      {
        return position
      }
      slot = (slot + 1) & mask
    }
    // No header is long enough for more names than fit.
    slots[slot] = UInt32(truncatingIfNeeded: position + 1)
  }
  return nil
}

private func powerOfTwo(atLeast count: Int) -> Int {
  var power = 1
  while power < count { power *= 2 }
  return power
}
