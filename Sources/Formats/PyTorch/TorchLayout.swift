import Compute

/// How the elements of a dense tensor lie in a storage, as a pickle claims it.
struct TorchLayout {
  /// Most of torch cannot do with more.
  static let maximumRank = 64

  var type: TorchType
  var shape: [Int]
  var strides: [Int]
  /// The first element, counted from the start of the storage.
  var offset: Int
  var transforms: ElementTransforms = []

  /// The record of this tensor, after checking that all of it lies in `place`.
  func record(
    _ name: String, in place: TorchStorages.Place, _ reference: TorchStorageReference
  ) throws(CheckpointError) -> TensorRecord {
    let count = try elementCount()
    let start = try checkBounds(count, in: place, reference)
    let isDense = isRowMajor
    let byteCount = type.byteCount(of: count) ?? 0
    let type = self.type
    var record = TensorRecord(name: name, type: type.type, shape: shape, bytes: nil)
    if type == .pairedFloat4, isDense, let last = shape.last {
      let (doubled, overflow) = last.multipliedReportingOverflow(by: 2)
      if !overflow {
        record.type = .element(.f4)
        record.shape[shape.count - 1] = doubled
      }
    }
    let file = place.extent.file
    if count == 0 {
      record.bytes = TensorBytes(
        extents: [Extent(file: file, offset: place.extent.offset, count: 0)])
    } else if isDense, place.codec == .stored, start * type.bitWidth % 8 == 0 {
      let first = place.extent.offset + start * type.bitWidth / 8
      record.bytes = TensorBytes(
        extents: [Extent(file: file, offset: first, count: byteCount)], transforms: transforms)
    } else {
      let isWhole = isDense && start == 0 && byteCount == place.byteCount
      record.bytes = TensorBytes(
        extents: [place.extent], codec: place.codec,
        view: isWhole ? nil : StridedView(offset: start, strides: strides), transforms: transforms)
    }
    return record
  }

  /// The number of elements, if it and the number of bytes fit into an `Int`.
  func elementCount() throws(CheckpointError) -> Int {
    // From left to right, as `TensorRecord.elementCount` will do it again.
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow else {
        throw CheckpointError("shape \(shape) has more elements than can be counted")
      }
      count = product
    }
    guard type.byteCount(of: count) != nil else {
      throw CheckpointError("shape \(shape) takes more bytes than can be counted")
    }
    return count
  }

  /// Whether the elements follow each other in row-major order.
  private var isRowMajor: Bool {
    if shape.contains(0) { return true }
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
      if stride != expected { return false }
      expected *= size
    }
    return true
  }

  /// Checks every element against the storage. Returns the first element's place,
  /// counted from the start of the storage.
  private func checkBounds(
    _ count: Int, in place: TorchStorages.Place, _ reference: TorchStorageReference
  ) throws(CheckpointError) -> Int {
    guard shape.count == strides.count else {
      throw CheckpointError("has \(shape.count) sizes, but \(strides.count) strides")
    }
    // A part of a legacy storage is bounded by its own size.
    let held = reference.isPart ? reference.start + reference.count : reference.count
    let heldBytes = (reference.type ?? .byte).byteCount(of: held)
    guard let heldBytes, heldBytes <= place.byteCount else {
      throw CheckpointError(
        "storage \(reference.key.quoted) has \(place.byteCount) bytes, but \(held) elements "
          + "are claimed")
    }
    let available =
      type.bitWidth == (reference.type ?? .byte).bitWidth ? held : heldBytes * 8 / type.bitWidth
    guard count > 0 else { return 0 }
    var last = reference.start
    var steps = zip(shape, strides).map { ($0 - 1, $1) }
    steps.append((1, offset))
    for (step, stride) in steps {
      let (far, overflow) = step.multipliedReportingOverflow(by: stride)
      let (sum, overflowOfSum) = last.addingReportingOverflow(far)
      guard !overflow, !overflowOfSum, sum < available else {
        throw CheckpointError(
          """
          shape \(shape) with strides \(strides) from element \(offset) on \
          reaches beyond the \(held) elements of storage \(reference.key.quoted)
          """)
      }
      last = sum
    }
    return reference.start + offset
  }
}
