import Compute
import OrderedCollections

/// Reads the header of a safetensors file, as strictly as its rules allow.
///
/// The container is an unsigned 64-bit length N, N bytes of JSON, and the data,
/// which the tensors must cover without a hole or an overlap. Beyond the checks
/// of the reference reader, duplicate names (compared after undoing escapes)
/// and a `dtype` that is no string are refused.
public enum SafetensorsReader {
  /// The longest header, which is the limit of the reference implementation.
  public static let maximumHeaderByteCount = 100_000_000

  /// Reads the header of `file`.
  public static func read(_ file: InputFile) throws(CheckpointError) -> TensorFile {
    do {
      return try parse(file)
    } catch {
      throw error.with(path: file.path)
    }
  }

  private static func parse(_ file: InputFile) throws(CheckpointError) -> TensorFile {
    guard file.size >= 8 else {
      throw CheckpointError(
        "has \(file.size) bytes, but a safetensors file starts with 8 bytes that give the length of its header"
      )
    }
    var cursor = ByteCursor(try file.read(8, at: 0))
    let length = try cursor.uint64("the header length")
    guard length <= maximumHeaderByteCount else {
      throw CheckpointError(
        offset: 0,
        "the header claims \(length) bytes; at most \(maximumHeaderByteCount) are allowed")
    }
    guard Int(length) <= file.size - 8 else {
      throw CheckpointError(
        offset: 0,
        "the header claims \(length) bytes, but only \(file.size - 8) follow; the file is cut off")
    }
    let dataStart = 8 + Int(length)
    var header = SafetensorsHeader(dataByteCount: file.size - dataStart)
    try header.parse(try file.read(Int(length), at: 8), base: 8)
    try header.checkTiling()
    let records = header.entries.map { entry in
      TensorRecord(
        name: entry.name, type: .element(entry.type), shape: entry.shape,
        bytes: TensorBytes(extents: [
          Extent(file: file, offset: dataStart + entry.begin, count: entry.end - entry.begin)
        ]))
    }
    var result = TensorFile(
      format: .safetensors, records: records, metadata: header.metadata)
    result.statesMetadata = true
    return result
  }
}

/// The header of a safetensors file while it is read.
struct SafetensorsHeader {
  struct Entry {
    var name: String
    var type: ElementType
    var shape: [Int]
    /// The range of its bytes in the data section.
    var begin: Int
    var end: Int
    /// Where its key stands in the file, for messages.
    var offset: Int
  }

  let dataByteCount: Int
  var entries: [Entry] = []
  var metadata: OrderedDictionary<String, String> = [:]

  init(dataByteCount: Int) { self.dataByteCount = dataByteCount }

  /// Reads the JSON text, whose first byte lies at `base` in the file.
  mutating func parse(_ bytes: [UInt8], base: Int) throws(CheckpointError) {
    var scanner = JSONScanner(bytes, base: base)
    // Room for names of usual length: growing hashes everything again.
    let expected = bytes.count / 96
    var names = Set<ExactName>(minimumCapacity: expected)
    var entries: [Entry] = []
    entries.reserveCapacity(expected)
    var metadata: OrderedDictionary<String, String>?
    try scanner.object("the header, a JSON object,") {
      (scanner, key, offset) throws(CheckpointError) in
      if key == "__metadata__" {
        guard metadata == nil else { throw Self.duplicate(key, at: offset) }
        metadata = try Self.metadata(from: &scanner)
        return
      }
      guard names.insert(ExactName(key)).inserted else { throw Self.duplicate(key, at: offset) }
      do throws(CheckpointError) {
        entries.append(try Self.entry(key, at: offset, from: &scanner))
      } catch {
        throw error.with(tensor: key)
      }
    }
    try scanner.expectEnd()
    self.entries = entries
    self.metadata = metadata ?? [:]
  }

  private static func duplicate(_ key: String, at offset: Int) -> CheckpointError {
    CheckpointError(offset: offset, "the header holds the name \(key.quoted) twice")
  }

  private static func metadata(from scanner: inout JSONScanner) throws(CheckpointError)
    -> OrderedDictionary<String, String>
  {
    if scanner.consume(word: "null") { return [:] }
    var metadata: OrderedDictionary<String, String> = [:]
    try scanner.object("__metadata__, an object of strings,") {
      (scanner, key, offset) throws(CheckpointError) in
      let value = try scanner.string("the value of __metadata__ \(key.quoted)")
      guard metadata.updateValue(value, forKey: key) == nil else {
        throw CheckpointError(offset: offset, "__metadata__ holds the key \(key.quoted) twice")
      }
    }
    return metadata
  }

  /// Reads the object that describes one tensor.
  private static func entry(_ name: String, at offset: Int, from scanner: inout JSONScanner)
    throws(CheckpointError) -> Entry
  {
    var type: ElementType?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.object("the description of a tensor, an object,") {
      (scanner, key, offset) throws(CheckpointError) in
      switch key {
      case "dtype":
        guard type == nil else { throw duplicate(key, at: offset) }
        let text = try scanner.string("dtype")
        guard let known = ElementType(name: text) else {
          throw CheckpointError(
            offset: offset, "dtype \(text.quoted) is none of the 22 types of safetensors")
        }
        type = known
      case "shape":
        guard shape == nil else { throw duplicate(key, at: offset) }
        shape = try counts("shape", from: &scanner)
      case "data_offsets":
        guard offsets == nil else { throw duplicate(key, at: offset) }
        let found = try counts("data_offsets", from: &scanner)
        guard found.count == 2 else {
          throw CheckpointError(
            offset: offset, "data_offsets holds \(found.count) numbers; expected 2")
        }
        offsets = found
      default: try scanner.skipValue(depth: 3)
      }
    }
    guard let type else { throw CheckpointError(offset: offset, "has no dtype") }
    guard let shape else { throw CheckpointError(offset: offset, "has no shape") }
    guard let offsets else { throw CheckpointError(offset: offset, "has no data_offsets") }
    let entry = Entry(
      name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1], offset: offset)
    try check(entry)
    return entry
  }

  private static func counts(_ what: String, from scanner: inout JSONScanner)
    throws(CheckpointError) -> [Int]
  {
    var counts: [Int] = []
    try scanner.array("\(what), an array,") { (scanner) throws(CheckpointError) in
      counts.append(try scanner.count("a number in \(what)"))
    }
    return counts
  }

  /// Checks that shape, type and offsets of one tensor agree.
  private static func check(_ entry: Entry) throws(CheckpointError) {
    guard entry.begin <= entry.end else {
      throw CheckpointError(
        offset: entry.offset,
        "data_offsets end before they begin: \(entry.begin) to \(entry.end)")
    }
    guard let elementCount = product(of: entry.shape) else {
      throw CheckpointError(
        offset: entry.offset, "the size of shape \(entry.shape) does not fit into 63 bits")
    }
    guard let byteCount = entry.type.byteCount(of: elementCount) else {
      let bits = entry.type.bitWidth
      throw CheckpointError(
        offset: entry.offset,
        bits % 8 == 0
          ? "the size of \(entry.type.name) \(entry.shape) does not fit into 63 bits"
          : "\(entry.type.name) \(entry.shape) has \(elementCount) elements of \(bits) bits, which is no whole number of bytes"
      )
    }
    guard byteCount == entry.end - entry.begin else {
      throw CheckpointError(
        offset: entry.offset,
        "data_offsets \(entry.begin)..<\(entry.end) hold \(entry.end - entry.begin) bytes, but \(entry.type.name) \(entry.shape) needs \(byteCount)"
      )
    }
  }

  /// Checks that the tensors cover the data section, each byte exactly once.
  func checkTiling() throws(CheckpointError) {
    var cursor = 0
    for entry in inOffsetOrder() {
      guard entry.begin == cursor else {
        throw CheckpointError(
          offset: entry.offset, tensor: entry.name,
          entry.begin < cursor
            ? "its data begins at \(entry.begin), inside another tensor, which ends at \(cursor)"
            : "its data begins at \(entry.begin), but the tensor before it ends at \(cursor); no tensor covers the bytes between"
        )
      }
      cursor = entry.end
    }
    guard cursor == dataByteCount else {
      throw CheckpointError(
        cursor > dataByteCount
          ? "the tensors need \(cursor) bytes of data, but the file has only \(dataByteCount); it is cut off"
          : "the tensors need \(cursor) bytes of data, but the file has \(dataByteCount); \(dataByteCount - cursor) bytes at its end belong to no tensor"
      )
    }
  }

  private func inOffsetOrder() -> [Entry] {
    let isSorted = zip(entries, entries.dropFirst()).allSatisfy {
      ($0.begin, $0.end) <= ($1.begin, $1.end)
    }
    return isSorted ? entries : entries.sorted { ($0.begin, $0.end) < ($1.begin, $1.end) }
  }
}

/// The product of the sizes, or nil where it does not fit into an `Int` when
/// multiplied from left to right, as the reference reader does.
func product(of sizes: [Int]) -> Int? {
  var product = 1
  for size in sizes {
    let (next, overflow) = product.multipliedReportingOverflow(by: size)
    if overflow { return nil }
    product = next
  }
  return product
}
