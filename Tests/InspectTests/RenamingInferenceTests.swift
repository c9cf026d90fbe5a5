import Formats
import Foundation
import TestSupport
import Testing

@testable import Inspect

@Suite struct RenamingInferenceTests {
  /// What became of a generated renaming.
  enum Outcome: String, CaseIterable {
    /// Every name has its place.
    case solved
    /// Every name that has a place has its own; the others are told.
    case partly
    case refused
    case wrong
  }

  static let seed =
    ProcessInfo.processInfo.environment["TENON_INFERENCE_SEED"].flatMap { UInt64($0) } ?? 20_261_121
  /// The environment can ask for more: the whole run is 240.
  static let caseCount =
    ProcessInfo.processInfo.environment["TENON_INFERENCE_CASES"].flatMap { Int($0) } ?? 120

  /// The renamings are inferred in both directions, with and without shapes, from
  /// the whole key set and from a part of it.
  @Test func `never gives a name the place of another`() throws {
    print("inference seed \(Self.seed)")
    var generator = RenamingGenerator(random: SeededGenerator(seed: Self.seed))
    let lists = try KeyFixture.names.filter { !$0.contains("unet") }.map {
      ($0, try KeyFixture.list($0))
    }
    var counts: [Outcome: Int] = [:]
    for index in 0..<Self.caseCount {
      let (name, list) = lists[index % lists.count]
      let (all, changes) = generator.rename(list.entries)
      let isBackwards = Bool.random(using: &generator.random)
      let isThin = Int.random(in: 0..<3, using: &generator.random) == 0
      let isBare = Int.random(in: 0..<6, using: &generator.random) == 0
      let some = isThin ? generator.thin(all) : all
      if some.isEmpty || some.allSatisfy({ $0.old == $0.new }) { continue }
      let pairs = isBackwards ? some.map { flipped($0) } : some
      let targets = isBackwards ? all.map { flipped($0) } : all
      let outcome = try outcome(
        pairs, base: targets.map { KeyList.Entry($0.new, isBare ? nil : $0.shape) })
      counts[outcome, default: 0] += 1
      if outcome != .solved {
        print(
          "  \(outcome.rawValue) \(index) \(name): \(changes.joined(separator: "; "))"
            + "\(isBackwards ? ", back" : "")\(isThin ? ", thin" : "")\(isBare ? ", bare" : "")")
      }
      #expect(outcome != .wrong, "case \(index) of seed \(Self.seed)")
    }
    print(
      "inference: "
        + Outcome.allCases.map { "\($0.rawValue) \(counts[$0] ?? 0)" }.joined(separator: ", "))
    #expect((counts[.solved] ?? 0) > Self.caseCount * 3 / 4)
  }

  private func flipped(_ pair: RenamingGenerator.Pair) -> RenamingGenerator.Pair {
    RenamingGenerator.Pair(old: pair.new, new: pair.old, shape: pair.shape)
  }

  private func outcome(_ pairs: [RenamingGenerator.Pair], base: [KeyList.Entry]) throws -> Outcome {
    var draft = RenamingDraft(
      KeyList(path: "a", pairs.map { KeyList.Entry($0.old, $0.shape) }))
    do {
      try draft.match(KeyList(path: "b", base))
    } catch {
      return .refused
    }
    let places = Set(base.map(\.name))
    let unplaced = Set(draft.match?.unplaced ?? [])
    var isComplete = true
    for (pair, found) in zip(pairs, draft.names) where found != pair.new {
      if !unplaced.contains(pair.old), places.contains(found) {
        print("    \(pair.old) became \(found), not \(pair.new)")
        return .wrong
      }
      isComplete = false
    }
    return isComplete ? .solved : .partly
  }
}
