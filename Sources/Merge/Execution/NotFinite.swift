import Compute
import Formats

/// Stops a merge whose result is NaN or infinite where the base is neither: such a
/// model would be useless, and nobody would know why.
struct NotFinite {
  /// The shape of the tensor.
  let shape: [Int]
  /// Where its first value that is not finite stands, row by row.
  let position: Int
  let found: Float
  /// What the base has there; nil where it has none.
  let before: Float?

  /// Finds the first of `values` that is not finite while the base's is, or while the base
  /// has none; `start` is the place of the first of them in the tensor.
  init?(_ values: [Float], at start: Int, before: [Float], shape: [Int]) {
    let index = values.indices.first { index in
      !values[index].isFinite && (index >= before.count || before[index].isFinite)
    }
    guard let index else { return nil }
    self.shape = shape
    position = start + index
    found = values[index]
    self.before = index < before.count ? before[index] : nil
  }

  /// For what comes from an adapter's own numbers.
  func error(adapters: [String]) -> CheckpointError {
    let commands = adapters.map { "tenon check \(shellQuoted($0)) --values" }
    return CheckpointError(
      "the result at \(place) is \(found), where the base has "
        + "\(before.map { "\($0)" } ?? "nothing"); expected a finite number",
      fix: commands.isEmpty
        ? nil : "look for the cause with: \(commands.joined(separator: " and "))")
  }

  /// For a number that only the type is too small for.
  func error(of value: Float, in type: ElementType, numerics: Numerics) -> CheckpointError {
    let isSmaller = BFloat16Range.holds(value)
    let wider = "--dtype F32" + (isSmaller ? ", or --dtype BF16, which has fewer digits" : "")
    return CheckpointError(
      "the result at \(place) is \(value), which is finite, but more than \(type.name) holds"
        + (numerics == .peft ? ", to which PEFT rounds" : ""),
      fix: numerics == .peft ? "leave out --numerics peft and use \(wider)" : "use \(wider)")
  }

  /// The index along each axis.
  private var place: [Int] {
    var rest = position
    var index: [Int] = []
    for size in shape.reversed() {
      index.append(rest % max(1, size))
      rest /= max(1, size)
    }
    return index.reversed()
  }

  /// The values of some elements of a buffer.
  static func floats(
    _ elements: Range<Int>, of type: ElementType, in buffer: borrowing AlignedBuffer
  ) -> [Float] {
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
}

/// The numbers that BF16 rounds to finite ones.
private enum BFloat16Range {
  /// Half a unit above the greatest: 1.11111111 (binary) times 2^127.
  static func holds(_ value: Float) -> Bool { abs(value) < 0x1.FFp127 }
}
