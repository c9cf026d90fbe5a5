import Formats
import SystemPackage

/// The commands that mend what findings tell, where a command can.
enum FixCommands {
  /// Gathers what ZeRO-3 left apart, where the states of the run lie beside.
  static func recovery(of checkpoint: Checkpoint) -> String? {
    guard checkpoint.sideFile("latest") != nil else { return nil }
    return "tenon convert \(shellQuoted(checkpoint.path)) -o OUT"
  }

  /// The finding with the command that belongs to it, if it has none yet.
  static func completed(_ finding: Finding, of inspection: Inspection) -> Finding {
    var finding = finding
    if let fix = finding.fix {
      finding.fix = withAlpha(fix, inspection)
      return finding
    }
    let checkpoint = inspection.checkpoint
    switch finding.code {
    case .zeroSizeTensor where finding.severity == .error: finding.fix = recovery(of: checkpoint)
    case .prefixDrift where !finding.renaming.isEmpty:
      finding.fix = unwrapped(inspection)
      if finding.fix?.contains("--preset") != true { finding.renaming = [] }
    case .prefixDrift
    where finding.tensors.count == checkpoint.records.count
      && !finding.tensors.isEmpty
      && finding.tensors.allSatisfy { !$0.hasPrefix("base_model.") }:
      return finding.renamed(checkpoint.path, [RenameRule(checked: "^", "base_model.model.")])
    case .alphaUnknown:
      finding.fix = withAlpha(
        inspection.kind == .wrappedCheckpoint
          ? "tenon merge \(shellQuoted(checkpoint.path)) -o OUT"
          : merge(base: nil, adapter: checkpoint.path), inspection)
    case .unsafeGlobal where !checkpoint.records.isEmpty:
      finding.fix = "tenon convert \(shellQuoted(checkpoint.path)) -o OUT.safetensors"
    default: break
    }
    return finding
  }

  /// The rules of all commands that rename alone, as one map; nil where there are none.
  static func map(_ findings: [Finding]) -> [(pattern: String, replacement: String)]? {
    var rules: [Finding.Renaming] = []
    for rule in findings.flatMap(\.renaming) where !rules.contains(rule) { rules.append(rule) }
    return rules.isEmpty ? nil : rules.map { ($0.pattern, $0.replacement) }
  }

  /// Removes wrappers; where all those keys are there without them too, which are those that
  /// PEFT loads, removes the wrapped ones.
  private static func unwrapped(_ inspection: Inspection) -> String? {
    let checkpoint = inspection.checkpoint
    let again = inspection.findings.first { $0.code == .duplicateKey && $0.severity == .error }
    guard let again else { return remap(checkpoint.path, "--preset strip-wrappers") }
    guard let wrapper = inspection.adapter?.wrappers.first?.text,
      checkpoint.records.count(where: { $0.name.hasPrefix(wrapper) }) == again.tensors.count
    else { return nil }
    return remap(checkpoint.path, "--exclude \(shellWord("\(wrapper)**"))")
  }

  /// A merge with the alpha that no file says, where it would be refused without.
  private static func withAlpha(_ fix: String, _ inspection: Inspection) -> String {
    guard fix.hasPrefix("tenon merge "), !fix.contains(" --alpha "),
      inspection.findings.contains(where: { $0.code == .alphaUnknown })
    else { return fix }
    return fix + " --alpha ALPHA"
  }

  /// The findings with one command in the place of those that each rename something else
  /// of the checkpoint at `path`.
  static func united(_ findings: [Finding], path: String) -> [Finding] {
    let start = remap(path, "")
    var options: [String] = []
    for case let fix? in findings.map(\.fix) where fix.hasPrefix(start) {
      let option = String(fix.dropFirst(start.count))
      if !options.contains(option) { options.append(option) }
    }
    return findings.map { finding in
      guard finding.fix?.hasPrefix(start) == true else { return finding }
      var finding = finding
      finding.fix = start + options.joined(separator: " ")
      return finding
    }
  }

  /// The findings with the first command that renames alone: all would write to the same
  /// place, and what one leaves to do is told when its result is checked.
  static func withoutRivals(_ findings: [Finding]) -> [Finding] {
    var isRenamed = false
    return findings.map { finding in
      guard finding.fix?.hasPrefix("tenon remap ") == true else { return finding }
      defer { isRenamed = true }
      var finding = finding
      if isRenamed { finding.fix = nil }
      return finding
    }
  }

  /// Merges an adapter into its base; BASE stands for one that is not known.
  static func merge(base: String?, adapter: String) -> String {
    "tenon merge \(base.map(shellQuoted) ?? "BASE") \(shellQuoted(adapter)) -o OUT"
  }

  /// The command that applies rules to the names of the checkpoint at `path`.
  static func rename(_ path: String, _ rules: [String]) -> String {
    remap(path, rules.map { "--rename \(shellWord($0))" }.joined(separator: " "))
  }

  /// An adapter whose configuration lies beside it is written anew as a whole, as PEFT loads
  /// no file without it.
  static func remap(_ path: String, _ options: String) -> String {
    let path = Checkpoint.adapterDirectory(of: path) ?? path
    return "tenon remap \(shellQuoted(path)) -o \(shellQuoted(renamed(path))) \(options)"
  }

  /// The path with a word before the ending of a file, or at the end of a directory's
  /// name.
  static func renamed(_ path: String, adding word: String = "-renamed") -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    // The name of a directory is not in such paths.
    if [".", ".."].contains(FilePath(path).lastComponent?.string) {
      path = Checkpoint.realPath(of: path)
    }
    for ending in [".safetensors", ".bin", ".pt", ".pth", ".ckpt"] where path.hasSuffix(ending) {
      return path.dropLast(ending.count) + "\(word).safetensors"
    }
    return path + word
  }
}
