/// What the first bytes of a file say that it is. Suffixes are never asked.
enum Recognition {
  case safetensors
  case pytorch
  case hdf5
  /// A JSON text, perhaps an index of shards.
  case json
  /// A well-known format that is not read here, by name, and what would help.
  case foreign(String, fix: String?)
  case unknown

  private static let lfsPointer = Array("version https://".utf8)

  /// Formats that Tenon does not read, by their first bytes.
  private static let foreignSignatures: [(bytes: [UInt8], name: String)] = [
    (Array("GGUF".utf8), "a GGUF file"),
    ([0x93] + Array("NUMPY".utf8), "a NumPy array file"),
    ([0x1F, 0x8B], "a gzip archive"),
    ([0x28, 0xB5, 0x2F, 0xFD], "a Zstandard archive"),
    (Array("7z".utf8) + [0xBC, 0xAF, 0x27, 0x1C], "a 7-Zip archive"),
    (lfsPointer, "a Git LFS pointer, not the file itself"),
  ]

  /// Whether the bytes are a plausible length and the start of a JSON object.
  ///
  /// Asked first: the length can begin like the signature of another format.
  private static func isHeader(_ head: [UInt8], of file: InputFile) -> Bool {
    guard head.count > 8, head[4..<8].allSatisfy({ $0 == 0 }) else { return false }
    let length = head[0..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
    let opening = head[8...].first { !" \t\r\n".utf8.contains($0) }
    return length <= file.size - 8 && (opening == UInt8(ascii: "{"))
  }

  static func of(_ file: InputFile) throws(CheckpointError) -> Recognition {
    let head = try file.read(min(PyTorchReader.headSize, file.size), at: 0)
    if isHeader(head, of: file) { return .safetensors }
    if head.starts(with: hdf5Signature) { return .hdf5 }
    if let foreign = foreignSignatures.first(where: { head.starts(with: $0.bytes) }) {
      return .foreign(
        foreign.name, fix: foreign.bytes == lfsPointer ? "git lfs pull" : nil)
    }
    let form = PyTorchReader.form(ofHead: head)
    if let form, form != .pickle { return .pytorch }
    // Before what zeros may mean: the user's block is mostly left empty.
    if try offsetOfHDF5(in: file) != nil { return .hdf5 }
    // A header length below 2^32 leaves zero bytes that no text has. Its low
    // bytes can look like the start of a pickle.
    if head.count >= 8, head[4..<8].allSatisfy({ $0 == 0 }) { return .safetensors }
    if form == .pickle { return .pytorch }
    let text = head.first { !" \t\r\n".utf8.contains($0) }
    if text == UInt8(ascii: "{") || text == UInt8(ascii: "[") { return .json }
    // A header that claims too much is better explained as what it tries to be.
    if head.count >= 9, head[8] == UInt8(ascii: "{") { return .safetensors }
    return .unknown
  }

  private static let hdf5Signature = [0x89] + Array("HDF\r\n".utf8) + [0x1A, 0x0A]

  /// Where HDF5 begins, perhaps behind a block of the user's own, of 512 bytes or a power
  /// of two times as many; nil for another format.
  static func offsetOfHDF5(in file: InputFile) throws(CheckpointError) -> Int? {
    var offset = 0
    while offset <= file.size - hdf5Signature.count {
      if try file.read(hdf5Signature.count, at: offset) == hdf5Signature { return offset }
      let (next, overflow) = max(256, offset).multipliedReportingOverflow(by: 2)
      if overflow { break }
      offset = next
    }
    return nil
  }
}
