import Formats

/// Where modules belong that the base has not got by their names.
extension AdapterBaseChecks {
  /// To the names under which PEFT looks for the modules, where those of the files are others.
  static func renaming(of matching: BaseMatching, onto base: Checkpoint)
    -> InferredRenaming?
  {
    guard !matching.unmatched.isEmpty, let layout = OldLayout(matching.adapter, onto: base) else {
      return matching.renaming
    }
    return InferredRenaming(matching.adapter, to: layout.loaded(base)) ?? matching.renaming
  }

  /// That a module without a place has lost its beginning, and could be any of several.
  func choice(_ module: AdapterModule) -> String? {
    guard inferred == nil, case .path = AdapterFamily.naming(of: adapter.kind) else { return nil }
    let found = NearestNames(base, positions: positions).candidates(for: module)
    guard found.ending == module.target, (2...Self.maximumChoiceCount).contains(found.paths.count)
    else { return nil }
    return "; \(module.target.quoted) could be "
      + found.paths.sorted().map(\.quoted).joined(separator: " or ") + ", and nothing tells which"
  }

  /// More places than this are no choice.
  private static let maximumChoiceCount = 4
}
