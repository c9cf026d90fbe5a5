import Compute
import OrderedCollections

/// The header of a safetensors file while it is read.
struct SafetensorsHeader {
  /// What a record does not tell of its tensor.
  struct Place {
    /// The range of its bytes in the data section.
    let begin: Int
    let end: Int
    /// Where its key stands in the file, for messages.
    let key: Int
  }

  let file: InputFile
  /// The position in the file of the data section.
  let dataStart: Int
  private(set) var records: [TensorRecord] = []
  private(set) var metadata: OrderedDictionary<String, String> = [:]
  /// The places of `records`.
  private(set) var places: [Place] = []
  private var shapes = ShapePool()

  init(file: InputFile, dataStart: Int) {
    self.file = file
    self.dataStart = dataStart
  }

  /// Reads the JSON text, whose first byte lies at `base` in the file.
  mutating func parse(_ bytes: [UInt8], base: Int) throws(CheckpointError) {
    var scanner = JSONScanner(bytes, base: base)
    // Room for names of usual length: growing would move everything again.
    records.reserveCapacity(bytes.count / 96)
    places.reserveCapacity(bytes.count / 96)
    do throws(CheckpointError) {
      try members(from: &scanner)
      try scanner.expectEnd()
    } catch {
      // A name that came twice before is the first fault.
      try checkNames()
      throw error
    }
    try checkNames()
  }

  private mutating func members(from scanner: inout JSONScanner) throws(CheckpointError) {
    var metadata: OrderedDictionary<String, String>?
    try scanner.object("the header, a JSON object,") {
      (scanner, key, offset) throws(CheckpointError) in
      if key == "__metadata__" {
        guard metadata == nil else { throw Self.duplicate(key, at: offset) }
        metadata = try Self.metadata(from: &scanner)
        return
      }
      do throws(CheckpointError) {
        try tensor(key, at: offset, from: &scanner)
      } catch {
        let isRepeated = records.contains { ExactName($0.name) == ExactName(key) }
        throw isRepeated ? Self.duplicate(key, at: offset) : error.with(tensor: key)
      }
    }
    self.metadata = metadata ?? [:]
  }

  private func checkNames() throws(CheckpointError) {
    guard let position = firstRepeatedName(in: records) else { return }
    throw Self.duplicate(records[position].name, at: places[position].key)
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

  /// What the description of a tensor consists of.
  private enum Field: String, CaseIterable {
    case dtype, shape
    case offsets = "data_offsets"
  }

  /// Reads the object that describes one tensor.
  private mutating func tensor(
    _ name: String, at key: Int, from scanner: inout JSONScanner
  ) throws(CheckpointError) {
    var type: ElementType?
    var shape: [Int]?
    var range: (begin: Int, end: Int)?
    try scanner.object("the description of a tensor, an object,", keys: Field.self) {
      (scanner, field, offset) throws(CheckpointError) in
      switch field {
      case .dtype:
        guard type == nil else { throw Self.duplicate(Field.dtype.rawValue, at: offset) }
        type = try Self.type(at: offset, from: &scanner)
      case .shape:
        guard shape == nil else { throw Self.duplicate(Field.shape.rawValue, at: offset) }
        shape = try shapes.next(from: &scanner)
      case .offsets:
        guard range == nil else { throw Self.duplicate(Field.offsets.rawValue, at: offset) }
        range = try Self.range(at: offset, from: &scanner)
      case nil: try scanner.skipValue(depth: 3)
      }
    }
    guard let type else { throw CheckpointError(offset: key, "has no dtype") }
    guard let shape else { throw CheckpointError(offset: key, "has no shape") }
    guard let range else { throw CheckpointError(offset: key, "has no data_offsets") }
    let place = Place(begin: range.begin, end: range.end, key: key)
    try place.check(type, shape)
    let extent = Extent(
      file: file, offset: dataStart + place.begin, count: place.end - place.begin)
    records.append(
      TensorRecord(name: name, type: .element(type), shape: shape, bytes: TensorBytes(extent)))
    places.append(place)
  }

  private static func type(at offset: Int, from scanner: inout JSONScanner)
    throws(CheckpointError) -> ElementType
  {
    let text = try scanner.string("dtype")
    guard let type = ElementType(name: text) else {
      throw CheckpointError(
        offset: offset, "dtype \(text.quoted) is none of the 22 types of safetensors")
    }
    return type
  }

  private static func range(at offset: Int, from scanner: inout JSONScanner)
    throws(CheckpointError) -> (begin: Int, end: Int)
  {
    var range = (begin: 0, end: 0)
    var count = 0
    try scanner.array("data_offsets, an array,") { (scanner) throws(CheckpointError) in
      let number = try scanner.count("a number in data_offsets")
      range = count == 0 ? (number, 0) : (range.begin, number)
      count += 1
    }
    guard count == 2 else {
      throw CheckpointError(offset: offset, "data_offsets holds \(count) numbers; expected 2")
    }
    return range
  }
}

/// The shapes of a header, each held once however many tensors have it in turn.
private struct ShapePool {
  private var last: [Int] = []
  private var sizes: [Int] = []

  /// Reads the shape that is next.
  mutating func next(from scanner: inout JSONScanner) throws(CheckpointError) -> [Int] {
    sizes.removeAll(keepingCapacity: true)
    try scanner.array("shape, an array,") { (scanner) throws(CheckpointError) in
      sizes.append(try scanner.count("a number in shape"))
    }
    // A copy has room for no more than it holds.
    if sizes != last { last = Array(sizes[...]) }
    return last
  }
}
