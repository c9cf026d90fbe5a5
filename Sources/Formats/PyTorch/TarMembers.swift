/// The members of a tar archive by name: where their data is.
struct TarMembers {
  static let maximumCount = 64
  private static let blockSize = 512

  private let path: String
  private var ranges: [String: Range<Int>] = [:]

  init(_ file: InputFile) throws(CheckpointError) {
    path = file.path
    var position = 0
    while position <= file.size - Self.blockSize, ranges.count < Self.maximumCount {
      let header = try file.read(Self.blockSize, at: position)
      if header.allSatisfy({ $0 == 0 }) { break }
      let field = header[124..<136].drop { $0 == 0x20 }.prefix { $0 >= 0x30 && $0 <= 0x37 }
      let data = position + Self.blockSize
      guard let size = Int(String(decoding: field, as: UTF8.self), radix: 8),
        size <= file.size - data
      else {
        throw CheckpointError(
          offset: position, "the tar header here claims more bytes than the file has")
      }
      var name = String(decoding: header[..<100].prefix { $0 != 0 }, as: UTF8.self)
      if name.hasPrefix("./") { name.removeFirst(2) }
      guard ranges.updateValue(data..<data + size, forKey: name) == nil || name.isEmpty else {
        throw CheckpointError(
          offset: position, "the tar archive has two members named \(name.quoted)")
      }
      // Cannot overflow: the size is that of a part of the file.
      position = data + (size + Self.blockSize - 1) / Self.blockSize * Self.blockSize
    }
  }

  /// Where the members are that have none of these names, in the order of the file.
  func all(except names: Set<String> = []) -> [Range<Int>] {
    ranges.filter { !names.contains($0.key) }.values.sorted { $0.lowerBound < $1.lowerBound }
  }

  subscript(name: String) -> Range<Int> {
    get throws(CheckpointError) {
      guard let range = ranges[name] else {
        throw CheckpointError(
          path: path,
          "the tar archive has no member \(name.quoted); it is not a PyTorch checkpoint")
      }
      return range
    }
  }
}
