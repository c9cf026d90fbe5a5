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
    let own = Parts(of: names, path: checkpoint.path)
    return prefixes.map { prefix in
      let start = "\(prefix).".quoted
      let sentence = "diffusers found no keys that begin with \(start)"
      if own.names.contains(prefix), let fault = own.fault {
        return Finding(
          .error, .prefixDrift, tensors: names,
          "\(sentence): \(fault.text), and nothing of it was loaded", fix: fault.fix)
      }
      if Parts.hasKeys(names, for: prefix) {
        return Finding(
          .warning, .prefixDrift,
          "\(sentence), but \(checkpoint.path.printable) has some for that part: the log is about "
            + "another file, or about an older state of this one")
      }
      guard !own.names.isEmpty else {
        return Finding(
          .error, .prefixDrift,
          "\(sentence), and the adapter's begin with the name of no part of a pipeline, such as "
            + "\"unet.\" or \"transformer.\": nothing of it was loaded")
      }
      let parts = Wording.list(own.names.map { "\($0)." })
      let whose =
        own.fault == nil ? "the adapter's begin with \(parts)" : "the adapter's belong to \(parts)"
      if isDenoiser(prefix), own.names.contains(where: isDenoiser) {
        return Finding(
          .error, .wrongBase, "\(sentence), and \(whose): it belongs to another kind of pipeline")
      }
      return Finding(
        .note, .prefixDrift,
        "\(sentence), and \(whose): it leaves that part alone, of which diffusers warns, and "
          + "nothing is lost")
    }
  }

  /// Whether the part is the one that a pipeline has in any case, under one of two names.
  private static func isDenoiser(_ prefix: String) -> Bool {
    prefix == "unet" || prefix == "transformer"
  }
}

extension UnusedComponents {
  /// The parts of a pipeline that an adapter is for, and why diffusers would not see it.
  fileprivate struct Parts {
    private(set) var names: [String]
    private(set) var fault: (text: String, fix: String)?

    init(of keys: [String], path: String) {
      names = Self.begun(by: keys)
      if !names.isEmpty { return }
      var wrappers: Set<Substring> = []
      let bare = keys.map { key in
        var segments = key.dottedSegments
        wrappers.formUnion(KeyWrappers.strip(&segments))
        return segments.joined(separator: ".")
      }
      names = Self.begun(by: bare)
      if !names.isEmpty {
        fault = (
          "the adapter's have \(Wording.list(wrappers.sorted().map { "\($0)." })) before it",
          FixCommands.remap(path, "--preset strip-wrappers")
        )
      } else if let part = PipelineComponent.shown(by: bare.map { AdapterKey(peft: $0).target }) {
        names = [part.diffusers]
        let lead =
          bare.allSatisfy { $0.hasPrefix("base_model.model.") } ? #"base_model\.model\."# : ""
        fault = (
          "the adapter's are of such modules, but begin with "
            + (lead.isEmpty ? "their paths" : "PEFT's \"base_model.model.\""),
          FixCommands.rename(path, ["^\(lead)=\(part.diffusers)."])
        )
      }
    }

    /// The parts with whose names some of the keys begin.
    private static func begun(by keys: [String]) -> [String] {
      PipelineComponent.table.map(\.diffusers).filter { hasKeys(keys, for: $0) }
    }

    static func hasKeys(_ names: [String], for prefix: String) -> Bool {
      let kohya = PipelineComponent.table.first { $0.diffusers == prefix }?.kohya ?? []
      let starts = ["\(prefix)."] + kohya.map { "\($0)_" }
      return names.contains { name in starts.contains { name.hasPrefix($0) } }
    }
  }
}
