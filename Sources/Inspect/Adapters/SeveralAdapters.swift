import Formats
import OrderedCollections

/// Several adapters of one model in a file, of which a merge takes one.
struct SeveralAdapters {
  private let adapters: [Substring]
  /// The keys of all but the first.
  private let others: [String]
  private let path: String

  init(_ adapters: [Substring], _ others: [String], path: String) {
    self.adapters = adapters
    self.others = others
    self.path = path
  }

  var findings: [Finding] {
    guard !others.isEmpty else { return [] }
    var list = adapters.prefix(5).map { String($0).quoted }.joined(separator: ", ")
    if adapters.count > 5 { list += ", …" }
    return [
      Finding(
        .error, .unmergeable, tensors: others,
        "the file holds \(adapters.count) adapters, \(list); expected one", fix: split)
    ]
  }

  /// The command that leaves the first adapter, and the base where the file holds it.
  private var split: String {
    let output = FixCommands.renamed(path, adding: "-\(adapters[0])")
    let globs = OrderedSet(others.map(glob)).map { "--exclude \(shellWord($0))" }
    return "tenon remap \(shellQuoted(path)) -o \(shellQuoted(output)) "
      + globs.joined(separator: " ")
  }

  /// What stands for a key and others of its adapter: the segment before the adapter's
  /// name tells it from parts of paths.
  private func glob(of key: String) -> String {
    let segments = key.dottedSegments
    guard
      let name = segments.indices.dropFirst().last(where: { adapters.contains(segments[$0]) })
    else { return key }
    let isLast = name == segments.count - 1
    return "**.\(segments[name - 1]).\(segments[name])\(isLast ? "" : ".**")"
  }
}
