import Formats

/// Where the files of a base have what an adapter calls otherwise.
struct FilePlaces {
  private let names: FileNames
  private let layout: VisionLanguageLayout?
  private let loaded: LoadedNames
  private let prefixes: [BaseModelPrefix]

  init(_ base: Checkpoint, _ names: FileNames) {
    self.names = names
    layout = VisionLanguageLayout(names.all)
    loaded = LoadedNames(base)
    // One that cannot be read tells nothing; whoever needs it says why.
    prefixes = BaseModelPrefix.possible(for: (try? ModelConfiguration(beside: base)) ?? nil)
  }

  /// By the names of the parts of an adapter, those of the files.
  func names(for adapter: Adapter) -> [String: String] {
    var renamed: [String: String] = [:]
    for module in adapter.modules { renamed[module.target] = place(of: module, module.target) }
    for replacement in adapter.replacements {
      renamed[replacement.target] = place(of: replacement.target)
    }
    return renamed
  }

  /// Which of the changes of transformers the names show.
  func reason(_ renamed: [String: String]) -> String {
    renamed.allSatisfy { layout?.name(for: $0.key) == $0.value }
      ? "version 4.52 changed it" : "version 5 renames what it loads, and back when it saves"
  }

  private func place(of module: AdapterModule, _ target: String) -> String? {
    let moved = layout?.name(for: target)
    if let moved, module.kind == .parameter || names.hasModule(moved) { return moved }
    return module.kind == .parameter ? nil : loaded.module(moved ?? target)
  }

  private func place(of target: String) -> String? {
    let moved = layout?.name(for: target)
    return moved.flatMap { names.hasTensor($0) ? $0 : nil } ?? loaded.tensor(moved ?? target)
  }

  // MARK: Classes with and without a head

  /// What the parts without a place are called in a class of the other kind, and how to say
  /// that; nil where most of them have no place there either, or where several have.
  func prefix(of adapter: Adapter, besides renamed: [String: String]) -> (
    names: [String: String], reason: String
  )? {
    let modules = adapter.modules.filter { renamed[$0.target] == nil }
    let trained = adapter.trainedClass
    var found: [(prefix: BaseModelPrefix, names: [String: String])] = []
    for prefix in prefixes {
      var names: [String: String] = [:]
      for module in modules {
        names[module.target] = prefix.other(module.target, trained: trained).flatMap {
          otherPlace(of: module, $0)
        }
      }
      guard names.count * 2 > modules.count else { continue }
      for target in adapter.replacements.map(\.target) where renamed[target] == nil {
        names[target] = prefix.other(target, trained: trained).flatMap {
          self.names.hasTensor($0) ? $0 : place(of: $0)
        }
      }
      if !names.isEmpty { found.append((prefix, names)) }
    }
    guard found.count == 1, let (prefix, names) = found.first else { return nil }
    let isBare = trained.isBare == true
    let isRenamed = names.contains { prefix.other($0.key, trained: trained) != $0.value }
    return (
      names,
      "\(isBare ? "without" : "with") \(prefix.text.quoted) before \(names.count == 1 ? "it" : "them")"
        + ", which transformers \(isBare ? "takes from" : "puts before") the names of the base when "
        + "it loads them" + (isRenamed ? ", besides renaming them" : "")
    )
  }

  /// The place of a module by its name in a class of the other kind: of one that the files
  /// hold fused, the name of the loaded model, by which its rows are found.
  private func otherPlace(of module: AdapterModule, _ name: String) -> String? {
    guard module.kind != .parameter else {
      return names.holds(module.target)
        ? nil : names.holds(name) ? name : place(of: module, name)
    }
    if names.hasModule(name) { return name }
    return place(of: module, name) ?? loaded["\(name).weight"].map { _ in name }
  }
}

/// The tensors that the files of a base have, and those that are tied.
struct FileNames {
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

  /// Whether there is something in a module, which may have other modules.
  func holds(_ path: String) -> Bool { all.contains { $0.hasPrefix("\(path).") } }
}
