import Compute

/// Elements in a row that lies in pieces in several files: a flat partition of a
/// group of parameters, or several of them behind each other.
struct ZeroRow {
  /// The type of all elements; nil while there is no piece.
  private(set) var type: TensorType?
  private(set) var transforms: ElementTransforms = []
  /// The number of elements.
  private(set) var count = 0
  /// The pieces that are not empty and the element at which each begins.
  private var pieces: [(start: Int, extent: Extent)] = []

  /// Puts the elements of a tensor behind those that are there.
  mutating func append(_ record: TensorRecord) throws(CheckpointError) {
    guard let bytes = record.bytes else {
      throw CheckpointError("has no data in its file; expected the elements of a partition")
    }
    guard case .element(let element) = record.type, element.bitWidth % 8 == 0 else {
      throw CheckpointError(
        "is \(record.type.name), of which no part can be taken; expected numbers of whole bytes")
    }
    guard bytes.codec == .stored, bytes.view == nil else {
      throw CheckpointError(
        "is \(bytes.codec == .stored ? "a strided view" : "compressed"), of which no part can be "
          + "taken; expected elements in a row, as DeepSpeed writes them")
    }
    if let type, type != record.type || transforms != bytes.transforms {
      throw CheckpointError(
        type == record.type
          ? "is of another byte order than the part before it"
          : "is \(record.type.name), but the part before it is \(type.name)")
    }
    let (sum, overflow) = count.addingReportingOverflow(record.elementCount)
    guard !overflow else { throw CheckpointError("has more elements than can be counted") }
    type = record.type
    transforms = bytes.transforms
    for extent in bytes.extents where extent.count > 0 {
      pieces.append((count, extent))
    }
    count = sum
  }

  /// Appends the bytes of some elements, which must be there, in as few extents as
  /// possible.
  func append(_ range: Range<Int>, to extents: inout [Extent]) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    guard let type, !range.isEmpty else { return }
    let width = type.bitWidth / 8
    var position = range.lowerBound
    var index = piece(holding: position)
    while position < range.upperBound {
      let (start, extent) = pieces[index]
      let end = min(range.upperBound, start + extent.count / width)
      let offset = extent.offset + (position - start) * width
      let count = (end - position) * width
      if let last = extents.last, last.file === extent.file, last.offset + last.count == offset {
        extents[extents.count - 1] = Extent(
          file: last.file, offset: last.offset, count: last.count + count)
      } else {
        extents.append(Extent(file: extent.file, offset: offset, count: count))
      }
      position = end
      index += 1
    }
  }

  /// The last piece that begins at or before an element.
  private func piece(holding element: Int) -> Int {
    var low = 0
    var high = pieces.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if pieces[middle].start <= element { low = middle } else { high = middle }
    }
    return low
  }
}
