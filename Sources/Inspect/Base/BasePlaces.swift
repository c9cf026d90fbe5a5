import Formats

/// The tensors of a base, found by the names that a family gives their modules.
struct BasePlaces {
  private enum Search {
    case exact(LoadedNames?)
    case pipeline(PipelineModules)
  }

  private let base: Checkpoint
  private let positions: NameTable
  private let search: Search

  /// The names that the model has when it is loaded count where one of `targets` is not
  /// there by the name of a file.
  init(
    _ base: Checkpoint, positions: NameTable, naming: AdapterFamily.Naming, targets: [String] = []
  ) {
    self.base = base
    self.positions = positions
    search =
      switch naming {
      case .path:
        .exact(
          targets.allSatisfy { Self.tensor(of: $0, positions) != nil } ? nil : LoadedNames(base))
      case .pipeline(let style): .pipeline(PipelineModules(base.records.map(\.name), style: style))
      }
  }

  /// Where a module acts: one place, none, or several alike.
  subscript(target: String) -> Set<BasePlace> {
    switch search {
    case .exact(let loaded):
      if let name = Self.tensor(of: target, positions) { return [.whole(name)] }
      if let place = loaded?["\(target).weight"] { return [place] }
      let fused = ExpertParameter.place(of: target) { name in
        positions[name].map { base.records[$0] }
      }
      if let fused { return [fused] }
      // What Mixtral calls the layers of its experts in files of transformers before 5.
      let renamed = target.replacing(".block_sparse_moe.", with: ".mlp.")
      return Self.tensor(of: renamed, positions).map { [.whole($0)] } ?? []
    case .pipeline(let modules):
      return modules[target]
    }
  }

  /// The weight of a module; a fused attention (nn.MultiheadAttention) has no `weight`.
  private static func tensor(of target: String, _ positions: NameTable) -> String? {
    ["\(target).weight", "\(target).in_proj_weight"].first { positions[$0] != nil }
  }

  /// The paths of the base, for a search of renamings; nil for names that are looked up.
  var names: NearestNames? {
    if case .exact = search { NearestNames(base, positions: positions) } else { nil }
  }

  /// The tensors whose names are nearest to those of modules without a place, in
  /// natural order.
  func nearest(to modules: [AdapterModule]) -> [String] {
    switch search {
    case .exact: return names?.nearest(to: modules) ?? []
    case .pipeline(let pipeline):
      let found = modules.prefix(Self.maximumSearchCount).flatMap {
        pipeline.nearest(to: $0.target, limit: 3)
      }
      return NaturalOrder.sorted(Set(found))
    }
  }

  /// Each search looks at all names of the base.
  private static let maximumSearchCount = 32
}
