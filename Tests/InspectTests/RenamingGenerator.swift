import TestSupport

@testable import Inspect

/// Makes renamings as they happen: a wrapper, a moved module, another word.
struct RenamingGenerator {
  var random: SeededGenerator

  /// A key before and after.
  struct Pair {
    var old: String
    var new: String
    let shape: [Int]?
  }

  /// Words that no model of the fixtures has.
  private static let words = [
    "backbone", "trunk", "net", "core", "wrapped", "inner", "base", "tower", "stack", "unit",
    "alpha_part", "beta_part", "left_out", "moved", "xyz", "module0", "sub", "kernel", "mixing",
  ]

  /// Changes some of the words of all names the same way; the names stay distinct.
  mutating func rename(_ entries: [KeyList.Entry]) -> (pairs: [Pair], changes: [String]) {
    var pairs = entries.map { Pair(old: $0.name, new: $0.name, shape: $0.shape) }
    var changes: [String] = []
    let count = Int.random(in: 1...3, using: &random)
    var attempts = 0
    while changes.count < count, attempts < 30 {
      attempts += 1
      let (text, changed) = change(pairs)
      let names = Set(changed.map(\.new))
      guard names.count == pairs.count, changed.contains(where: { $0.new != $0.old }),
        !names.contains("")
      else { continue }
      pairs = changed
      changes.append(text)
    }
    return (pairs, changes)
  }

  private mutating func change(_ pairs: [Pair]) -> (String, [Pair]) {
    let new = Self.words.randomElement(using: &random) ?? "x"
    let tops = Set(pairs.map { $0.new.dottedSegments[0] }).sorted()
    let top = tops.randomElement(using: &random) ?? ""
    let words = Set(
      pairs.flatMap { $0.new.dottedSegments.filter { Int($0) == nil } }
    ).subtracting(["weight", "bias"]).sorted()
    let word = words.randomElement(using: &random) ?? ""
    func map(_ text: String, _ body: ([Substring]) -> [Substring]) -> (String, [Pair]) {
      (
        text,
        pairs.map { pair in
          var pair = pair
          pair.new = body(pair.new.dottedSegments).joined(separator: ".")
          return pair
        }
      )
    }
    switch Int.random(in: 0..<8, using: &random) {
    case 0: return map("add \(new). to all") { [Substring(new)] + $0 }
    case 1: return map("add \(new). to \(top)") { $0[0] == top ? [Substring(new)] + $0 : $0 }
    case 2: return map("drop \(top).") { $0[0] == top && $0.count > 2 ? Array($0.dropFirst()) : $0 }
    case 3:
      return map("\(top) becomes \(new)") { $0[0] == top ? [Substring(new)] + $0.dropFirst() : $0 }
    case 4, 5: return map("\(word) becomes \(new)") { $0.map { $0 == word ? Substring(new) : $0 } }
    case 6:
      return map("\(new) after \(word)") {
        $0.flatMap { $0 == word ? [$0, Substring(new)] : [$0] }
      }
    default: return map("\(word) goes") { $0.count > 2 ? $0.filter { $0 != word } : $0 }
    }
  }

  /// Leaves some of the names out.
  mutating func thin(_ pairs: [Pair]) -> [Pair] {
    let kept = Double.random(in: 0.3...0.95, using: &random)
    // By pattern: models differ in modules, not in single layers.
    let patterns = pairs.map { pair in
      NameShape.split(pair.old).parts.map { $0.word ?? "#" }.joined(separator: ".")
    }
    let chosen = Set(
      Set(patterns).sorted().filter { _ in Double.random(in: 0..<1, using: &random) < kept })
    return zip(pairs, patterns).filter { chosen.contains($1) }.map(\.0)
  }
}
