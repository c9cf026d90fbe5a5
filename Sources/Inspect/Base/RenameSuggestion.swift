import Formats

/// One change of a prefix that would give every module of an adapter its tensor.
public struct RenameSuggestion: Sendable, Hashable {
  /// The rule for `tenon remap --rename`: `REGEX=REPLACEMENT`, for the names as the
  /// adapter's file has them.
  public let rule: String
  /// The number of modules that it moves.
  public let count: Int

  /// Finds the change, or nil where there is none or more than one: a guess is
  /// worse than nothing.
  ///
  /// `taken` are the modules that fit already; they have to stay where they are.
  init?(_ modules: [AdapterModule], taken: [String], in names: NearestNames) {
    guard let first = modules.first else { return nil }
    let (ending, candidates) = names.candidates(for: first)
    let old = String(first.target.dropLast(ending.count))
    let taken = Set(taken)
    let working = candidates.map { String($0.dropLast(ending.count)) }.filter { new in
      modules.allSatisfy { module in
        guard let moved = Self.moved(module.target, from: old, to: new) else { return false }
        return !taken.contains(moved) && names.hasFit(moved, for: module)
      }
    }
    guard working.count == 1, !taken.contains(where: { $0.hasPrefix(old) }),
      let lead = Self.lead(of: modules), let new = working.first,
      [lead, old, new].allSatisfy(Self.isPlain)
    else { return nil }
    rule = "^\(Self.escaped(lead + old))=\(lead + new)"
    count = modules.count
  }

  /// The command that renames the adapter at `path`.
  public func command(for path: String) -> String {
    "tenon remap \(shellQuoted(path)) -o \(shellQuoted(Self.renamed(path))) "
      + "--rename '\(rule)'"
  }

  private static func moved(_ target: String, from old: String, to new: String) -> String? {
    target.hasPrefix(old) ? new + target.dropFirst(old.count) : nil
  }

  /// What stands before the module's path in the names of the file; nil where that
  /// is not the same for all.
  private static func lead(of modules: [AdapterModule]) -> String? {
    var lead: String?
    for tensor in modules.lazy.flatMap({ module in module.tensors.map { (module, $0) } }) {
      let (target, name) = (tensor.0.target, tensor.1.record.name)
      let leaf = tensor.1.leaf.name.prefix { $0 != "." }
      guard let range = name.ranges(of: "\(target).\(leaf)").last else { return nil }
      let found = String(name[..<range.lowerBound])
      guard found.isEmpty || found.hasSuffix(".") else { return nil }
      if let lead, lead != found { return nil }
      lead = found
    }
    return lead
  }

  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { byte in
      (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
        || (byte >= 0x61 && byte <= 0x7A) || "._-".utf8.contains(byte)
    }
  }

  private static func escaped(_ text: String) -> String { text.replacing(".", with: "\\.") }

  /// The path with `-renamed` before the ending of a file, or at the end of a
  /// directory's name.
  private static func renamed(_ path: String) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    for ending in [".safetensors", ".bin", ".pt", ".pth", ".ckpt"] where path.hasSuffix(ending) {
      return path.dropLast(ending.count) + "-renamed.safetensors"
    }
    return path + "-renamed"
  }
}
