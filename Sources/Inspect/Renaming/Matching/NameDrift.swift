import Formats

/// One change of names that takes those that a checkpoint has to those that a model
/// wants.
struct NameDrift: Hashable {
  let pattern: String
  let replacement: String
  /// How many names it puts in place.
  let count: Int

  /// Finds the only change that gives every one of `wanted` a name of `found`, or every
  /// one of `found` a place in `wanted`; nil where there is none or more than one.
  ///
  /// `shapes` of names where they are known: what does not fit is no place.
  init?(
    from found: [String], to wanted: [String], fits: (_ found: String, _ wanted: String) -> Bool
  ) {
    guard !found.isEmpty, !wanted.isEmpty, found.count <= Self.maximumCount,
      wanted.count <= Self.maximumCount
    else { return nil }
    let search = DriftSearch(found: found, wanted: wanted)
    var best: (change: NameChange, places: [String])?
    var isAmbiguous = false
    for change in search.changes() {
      guard let places = search.places(change, fits: fits), places.count >= best?.places.count ?? 0
      else { continue }
      if let known = best, known.places.count == places.count {
        // Another way to say the same change is no other answer.
        isAmbiguous = isAmbiguous || known.places != places
      } else {
        best = (change, places)
        isAmbiguous = false
      }
    }
    guard let best, !isAmbiguous else { return nil }
    self.init(
      pattern: best.change.pattern, replacement: best.change.replacement, count: best.places.count)
  }

  private static let maximumCount = 200_000

  private init(pattern: String, replacement: String, count: Int) {
    self.pattern = pattern
    self.replacement = replacement
    self.count = count
  }
}
