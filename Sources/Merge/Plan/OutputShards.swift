import Formats
import OrderedCollections

/// How the tensors of an output are spread over files, and what the files are
/// called.
struct OutputShards {
  let format: OutputFormat
  /// The name without number and suffix: `model` for a model.
  let stem: String
  /// How the tensors are compressed, if they are.
  let compression: ChunkCompression?
  /// How the output is to be cut.
  enum Cut {
    /// Everything into the one file that the user named.
    case single
    /// One file for each group of tensors, in order.
    case groups([Range<Int>])
    /// Greedy in order, at most this many bytes of tensors in a file.
    case size(Int)
  }

  /// The positions of the tensors of each file.
  let groups: [Range<Int>]
  let names: [String]

  init(
    _ tensors: [PlannedTensor], cut: Cut, stem: String, format: OutputFormat,
    compression: ChunkCompression? = nil
  ) {
    self.format = format
    self.compression = compression
    self.stem = stem
    let suffix = format.fileSuffixes[0]
    groups =
      switch cut {
      case .single: [tensors.indices]
      case .groups(let groups):
        groups.filter { !$0.isEmpty }.isEmpty ? [tensors.indices] : groups.filter { !$0.isEmpty }
      case .size(let limit): Self.greedy(tensors, limit: limit)
      }
    let count = groups.count
    names = groups.indices.map { index in
      count == 1
        ? stem + suffix
        : "\(stem)-\(fiveDigits(index + 1))-of-\(fiveDigits(count))\(suffix)"
    }
  }

  /// A file takes tensors until the next one would exceed the limit; a tensor
  /// that is larger than the limit has a file of its own.
  private static func greedy(_ tensors: [PlannedTensor], limit: Int) -> [Range<Int>] {
    var groups: [Range<Int>] = []
    var start = 0
    var size = 0
    for (position, tensor) in tensors.enumerated() {
      if position > start, size > limit - min(tensor.byteCount, limit) {
        groups.append(start..<position)
        start = position
        size = 0
      }
      size += tensor.byteCount
    }
    if start < tensors.count || groups.isEmpty { groups.append(start..<tensors.count) }
    return groups
  }

  /// Lays out the files and writes the index that several files need; `notes` are
  /// those of the metadata that concern tensors, `documents` go into a single file.
  func files(
    _ tensors: [PlannedTensor], metadata: OrderedDictionary<String, String>,
    notes: OrderedDictionary<String, String> = [:], documents: [HDF5Layout.Document] = []
  ) throws(CheckpointError) -> (files: [PlannedFile], index: MergePlan.Document?) {
    let all = Self.joined(metadata, notes)
    var files: [PlannedFile] = []
    for (group, name) in zip(groups, names) {
      let members = Array(tensors[group])
      let layout = try format.layout(
        members.map(\.outputTensor), metadata: all, documents: documents,
        compression: compression)
      files.append(PlannedFile(name: name, tensors: members, layout: layout).inDataOrder())
    }
    return (files, files.count > 1 ? index(of: files, notes: notes) : nil)
  }

  /// The metadata with the notes where an earlier writer would have put them: among
  /// the rest where that is sorted, else behind it.
  private static func joined(
    _ metadata: OrderedDictionary<String, String>, _ notes: OrderedDictionary<String, String>
  ) -> OrderedDictionary<String, String> {
    guard !notes.isEmpty else { return metadata }
    var rest = metadata
    rest.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    var all = metadata
    var added = notes
    added.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    all.merge(added) { first, _ in first }
    guard rest.keys == metadata.keys else { return all }
    all.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    return all
  }

  /// The index as transformers writes it: sorted, with the bytes of all tensors.
  private func index(of files: [PlannedFile], notes: OrderedDictionary<String, String>)
    -> MergePlan.Document
  {
    var homes: [(name: String, file: String)] = []
    var size = 0
    var parameters = 0
    for file in files {
      // An index lies beside its files.
      let fileName = file.name.split(separator: "/").last.map(String.init) ?? file.name
      for tensor in file.tensors {
        for name in [tensor.nameInFile ?? tensor.name] + tensor.aliases.map(\.name) {
          homes.append((name, fileName))
        }
        size += tensor.byteCount
        parameters += tensor.shape.reduce(1, *)
      }
    }
    homes.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    var writer = JSONWriter(isIndented: true)
    writer.object { writer in
      writer.key("metadata")
      writer.object {
        $0.integer("total_parameters", parameters)
        $0.integer("total_size", size)
        for (key, value) in notes { $0.string(named: key, value) }
      }
      writer.key("weight_map")
      writer.object { for home in homes { $0.string(named: home.name, home.file) } }
    }
    return MergePlan.Document(
      name: "\(stem)\(format.fileSuffixes[0]).index.json", bytes: writer.document())
  }
}

extension PlannedFile {
  /// The same file with its tensors in the order of their data, so that filling
  /// it runs from front to back.
  fileprivate func inDataOrder() -> PlannedFile {
    let order = tensors.indices.sorted { layout.offsets[$0] < layout.offsets[$1] }
    var copy = self
    copy.tensors = order.map { tensors[$0] }
    copy.layout.offsets = order.map { layout.offsets[$0] }
    if !layout.checksumOffsets.isEmpty {
      copy.layout.checksumOffsets = order.map { layout.checksumOffsets[$0] }
    }
    return copy
  }
}

private func fiveDigits(_ number: Int) -> String {
  let digits = String(number)
  return String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
}
