import Compute
import Formats

/// The values of the base in whose place an adapter's stand, read where they are asked for.
struct OriginalValues: Sendable {
  private let record: TensorRecord?
  private let data: LazyTensorData?

  init(_ replacement: Replacement) {
    record = replacement.original
    data = record.map(LazyTensorData.init)
  }

  /// The values of some elements, without those that the base does not have.
  func floats(_ elements: Range<Int>) throws(CheckpointError) -> [Float] {
    guard let record, let data, let type = record.type.element, let width = type.byteWidth,
      Conversion.isConvertible(type)
    else { return [] }
    let elements = elements.clamped(to: 0..<record.elementCount)
    var bytes = AlignedBuffer(byteCount: elements.count * width)
    try bytes.withMutablePrefix(elements.count * width) { (span) throws(CheckpointError) in
      try data.data().read(into: &span, at: elements.lowerBound * width)
    }
    return NotFinite.floats(0..<elements.count, of: type, in: bytes)
  }
}
