import Compute
import Formats

/// The factors of one delta in memory, ready for blocks of rows of the product.
///
/// Of `B·A` the rows on the left are read with each block and the right factor
/// is packed once. Of the transpose, `Aᵀ·Bᵀ`, A is kept because its columns are
/// the rows on the left.
struct Factors: Sendable {
  private let delta: LowRankDelta
  private let right: PackedMatrix
  /// The file's B, or nil for the transpose.
  private let left: TensorData?
  /// A, rank × in, for the transpose only.
  private let columnsOfA: [Float]

  init(_ delta: LowRankDelta) throws(CheckpointError) {
    self.delta = delta
    let a = try Self.floats(of: delta.a)
    if delta.isTransposed {
      let b = try Self.floats(of: delta.b)
      right = PackedMatrix(transposing: b.span, depth: delta.rank, columns: delta.b.shape[0])
      left = nil
      columnsOfA = a
    } else {
      right = PackedMatrix(a.span, depth: delta.rank, columns: delta.a.shape[1])
      left = try TensorData(delta.b)
      columnsOfA = []
    }
  }

  /// The bytes that the factors of `delta` hold, and at most while loading.
  static func byteCount(of delta: LowRankDelta) -> Int {
    let a = delta.a.elementCount * MemoryLayout<Float>.stride
    let b = delta.b.elementCount * MemoryLayout<Float>.stride
    return 2 * (a + (delta.isTransposed ? b : 0))
      + max(delta.a.byteCount, delta.isTransposed ? delta.b.byteCount : 0)
  }

  /// The scratch that `multiply` needs for one row, in bytes.
  static func rowByteCount(of delta: LowRankDelta) -> Int {
    delta.rank * (MemoryLayout<Float>.stride + delta.b.type.bitWidth / 8)
  }

  /// Sets `product` to the rows `rows` of the unscaled product.
  func multiply(
    _ rows: Range<Int>, into product: inout MutableSpan<Float>, scratch: inout LeftScratch
  ) throws(CheckpointError) {
    if let left {
      try scratch.readRows(rows, of: left, rank: delta.rank)
    } else {
      scratch.left.withMutableFloats(count: rows.count * delta.rank) { gather(rows, into: &$0) }
    }
    scratch.left.withFloats(count: rows.count * delta.rank) { floats in
      Product.rows(floats, rowCount: rows.count, right: right, into: &product)
    }
  }

  /// Rows of the transpose of A.
  private func gather(_ rows: Range<Int>, into floats: inout MutableSpan<Float>) {
    let columns = delta.a.shape[1]
    for (position, row) in rows.enumerated() {
      for k in 0..<delta.rank {
        floats[position * delta.rank + k] = columnsOfA[k * columns + row]
      }
    }
  }

  /// The values of a tensor as float32.
  private static func floats(of record: TensorRecord) throws(CheckpointError) -> [Float] {
    guard let type = record.type.element, Conversion.isConvertible(type) else {
      preconditionFailure("the plan lets only float factors through")
    }
    let data = try TensorData(record)
    var bytes = AlignedBuffer(byteCount: data.byteCount)
    try bytes.withMutableBytes { (span) throws(CheckpointError) in try data.read(into: &span, at: 0)
    }
    var floats = [Float](repeating: 0, count: record.elementCount)
    var span = floats.mutableSpan
    bytes.withBytes { Conversion.widen($0, of: type, into: &span) }
    return floats
  }
}

/// What a worker needs to have rows of a left factor at hand.
struct LeftScratch: ~Copyable {
  var left: AlignedBuffer
  var raw: AlignedBuffer

  /// Room for `elements` values of factors of at most 8 bytes each.
  init(elements: Int) {
    left = AlignedBuffer(byteCount: elements * MemoryLayout<Float>.stride)
    raw = AlignedBuffer(byteCount: elements * 8)
  }
}
