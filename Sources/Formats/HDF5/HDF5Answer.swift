/// Decodes the helper's answer, which is taken for as hostile as the file.
///
/// It is a row of records: a byte that says what it is, a length of eight bytes, and so
/// many bytes. The first names the version, the last the number of those before it.
struct HDF5Answer {
  static let version: UInt32 = 2
  /// HDF5's own limit of axes.
  static let maximumRank = 32
  private static let maximumTypeDepth = 16

  private(set) var index = HDF5Index()
  /// The positions of the datasets by address.
  private var addresses: [UInt64: Int] = [:]

  init(_ bytes: [UInt8]) throws(CheckpointError) {
    do throws(CheckpointError) {
      try parse(ByteCursor(bytes))
    } catch {
      // The byte is one of the answer, not of the file.
      throw CheckpointError(
        "the answer of \(HDF5Helper.programName) is not understood: \(error.message)",
        fix: "install tenon and \(HDF5Helper.programName) of the same version")
    }
  }

  private mutating func parse(_ answer: ByteCursor) throws(CheckpointError) {
    var cursor = answer
    var count: UInt64 = 0
    while true {
      let kind = try cursor.byte("a record")
      let length = try cursor.count("the length of a record")
      var record = try cursor.divide(length, "a record")
      if count == 0 {
        guard kind == UInt8(ascii: "V") else { throw CheckpointError("it states no version") }
        let found = try record.uint32("the version")
        guard found == Self.version else {
          throw CheckpointError("its version is \(found); expected \(Self.version)")
        }
      } else if kind == UInt8(ascii: "E") {
        guard try record.uint64("the count of records") == count, cursor.isAtEnd else {
          throw CheckpointError("it does not end where it says")
        }
        return
      } else {
        try parse(&record, kind: kind)
      }
      guard record.isAtEnd else { throw CheckpointError("a record is too long") }
      count += 1
    }
  }

  private mutating func parse(_ record: inout ByteCursor, kind: UInt8) throws(CheckpointError) {
    let path = try record.text("a path")
    switch kind {
    case UInt8(ascii: "G"):
      index.groups.append(
        HDF5Index.Group(
          path: path, address: try record.uint64("an address"),
          attributes: try record.attributes()))
    case UInt8(ascii: "D"):
      let dataset = try dataset(path, &record)
      addresses[dataset.address] = index.datasets.count
      index.datasets.append(dataset)
    case UInt8(ascii: "L"):
      index.links.append(
        HDF5Index.Link(
          path: path, kind: try record.text("a kind of link"), target: try record.text("a target")))
    case UInt8(ascii: "T"): index.types.append(path)
    case UInt8(ascii: "N"):
      let address = try record.uint64("an address")
      guard var dataset = addresses[address].map({ index.datasets[$0] }) else {
        throw CheckpointError("it holds another name of a dataset that it does not hold")
      }
      (dataset.path, dataset.isFurtherName) = (path, true)
      index.datasets.append(dataset)
    case UInt8(ascii: "U"):
      index.unreadable.append(
        HDF5Index.Unreadable(path: path, reason: try record.text("a reason")))
    default: throw CheckpointError("it holds a record of kind \(kind)")
    }
  }

  private func dataset(_ path: String, _ record: inout ByteCursor) throws(CheckpointError)
    -> HDF5Index.Dataset
  {
    let address = try record.uint64("an address")
    let type = try Self.type(&record, depth: 0)
    let rank = try record.byte("the number of axes")
    let shape = rank == UInt8.max ? nil : try record.sizes(Int(rank))
    let fill = Array(try record.blob("a fill value"))
    let storage = try Self.storage(&record, rank: shape?.count ?? 0)
    return HDF5Index.Dataset(
      path: path, address: address, type: type, shape: shape, fill: fill, storage: storage,
      attributes: try record.attributes())
  }

  private static func storage(_ record: inout ByteCursor, rank: Int) throws(CheckpointError)
    -> HDF5Index.Storage
  {
    switch try record.byte("a layout") {
    case 0: return .header(Array(try record.blob("data")))
    case 1:
      let offset = try record.uint64("an offset")
      return .contiguous(
        offset: offset == .max ? nil : offset, byteCount: try record.uint64("a size"))
    case 2: return .chunked(try chunks(&record, rank: rank))
    case 3: return .elsewhere(try record.text("a layout"))
    default: throw CheckpointError("it holds an unknown layout")
    }
  }

  private static func chunks(_ record: inout ByteCursor, rank: Int) throws(CheckpointError)
    -> HDF5Index.Chunks
  {
    let shape = try record.sizes(rank)
    var filters: [HDF5Filter] = []
    for _ in 0..<(try record.byte("the number of filters")) {
      let identifier = try record.uint32("a filter")
      let name = try record.text("the name of a filter")
      var values: [UInt32] = []
      for _ in 0..<(try record.uint32("a filter's values")) {
        values.append(try record.uint32("a filter's value"))
      }
      filters.append(HDF5Filter(identifier: identifier, name: name, values: values))
    }
    let count = try record.count("the number of chunks")
    // A number that the record cannot hold is no number to make room for.
    guard count <= record.remaining / (20 + 8 * rank) else {
      throw CheckpointError("it claims more chunks than it holds")
    }
    var chunks: [HDF5Index.Chunk] = []
    chunks.reserveCapacity(count)
    for _ in 0..<count {
      chunks.append(
        HDF5Index.Chunk(
          place: try record.sizes(rank), mask: try record.uint32("a mask of filters"),
          offset: try record.uint64("the offset of a chunk"),
          byteCount: try record.uint64("the size of a chunk")))
    }
    return HDF5Index.Chunks(shape: shape, filters: filters, chunks: chunks)
  }

  static func exact(_ value: UInt64, _ what: String) throws(CheckpointError) -> Int {
    guard let count = Int(exactly: value) else { throw CheckpointError("\(what) is \(value)") }
    return count
  }

  static func type(_ record: inout ByteCursor, depth: Int) throws(CheckpointError) -> HDF5Type {
    guard depth < maximumTypeDepth else { throw CheckpointError("a type is nested too deeply") }
    return try HDF5TypeDecoding.type(&record, depth: depth)
  }
}
