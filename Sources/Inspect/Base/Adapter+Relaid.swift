public import Formats

/// What the base has under the adapter's own name stays, and no two become one. The base
/// has all names of `tied`, though its file may hold one alone.
extension Adapter {
  /// The adapter with the names of the base's files where it has those of another layout of
  /// transformers, or those of the loaded model; and a finding that says so. The adapter as
  /// it is where nothing differs.
  public func relaid(onto base: Checkpoint, tied: TiedWeights?) -> (
    adapter: Adapter, finding: Finding?
  ) {
    guard kind == .peftAdapter else { return (self, nil) }
    let names = FileNames(base, tied: tied)
    let modules = self.modules.filter { !names.hasModule($0.target) }
    let replacements = self.replacements.filter { !names.hasTensor($0.target) }
    guard !modules.isEmpty || !replacements.isEmpty else { return (self, nil) }
    let layout = VisionLanguageLayout(names.all)
    let loaded = LoadedNames(base)
    var renamed: [String: String] = [:]
    for module in modules {
      let moved = layout?.name(for: module.target)
      if let moved, module.kind == .parameter || names.hasModule(moved) {
        renamed[module.target] = moved
      } else if module.kind != .parameter {
        renamed[module.target] = loaded.module(moved ?? module.target)
      }
    }
    for replacement in replacements {
      let moved = layout?.name(for: replacement.target)
      renamed[replacement.target] =
        moved.flatMap { names.hasTensor($0) ? $0 : nil }
        ?? loaded.tensor(moved ?? replacement.target)
    }
    let places = self.modules.map(\.target) + self.replacements.map(\.target)
    let taken = Set(places.filter { renamed[$0] == nil })
    guard !renamed.isEmpty, taken.isDisjoint(with: renamed.values),
      Set(renamed.values).count == renamed.count
    else { return (self, nil) }
    return (
      named { renamed[$0] ?? $0 },
      Finding(
        .note, .prefixDrift,
        "the adapter has \(FoldedKeys.summary(of: renamed.keys.sorted(), "name")) in one layout "
          + "of transformers and the base in the other (\(Self.reason(renamed, layout))): they are "
          + "taken for \(Wording.folded(renamed.values.sorted()))")
    )
  }

  /// Which of the changes of transformers it was.
  private static func reason(_ renamed: [String: String], _ layout: VisionLanguageLayout?) -> String
  {
    renamed.allSatisfy { layout?.name(for: $0.key) == $0.value }
      ? "version 4.52 changed it" : "version 5 renames what it loads, and back when it saves"
  }
}

/// The tensors that the files of a base have, and those that are tied.
private struct FileNames {
  let all: [String]
  private let names: Set<ExactName>

  init(_ base: Checkpoint, tied: TiedWeights?) {
    all = base.records.map(\.name) + (tied?.others ?? [])
    names = Set(all.map { ExactName($0) })
  }

  func hasTensor(_ name: String) -> Bool { names.contains(ExactName(name)) }

  func hasModule(_ path: String) -> Bool {
    ["weight", "in_proj_weight"].contains { hasTensor("\(path).\($0)") }
  }
}
