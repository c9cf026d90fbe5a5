extension TorchArchive {
  /// Where local headers disagree with the central directory, and data records
  /// that no storage of the pickle names.
  func findings(_ pickle: Pickle) -> [Finding] {
    var findings: [Finding] = []
    if let disagreement = archive.disagreement { findings.append(disagreement) }
    let rest = self.pickle.size - (pickle.end - pickleBase)
    if rest > 0 {
      findings.append(
        Finding(
          .warning, .trailingData,
          "\(TorchFindings.bytes(rest)) the end of the pickle in \(self.pickle.name.quoted)"))
    }
    return findings + unusedRecords(pickle)
  }

  /// The globals of pickles that lie behind the pickle or in other records, where
  /// a program that reads more than torch does would find them.
  func hiddenGlobals(_ pickle: Pickle) -> [TorchGlobal] {
    var globals: [TorchGlobal] = []
    var rest = pickle.bytes[(pickle.end - pickleBase)...].prefix(Self.maximumHiddenSize)
    for _ in 0..<Self.maximumHiddenPickles where !rest.isEmpty {
      let found = PickleMachine.survey(PickleSource(Array(rest), base: 0))
      globals += found.globals
      guard let end = found.end else { break }
      rest = rest.dropFirst(end)
    }
    let others = archive.entries.filter { entry in
      entry.name != self.pickle.name && entry.name.asciiLowercased.hasSuffix(".pkl")
    }
    for entry in others.prefix(Self.maximumHiddenPickles) {
      guard let bytes = try? entry.contents(limit: Self.maximumHiddenSize) else {
        continue
      }
      globals += PickleMachine.survey(PickleSource(bytes, base: 0)).globals
    }
    return globals
  }

  private func unusedRecords(_ pickle: Pickle) -> [Finding] {
    var used = Set<String>(minimumCapacity: pickle.persistents.count)
    for node in pickle.persistents {
      if let key = (try? pickle.storage(node))?.key { used.insert(key.asciiLowercased) }
    }
    let directory = (prefix + "data/").asciiLowercased
    let unused = archive.entries.filter { entry in
      let name = entry.name.asciiLowercased
      return !entry.isDirectory && name.hasPrefix(directory)
        && !used.contains(String(name.dropFirst(directory.count)))
    }
    guard !unused.isEmpty else { return [] }
    let names = TorchFindings.shortList(unused.map(\.name))
    let records = unused.count == 1 ? "a data record" : "\(unused.count) data records"
    return [Finding(.note, .archiveMismatch, "\(records) that no tensor uses: \(names)")]
  }
}

extension ZipArchive {
  /// One finding for all local headers that disagree with the central directory.
  ///
  /// An error, as another program may read other data out of the same file.
  var disagreement: Finding? {
    let disagreeing = entries.filter { $0.disagreement != nil }
    guard let first = disagreeing.first, let disagreement = first.disagreement else { return nil }
    let more = disagreeing.count > 1 ? " (and \(disagreeing.count - 1) more entries)" : ""
    return Finding(
      .error, .archiveMismatch,
      "zip entry \(first.name.quoted): \(disagreement); the central directory is believed\(more)")
  }
}
