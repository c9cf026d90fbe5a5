import Formats

/// What gives keys that PEFT misses the tensors that an adapter has under other names.
///
/// A model of several parts often has layers of the same names in each, of which an adapter
/// fills those of one. Where its keys could be those of either part, nothing is chosen.
struct AdapterPlacing {
  /// A key of the adapter that could be several of the missing ones.
  struct Choice {
    let key: String
    let places: [String]
  }

  private(set) var renaming: InferredRenaming?
  /// The missing keys that get a tensor by it.
  private(set) var placed: [String] = []
  private(set) var choice: Choice?

  init(_ adapter: Checkpoint, _ missing: [String]) {
    guard !missing.isEmpty else { return }
    if let renaming = InferredRenaming(adapter, toLoad: missing) {
      (self.renaming, placed) = (renaming, missing)
      return
    }
    let found = Self.parts(of: missing).compactMap { keys in
      InferredRenaming(adapter, toLoad: keys).map { (keys: keys, renaming: $0) }
    }
    guard let best = found.max(by: { $0.keys.count < $1.keys.count }) else {
      choice = Self.lostBeginning(adapter, missing)
      return
    }
    choice =
      Self.isKnown(best.renaming, missing)
      ? nil : found.lazy.compactMap { Self.choice(best.renaming, $0.renaming) }.first
    if choice == nil { (renaming, placed) = (best.renaming, best.keys) }
  }

  /// Whether the key is of the part of a model that sees.
  static func isOfTower(_ key: String) -> Bool {
    key.dottedSegments.contains(where: AttentionHeads.visionSegments.contains)
  }

  /// What could have been adapted without the rest: all but the vision tower, the tower, and
  /// each list of layers.
  private static func parts(of keys: [String]) -> [[String]] {
    let byList = Dictionary(grouping: keys, by: list)
    let lists =
      byList.count > maximumListCount ? [] : byList.sorted { $0.key < $1.key }.map(\.value)
    var seen: Set<[String]> = [keys]
    return ([keys.filter { !isOfTower($0) }, keys.filter(isOfTower)] + lists).filter {
      !$0.isEmpty && seen.insert($0).inserted
    }
  }

  /// Each is a search of its own.
  private static let maximumListCount = 6

  /// What stands before the number of the layer.
  private static func list(_ key: String) -> String {
    key.dottedSegments.prefix { Int($0) == nil }.joined(separator: ".")
  }

  /// Whether the names are those of another layout of the same model.
  private static func isKnown(_ renaming: InferredRenaming, _ missing: [String]) -> Bool {
    guard let layout = VisionLanguageLayout(missing.map { AdapterKey(peft: $0).target }) else {
      return false
    }
    return renaming.changes.allSatisfy {
      layout.name(for: AdapterKey(peft: $0.from).target) == AdapterKey(peft: $0.to).target
    }
  }

  /// The first key that becomes another by the one renaming than by the other.
  private static func choice(_ one: InferredRenaming, _ other: InferredRenaming) -> Choice? {
    let places = Dictionary(
      other.changes.map { (ExactName($0.from), $0.to) }, uniquingKeysWith: { first, _ in first })
    return one.changes.lazy.compactMap { change in
      guard let place = places[ExactName(change.from)], ExactName(place) != ExactName(change.to)
      else { return nil }
      return Choice(key: change.from, places: [change.to, place])
    }.first
  }
}
