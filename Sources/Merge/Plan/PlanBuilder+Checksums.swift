import Formats

extension PlanBuilder {
  /// Gives each tensor that goes out as it lies in the file the checksum that the
  /// file states of exactly its bytes. Returns the other checksums of what is used.
  func attachChecksums(to tensors: inout [PlannedTensor]) throws(CheckpointError)
    -> [StoredChecksum]
  {
    var parts = CheckedParts()
    for file in base.files { try parts.add(file) }
    guard !parts.isEmpty else { return [] }
    for index in tensors.indices {
      guard let extents = tensors[index].source.bytes?.extents else { continue }
      for extent in extents where extent.count > 0 {
        guard let part = parts.use(extent) else { continue }
        if parts.isExactly(extent, part), tensors[index].source.plainExtent != nil {
          tensors[index].checksum = parts.take(part)
        }
      }
    }
    return parts.untaken
  }
}

/// The parts of files of which checksums are stated, and which of them are used.
private struct CheckedParts {
  /// By file and first byte, ascending.
  private var files: [FileIdentity: [Part]] = [:]
  private var order: [FileIdentity] = []

  struct Position {
    let file: FileIdentity
    let index: Int
  }

  private struct Part {
    let checksum: StoredChecksum
    var isUsed: Bool
    var isTaken = false
  }

  var isEmpty: Bool { files.values.allSatisfy(\.isEmpty) }

  mutating func add(_ file: InputFile) throws(CheckpointError) {
    guard files[file.identity] == nil else { return }
    order.append(file.identity)
    // What was read to find the tensors is used as well.
    files[file.identity] = try PyTorchReader.storedChecksums(file)
      .map { Part(checksum: $0, isUsed: $0.name.hasSuffix("/data.pkl")) }
      .sorted { $0.checksum.extent.offset < $1.checksum.extent.offset }
  }

  /// The part in which `extent` lies, which is used from now on.
  mutating func use(_ extent: Extent) -> Position? {
    let identity = extent.file.identity
    guard let parts = files[identity] else { return nil }
    var (low, high) = (0, parts.count)
    while low < high {
      let middle = (low + high) / 2
      if parts[middle].checksum.extent.offset > extent.offset {
        high = middle
      } else {
        low = middle + 1
      }
    }
    // The last that begins no later; empty ones begin where the next one does.
    guard low > 0 else { return nil }
    files[identity]?[low - 1].isUsed = true
    return Position(file: identity, index: low - 1)
  }

  func isExactly(_ extent: Extent, _ position: Position) -> Bool {
    guard let checksum = files[position.file]?[position.index].checksum else { return false }
    return checksum.isPlain && checksum.extent.offset == extent.offset
      && checksum.extent.count == extent.count
  }

  /// The checksum of a part, the first time it is asked for.
  mutating func take(_ position: Position) -> StoredChecksum? {
    guard let part = files[position.file]?[position.index], !part.isTaken else { return nil }
    files[position.file]?[position.index].isTaken = true
    return part.checksum
  }

  /// What is used, but by no tensor as a whole.
  var untaken: [StoredChecksum] {
    order.flatMap { files[$0] ?? [] }.filter { $0.isUsed && !$0.isTaken }.map(\.checksum)
  }
}
