import Formats

extension Finding {
  /// With the command that renames the checkpoint at `path` by these rules.
  func renamed(_ path: String, _ rules: [RenameRule]) -> Finding {
    var finding = self
    finding.fix = FixCommands.rename(path, rules.map(\.description))
    finding.renaming = rules.map { Renaming($0.pattern, $0.replacement) }
    return finding
  }

  /// With the command that takes away the wrappers of training programs, whose names its
  /// tensors have.
  func unwrapped(_ path: String) -> Finding {
    var finding = self
    finding.fix = FixCommands.remap(path, "--preset strip-wrappers")
    finding.renaming = KeyWrappers.renaming(tensors)
    return finding
  }
}
