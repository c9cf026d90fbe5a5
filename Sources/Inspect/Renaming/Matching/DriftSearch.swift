import Formats

/// A change of names that could be the one.
struct NameChange: Hashable {
  enum Place: Hashable { case beginning, inside }
  let old: String
  let new: String
  let place: Place

  /// Whether a character stands for itself in an expression, but for the dot.
  static func isPlain(_ byte: UInt8) -> Bool {
    (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
      || (byte >= 0x61 && byte <= 0x7A) || "._-".utf8.contains(byte)
  }

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
struct DriftSearch {
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
    // The shortest and the longest: some names have a single segment, some too many.
    guard let shortest = found.min(by: { $0.utf8.count < $1.utf8.count }),
      let longest = found.max(by: { $0.utf8.count < $1.utf8.count })
    else { return [] }
    var changes: [NameChange] = []
    for name in [found[0], shortest, longest] {
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
    text.utf8.allSatisfy(NameChange.isPlain)
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
    guard !places.isEmpty, places.count == found.count || places.count == self.places.count,
      MatchEvidence.proves(change.old, becoming: change.new, for: places)
    else { return nil }
    return places
  }
}
