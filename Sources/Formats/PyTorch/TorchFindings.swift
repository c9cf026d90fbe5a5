/// What is to be said of a torch file beside its tensors.
struct TorchFindings {
  /// The names that a message gives before it only counts.
  private static let shownNames = 8
  private static let shownGroups = 20

  /// The globals of several pickles, each once, in order.
  static func globals(_ globals: [TorchGlobal]) -> [GlobalUse] {
    var seen: Set<String> = []
    return globals.compactMap { global in
      guard seen.insert(global.name).inserted else { return nil }
      return GlobalUse(name: global.name, hazard: global.hazard)
    }
  }

  /// One finding for the dangerous globals and one for the unknown ones.
  static func unsafeGlobals(_ globals: [GlobalUse]) -> [Finding] {
    var findings: [Finding] = []
    for (hazard, severity, verb, verbOfMany, words) in [
      (GlobalHazard.dangerous, Finding.Severity.error, "can", "can", "run code"),
      (.unknown, .warning, "is", "are", "not known to be harmless"),
    ] {
      let names = globals.filter { $0.hazard == hazard }.map(\.name)
      guard !names.isEmpty else { continue }
      let subject = names.count == 1 ? "a global that \(verb)" : "globals that \(verbOfMany)"
      findings.append(
        Finding(
          severity, .unsafeGlobal,
          "the pickle names \(subject) \(words) when Python loads the file: \(shortList(names))"))
    }
    return findings
  }

  /// The note for globals that are harmless, but refused by torch.load unless the
  /// caller turns `weights_only` off.
  static func refusedGlobals(_ globals: [GlobalUse]) -> Finding? {
    let names = globals.filter { $0.hazard == .harmless && !WeightsOnly.allows($0.name) }
      .map(\.name)
    guard !names.isEmpty else { return nil }
    return Finding(
      .note, .unsafeGlobal,
      "torch.load refuses the file unless weights_only is False, though these globals that the pickle "
        + "names are harmless: \(shortList(names))")
  }

  /// The finding for texts that hold halves of UTF-16 pairs.
  static func surrogates(_ count: Int) -> Finding? {
    guard count > 0 else { return nil }
    return Finding(
      .warning, .nameEncoding,
      (count == 1 ? "a text of the pickle holds" : "\(count) texts of the pickle hold")
        + " surrogates, which UTF-8 has no bytes for; they are shown as \\udc80 and the like")
  }

  /// One finding that lists the groups of tensors that share bytes.
  static func sharedStorages(_ contents: TorchContents) -> Finding? {
    let records = contents.records
    let groups = contents.positionsByStorage.values.filter { $0.count > 1 }
      .flatMap { sharing($0, in: records) }
      .sorted { $0[0] < $1[0] }
    guard !groups.isEmpty else { return nil }
    let shown = groups.prefix(shownGroups).map { group in
      shortList(group.map { records[$0].name.quoted }, separator: " = ")
    }
    let more = groups.count > shown.count ? "; and \(groups.count - shown.count) more" : ""
    return Finding(
      .note, .sharedStorage, tensors: groups.flatMap { $0.map { records[$0].name } },
      (groups.count == 1
        ? "a group of tensors shares" : "\(groups.count) groups of tensors share")
        + " bytes of one storage: " + shown.joined(separator: "; ") + more)
  }

  /// The groups among tensors of one storage whose byte ranges touch.
  private static func sharing(_ positions: [Int], in records: [TensorRecord]) -> [[Int]] {
    let ranges = positions.compactMap { position -> (position: Int, range: Range<Int>)? in
      guard let range = records[position].fileRange, !range.isEmpty else { return nil }
      return (position, range)
    }
    var groups: [[Int]] = []
    var end = Int.min
    for (position, range) in ranges.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      if range.lowerBound < end {
        groups[groups.count - 1].append(position)
      } else {
        groups.append([position])
      }
      end = max(end, range.upperBound)
    }
    return groups.filter { $0.count > 1 }.map { $0.sorted() }
  }

  /// `1 byte follows`, `8 bytes follow`.
  static func bytes(_ count: Int) -> String {
    count == 1 ? "1 byte follows" : "\(count) bytes follow"
  }

  static func shortList(_ names: [String], separator: String = ", ") -> String {
    let shown = names.prefix(shownNames).map(\.printable)
    let more = names.count > shown.count ? " and \(names.count - shown.count) more" : ""
    return shown.joined(separator: separator) + more
  }
}

extension TensorRecord {
  /// The bytes of the storage that the tensor spans, counted from some place
  /// that is the same for all tensors of the storage.
  fileprivate var fileRange: Range<Int>? {
    guard let bytes, let first = bytes.extents.first else { return nil }
    guard type.bitWidth % 8 == 0, bytes.view != nil else {
      return first.offset..<first.offset + bytes.storageByteCount
    }
    let range = touchedBytes(of: bytes)
    return first.offset + range.lowerBound..<first.offset + range.upperBound
  }
}
