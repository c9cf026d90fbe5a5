import Compute

/// How blocks of a merged tensor differ from what they have to be.
struct BlockDistance: Combinable {
  /// Elements that are not what they have to be.
  var differing = 0
  /// How far they are; zero for types without distances.
  var distance = ResultDistance()
  /// Whether the blocks are those of the base.
  var isBase = false
  /// Whether the arithmetic leads to no number at all.
  var isImpossible = false

  mutating func combine(_ next: Self) {
    differing += next.differing
    distance.combine(next.distance)
    isBase = isBase && next.isBase
    isImpossible = isImpossible || next.isImpossible
  }
}
