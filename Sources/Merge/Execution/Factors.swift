import Compute
import Formats

/// The factors of one low-rank matrix in memory, ready for blocks of its rows.
///
/// Of `B·A` the rows on the left are read with each block and the right factor
/// is packed once. Of the transpose, `Aᵀ·Bᵀ`, A is kept because its columns are
/// the rows on the left.
struct Factors: Sendable {
  let right: PackedMatrix
  private let left: Left

  /// Where rows of the left factor come from.
  enum Left: Sendable {
    /// Read from the file's B with each block.
    case stored(TensorData)
    /// B in memory, row by row.
    case rows([Float])
    /// A in memory, of which a column of `stride` elements' distance is a row.
    case columns([Float], stride: Int)
  }

  var rank: Int { right.depth }

  init(right: PackedMatrix, left: Left) {
    self.right = right
    self.left = left
  }

  init(b: Factor, a: Factor, isTransposed: Bool) throws(CheckpointError) {
    let rank = a.rowCount
    if isTransposed {
      let values = try b.floats()
      right = PackedMatrix(transposing: values.span, depth: rank, columns: b.rowCount)
      left = .columns(try a.floats(), stride: a.columnCount)
    } else {
      let values = try a.floats()
      right = PackedMatrix(values.span, depth: rank, columns: a.columnCount)
      left = b.isPlain ? .stored(try TensorData(b.record)) : .rows(try b.floats())
    }
  }

  /// The bytes that the factors hold, and at most while loading.
  static func byteCount(b: Factor, a: Factor, isTransposed: Bool) -> Int {
    let keepsB = isTransposed || !b.isPlain
    return a.byteCountInMemory + (keepsB ? b.byteCountInMemory : b.record.gatheredByteCount)
  }

  /// Sets `product` to the rows `rows` of the product.
  func multiply(
    _ rows: Range<Int>, into product: inout MutableSpan<Float>, scratch: inout LeftScratch
  ) throws(CheckpointError) {
    try gather(rows, into: &scratch)
    scratch.left.withFloats(count: rows.count * rank) { floats in
      Product.rows(floats, rowCount: rows.count, right: right, into: &product)
    }
  }

  /// Puts the rows `rows` of the left factor at the start of `scratch.left`.
  func gather(_ rows: Range<Int>, into scratch: inout LeftScratch) throws(CheckpointError) {
    switch left {
    case .stored(let data): try scratch.readRows(rows, of: data, rank: rank)
    case .rows(let values):
      scratch.left.withMutableFloats(count: rows.count * rank) { floats in
        for index in floats.indices { floats[index] = values[rows.lowerBound * rank + index] }
      }
    case .columns(let values, let stride):
      scratch.left.withMutableFloats(count: rows.count * rank) { floats in
        for (position, row) in rows.enumerated() {
          for k in 0..<rank { floats[position * rank + k] = values[k * stride + row] }
        }
      }
    }
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

  /// Reads rows of a left factor as float32.
  mutating func readRows(_ rows: Range<Int>, of data: TensorData, rank: Int)
    throws(CheckpointError)
  {
    guard let type = data.record.type.element, let width = type.byteWidth else {
      preconditionFailure("the plan lets only float factors through")
    }
    let count = rows.count * rank
    try raw.withMutablePrefix(count * width) { (bytes) throws(CheckpointError) in
      try data.read(into: &bytes, at: rows.lowerBound * rank * width)
    }
    raw.withPrefix(count * width) { bytes in
      left.withMutableFloats(count: count) { Conversion.widen(bytes, of: type, into: &$0) }
    }
  }
}
