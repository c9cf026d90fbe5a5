import Formats

/// One change of names that takes those that a checkpoint has to those that a model
/// wants.
struct NameDrift: Hashable {
  let pattern: String
  let replacement: String
  /// How many names it puts in place.
  let count: Int

  /// The command that renames the checkpoint at `path`.
  func command(for path: String) -> String {
    "tenon remap \(shellQuoted(path)) -o \(shellQuoted(Self.renamed(path))) "
      + "--rename \(shellQuoted("\(pattern)=\(replacement)"))"
  }

  /// The path with `-renamed` before the ending of a file, or at the end of a
  /// directory's name.
  static func renamed(_ path: String) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    for ending in [".safetensors", ".bin", ".pt", ".pth", ".ckpt"] where path.hasSuffix(ending) {
      return path.dropLast(ending.count) + "-renamed.safetensors"
    }
    return path + "-renamed"
  }

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

/// A change of names that could be the one.
private struct NameChange: Hashable {
  enum Place: Hashable { case beginning, inside }
  let old: String
  let new: String
  let place: Place

  var pattern: String {
    let text = old.replacing(".", with: "\\.")
    return place == .beginning ? "^\(text)" : "\\.\(text)\\."
  }
  var replacement: String { place == .beginning ? new : ".\(new)." }

  func apply(to name: String) -> String? {
    switch place {
    case .beginning: return name.hasPrefix(old) ? new + name.dropFirst(old.count) : nil
    case .inside:
      let changed = name.replacing(".\(old).", with: ".\(new).")
      return changed == name ? nil : changed
    }
  }
}

/// Tries the changes that take one name of the checkpoint to a wanted one.
private struct DriftSearch {
  let found: [String]
  let wanted: [String]
  private let places: Set<String>
  /// Wanted names by their last segments, for those that end like another.
  private var byEnding: [Substring: [String]] = [:]

  init(found: [String], wanted: [String]) {
    self.found = found
    self.wanted = wanted
    places = Set(wanted)
    for name in wanted { byEnding[Self.ending(of: name), default: []].append(name) }
  }

  /// The last two segments.
  private static func ending(_ segments: [Substring]) -> Substring {
    segments.suffix(2).joined(separator: ".")[...]
  }
  private static func ending(of name: String) -> Substring { ending(name.dottedSegments) }

  /// The most wanted names that one name is held against.
  private static let maximumCandidateCount = 512

  func changes() -> [NameChange] {
    guard let first = found.min(by: { $0.utf8.count < $1.utf8.count }) else { return [] }
    var changes: [NameChange] = []
    for name in [found[0], first] {
      for candidate in (byEnding[Self.ending(of: name)] ?? []).prefix(Self.maximumCandidateCount) {
        changes += Self.changes(from: name, to: candidate)
      }
    }
    var seen: Set<NameChange> = []
    return changes.filter { seen.insert($0).inserted }
  }

  private static func changes(from name: String, to other: String) -> [NameChange] {
    let (old, new) = (name.dottedSegments, other.dottedSegments)
    let tail = zip(old.reversed(), new.reversed()).prefix { $0 == $1 }.count
    var changes: [NameChange] = []
    // A beginning: everything before what the two end in, and with one segment more
    // where that would be nothing and so match anywhere.
    let oldStart = old.dropLast(tail).map { "\($0)." }.joined()
    let newStart = new.dropLast(tail).map { "\($0)." }.joined()
    changes.append(NameChange(old: oldStart, new: newStart, place: .beginning))
    let head = zip(old.dropLast(tail), new.dropLast(tail)).prefix { $0 == $1 }.count
    let oldMiddle = old.dropFirst(head).dropLast(tail)
    let newMiddle = new.dropFirst(head).dropLast(tail)
    if head > 0, tail > 0, !oldMiddle.isEmpty, !newMiddle.isEmpty {
      changes.append(
        NameChange(
          old: oldMiddle.joined(separator: "."), new: newMiddle.joined(separator: "."),
          place: .inside))
    }
    return changes.filter { isPlain($0.old + $0.new) && keepsNumbers($0) }
  }

  /// Whether a text needs no escaping beyond its dots.
  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { byte in
      (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
        || (byte >= 0x61 && byte <= 0x7A) || "._-".utf8.contains(byte)
    }
  }

  /// The number of a layer is a place among others: no rule may change it.
  private static func keepsNumbers(_ change: NameChange) -> Bool {
    numbers(in: change.old) == numbers(in: change.new)
  }

  private static func numbers(in text: String) -> [Substring] {
    text.dottedSegments.filter { segment in
      !segment.isEmpty && segment.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
    }
  }

  /// The places that the change gives to names, in their order; nil where it is not the
  /// answer: it has to give a place to all names, or a name to all places.
  func places(_ change: NameChange, fits: (String, String) -> Bool) -> [String]? {
    var taken: Set<String> = []
    var places: [String] = []
    for name in found {
      guard let moved = change.apply(to: name), self.places.contains(moved) else { continue }
      guard fits(name, moved), taken.insert(moved).inserted else { return nil }
      places.append(moved)
    }
    guard !places.isEmpty, places.count == found.count || places.count == self.places.count else {
      return nil
    }
    return places
  }
}
