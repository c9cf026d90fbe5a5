import Formats
import OrderedCollections

/// The files of an output.
extension PlanBuilder {
  typealias Files = (files: [PlannedFile], indexes: [MergePlan.Document])

  /// Lays out all tensors; the models of a pipeline each in a directory of its own. A
  /// single file has the `documents` within it.
  func files(
    of tensors: [PlannedTensor], _ names: OutputNames, documents: [HDF5Layout.Document]
  ) throws(CheckpointError) -> Files {
    guard base.components.isEmpty else { return try filesOfComponents(tensors, names) }
    let shards = OutputShards(
      tensors, cut: cut(tensors, of: base.shards), stem: names.stem, format: options.format,
      compression: options.compression)
    let (files, index) = try layout(
      shards, tensors, notes: sharing.notes,
      documents: documents)
    return (files, index.map { [$0] } ?? [])
  }

  /// The side files that go into a single file whose format has a place for them, some of
  /// them `changed`, and a note on those that are too large.
  func carried(_ files: [SideFile], changed: [MergePlan.Document])
    throws(CheckpointError) -> (documents: [HDF5Layout.Document], findings: [Finding])
  {
    guard options.isSingleFile, options.format.carriesDocuments else { return ([], []) }
    let made = changed + (isAdapter ? [adapterConfiguration].compactMap(\.self) : [])
    var documents = made.map { HDF5Layout.Document(name: $0.name, bytes: $0.bytes) }
    var left: [String] = []
    var unnamed: [String] = []
    for side in files where !made.contains(where: { $0.name == side.name }) {
      guard SideFile.isCarried(side.name) else {
        unnamed.append(side.name.quoted)
        continue
      }
      let file = try InputFile(path: side.path)
      guard file.size <= HDF5Layout.maximumDocumentByteCount else {
        left.append("\(side.name.printable) (\(file.size) bytes)")
        continue
      }
      let bytes = try file.readAll(limit: HDF5Layout.maximumDocumentByteCount)
      documents.append(HDF5Layout.Document(name: side.name, bytes: bytes))
    }
    documents.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    return (
      documents,
      Self.note(
        left, "has at most \(HDF5Layout.maximumDocumentByteCount) bytes")
        + Self.note(unnamed, "has a plain name, which is not that of other weights")
    )
  }

  /// A note on files that are left out, with what is true of those that are not.
  private static func note(_ files: [String], _ rule: String) -> [Finding] {
    guard !files.isEmpty else { return [] }
    return [
      Finding(
        .note, .missingSideFile,
        "\(files.joined(separator: ", ")) \(files.count == 1 ? "is" : "are") not carried along: a "
          + "file within the output \(rule); name a directory to have everything copied")
    ]
  }

  private func filesOfComponents(_ tensors: [PlannedTensor], _ names: OutputNames)
    throws(CheckpointError) -> Files
  {
    guard !options.isSingleFile else {
      throw CheckpointError(
        path: base.path,
        "is a pipeline of \(base.components.count) models, which have files of their own; "
          + "expected a directory as output",
        fix: "name an output without suffix, or one of the models: "
          + shellQuoted("\(base.path)/\(base.components[0])"))
    }
    var all: Files = ([], [])
    for component in base.components {
      let shards = base.shards.filter { $0.name.hasPrefix(component + "/") }
      guard let first = shards.first, let last = shards.last else { continue }
      let start = tensors.partitioningIndex { $0.order >= first.records.lowerBound }
      let end = tensors.partitioningIndex { $0.order >= last.records.upperBound }
      let members = tensors[start..<end].map { tensor in
        var member = tensor
        let lead = component.utf8.count + 1
        member.nameInFile = tensor.name.dropping(lead)
        for index in member.aliases.indices {
          member.aliases[index].name = member.aliases[index].name.dropping(lead)
        }
        return member
      }
      if members.isEmpty { continue }
      let (files, index) = try layout(
        OutputShards(
          members, cut: cut(members, of: shards), stem: names.stem(in: component + "/"),
          format: options.format, compression: options.compression), members,
        notes: notes(of: component))
      all.files += files
      all.indexes += index.map { [$0] } ?? []
    }
    return all
  }

  /// The notes on shared data in one model of a pipeline.
  private func notes(of component: String) -> OrderedDictionary<String, String> {
    let lead = component.utf8.count + 1
    var notes = OrderedDictionary<String, String>()
    for (dropped, kept) in sharing.notes
    where dropped.hasPrefix(component + ".") && kept.hasPrefix(component + ".") {
      notes[dropped.dropping(lead)] = kept.dropping(lead)
    }
    return notes
  }
}

extension String {
  fileprivate func dropping(_ byteCount: Int) -> String {
    String(decoding: utf8.dropFirst(byteCount), as: UTF8.self)
  }
}

extension [PlannedTensor] {
  /// The position of the first tensor for which `isBehind` holds, if it holds for
  /// all that follow.
  func partitioningIndex(_ isBehind: (PlannedTensor) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
