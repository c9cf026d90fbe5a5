import Formats

/// The warnings of diffusers that an adapter has no keys for a part of the pipeline.
///
/// It says so of every part that the adapter leaves alone, which is harmless; the prefix that
/// it names shows whether it is.
enum UnusedComponents {
  static let mark = "found with the prefix='"

  /// The prefixes that such warnings name, each once.
  static func prefixes(in text: String) -> [String] {
    var prefixes: [String] = []
    var rest = text[...]
    while let range = rest.firstRange(of: mark) {
      let isWarning = rest[..<range.lowerBound].suffix(200).contains("No LoRA keys associated to")
      rest = rest[range.upperBound...]
      guard isWarning, let end = rest.prefix(100).firstIndex(of: "'") else { continue }
      let prefix = String(rest[..<end])
      if !prefixes.contains(prefix) { prefixes.append(prefix) }
    }
    return prefixes
  }

  static func findings(_ prefixes: [String], _ checkpoint: Checkpoint) -> [Finding] {
    let names = checkpoint.records.map(\.name)
    let own = PipelineComponent.table.map(\.diffusers).filter { hasKeys(names, for: $0) }
    return prefixes.map { prefix in
      let start = "\(prefix).".quoted
      let sentence = "diffusers found no keys that begin with \(start)"
      if hasKeys(names, for: prefix) {
        return Finding(
          .warning, .prefixDrift,
          "\(sentence), but \(checkpoint.path.printable) has some for that part: the log is about "
            + "another file, or about an older state of this one")
      }
      guard !own.isEmpty else {
        return Finding(
          .error, .prefixDrift,
          "\(sentence), and the adapter's begin with the name of no part of a pipeline, such as "
            + "\"unet.\" or \"transformer.\": nothing of it was loaded")
      }
      let parts = Wording.list(own.map { "\($0)." })
      if isDenoiser(prefix), own.contains(where: isDenoiser) {
        return Finding(
          .error, .wrongBase,
          "\(sentence), and the adapter's begin with \(parts): it belongs to another kind of pipeline"
        )
      }
      return Finding(
        .note, .prefixDrift,
        "\(sentence), and the adapter's begin with \(parts): it leaves that part alone, of which "
          + "diffusers warns, and nothing is lost")
    }
  }

  /// Whether the part is the one that a pipeline has in any case, under one of two names.
  private static func isDenoiser(_ prefix: String) -> Bool {
    prefix == "unet" || prefix == "transformer"
  }

  private static func hasKeys(_ names: [String], for prefix: String) -> Bool {
    let kohya = PipelineComponent.table.first { $0.diffusers == prefix }?.kohya ?? []
    let starts = ["\(prefix)."] + kohya.map { "\($0)_" }
    return names.contains { name in starts.contains { name.hasPrefix($0) } }
  }
}
