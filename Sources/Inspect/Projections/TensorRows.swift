import Formats

/// The rows of a tensor as ranges of its file.
struct TensorRows {
  let rowByteCount: Int
  private let extents: [Extent]
  /// The first byte of each extent, counted from the start of the tensor.
  private let starts: [Int]

  /// Nil for a record without data; `path` is what the user named.
  init?(_ record: TensorRecord, in path: String) throws(CheckpointError) {
    guard let bytes = record.bytes else { return nil }
    let rows = record.shape.first ?? 1
    let bits = rows == 0 ? 0 : record.elementCount / rows * record.type.bitWidth
    guard bits % 8 == 0 else {
      throw CheckpointError(
        tensor: record.name, "its rows have \(bits) bits; expected whole bytes")
    }
    rowByteCount = bits / 8
    guard bytes.codec == .stored, bytes.view.map({ record.isRowMajor($0) }) ?? true else {
      throw CheckpointError(
        tensor: record.name, "its rows do not lie one after the other in its file",
        fix: "tenon convert \(shellQuoted(path)) -o plain, and this with plain")
    }
    var start = 0
    var starts: [Int] = []
    for extent in bytes.extents {
      starts.append(start)
      start += extent.count
    }
    self.starts = starts
    extents = Array(bytes.extents)
    first = (bytes.view?.offset ?? 0) * (record.type.bitWidth / 8)
  }

  /// The byte of the storage at which the first row begins.
  private let first: Int

  /// Appends the ranges of the rows `rows` to `result`.
  func append(_ rows: Range<Int>, to result: inout [Extent]) {
    var offset = first + rows.lowerBound * rowByteCount
    let end = first + rows.upperBound * rowByteCount
    var index = starts.partitioningIndex { $0 > offset } - 1
    while offset < end {
      let extent = extents[index]
      let skipped = offset - starts[index]
      let count = min(extent.count - skipped, end - offset)
      if count > 0 {
        result.appendJoined(
          Extent(file: extent.file, offset: extent.offset + skipped, count: count))
      }
      offset += max(0, count)
      index += 1
    }
  }
}

extension TensorRecord {
  /// Whether the elements lie one after the other.
  fileprivate func isRowMajor(_ view: StridedView) -> Bool {
    var stride = 1
    for (size, step) in zip(shape, view.strides).reversed() {
      if size != 1, step != stride { return false }
      stride *= size
    }
    return type.bitWidth % 8 == 0
  }
}

extension [Extent] {
  /// Appends `extent`, as one with the last where it continues it.
  mutating func appendJoined(_ extent: Extent) {
    if let last, last.file === extent.file, last.offset + last.count == extent.offset {
      self[count - 1] = Extent(
        file: last.file, offset: last.offset, count: last.count + extent.count)
    } else {
      append(extent)
    }
  }
}

extension [Int] {
  /// The position of the first element for which `isBehind` holds, if it holds for
  /// all that follow.
  fileprivate func partitioningIndex(_ isBehind: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

/// Bytes of 0, which are the number 0 in every type.
struct Zeros {
  private let file: InputFile
  private static let size = 64 << 10

  init() throws(CheckpointError) {
    file = try InputFile(holding: [UInt8](repeating: 0, count: Self.size), name: "zeros")
  }

  /// Appends `count` of them to `result`.
  func append(_ count: Int, to result: inout [Extent]) {
    var rest = count
    while rest > 0 {
      let step = min(rest, Self.size)
      // Zeros after zeros are more of the same.
      if let last = result.last, last.file === file, last.count + step <= Self.size {
        result[result.count - 1] = Extent(file: file, offset: 0, count: last.count + step)
      } else {
        result.append(Extent(file: file, offset: 0, count: step))
      }
      rest -= step
    }
  }
}
