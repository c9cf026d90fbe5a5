import Compute
import Formats

/// Stops a merge whose result is NaN or infinite where the base is neither: such a
/// model would be useless, and nobody would know why.
enum NotFinite {
  /// Throws at the first element of the output that is not finite while the base's is.
  static func check(
    _ scratch: borrowing WorkerScratch, elements: Range<Int>, of from: ElementType,
    to type: ElementType, firstRow: Int, shape: [Int]
  ) throws(CheckpointError) {
    let before = floats(elements, of: from, in: scratch.input)
    let after = floats(elements, of: type, in: scratch.output)
    guard let position = after.indices.first(where: { !after[$0].isFinite && before[$0].isFinite })
    else { return }
    let columns = max(1, shape.dropFirst().reduce(1, *))
    let place = index(of: firstRow * columns + position, in: shape)
    throw CheckpointError(
      "the result at \(place) is \(after[position]), where the base has \(before[position]); "
        + "expected a finite number",
      fix: "look for the cause with: tenon check ADAPTER --values")
  }

  private static func floats(
    _ elements: Range<Int>, of type: ElementType, in buffer: borrowing AlignedBuffer
  )
    -> [Float]
  {
    let width = type.byteWidth ?? 0
    var values = [Float](repeating: 0, count: elements.count)
    var span = values.mutableSpan
    buffer.withBytes { bytes in
      Conversion.widen(
        bytes.extracting(elements.lowerBound * width..<elements.upperBound * width), of: type,
        into: &span)
    }
    return values
  }

  /// The index along each axis of the element at `position`.
  private static func index(of position: Int, in shape: [Int]) -> [Int] {
    var rest = position
    var index: [Int] = []
    for size in shape.reversed() {
      index.append(rest % size)
      rest /= size
    }
    return index.reversed()
  }
}
