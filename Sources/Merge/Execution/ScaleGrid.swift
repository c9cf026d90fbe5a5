import Compute
import Formats
import Inspect

/// The scales of a quantised weight in memory, row by row of its blocks.
struct ScaleGrid: Sendable {
  private(set) var scales: [Float]
  private let rowsPerScale: Int
  private let columnsPerScale: Int
  private let gridColumns: Int

  init(_ quantisation: WeightScales, columnCount: Int) throws(CheckpointError) {
    self.init(
      try quantisation.record.floats(), rowsPerScale: quantisation.rowsPerScale,
      columnsPerScale: quantisation.columnsPerScale, columnCount: columnCount)
  }

  init(_ scales: [Float], rowsPerScale: Int, columnsPerScale: Int, columnCount: Int) {
    self.scales = scales
    self.rowsPerScale = rowsPerScale
    self.columnsPerScale = columnsPerScale
    gridColumns = max(1, (columnCount + columnsPerScale - 1) / columnsPerScale)
  }

  /// Multiplies each value of whole rows with the scale of its block, rounded once.
  func multiply(_ values: inout MutableSpan<Float>, firstRow: Int, columns: Int) {
    for (part, cell) in parts(values.count, firstRow, columns) {
      var line = values._mutatingExtracting(part)
      Values.scale(&line, by: scales[cell])
    }
  }

  /// Divides each value of whole rows by the scale of its block, rounded once.
  func divide(_ values: inout MutableSpan<Float>, firstRow: Int, columns: Int) {
    for (part, cell) in parts(values.count, firstRow, columns) {
      let scale = scales[cell]
      // Nothing but zeros has a scale of zero.
      if scale == 0 { continue }
      for index in part { values[index] /= scale }
    }
  }

  /// Raises each maximum to the absolute values of its block.
  func findMaxima(_ values: Span<Float>, firstRow: Int, columns: Int, _ maxima: inout [Float]) {
    for (part, cell) in parts(values.count, firstRow, columns) {
      var maximum = maxima[cell]
      for index in part where abs(values[index]) > maximum { maximum = abs(values[index]) }
      maxima[cell] = maximum
    }
  }

  /// The elements of each row's part that has one scale, and the number of that scale.
  private func parts(_ count: Int, _ firstRow: Int, _ columns: Int) -> [(Range<Int>, Int)] {
    guard columns > 0 else { return [] }
    var parts: [(Range<Int>, Int)] = []
    for row in 0..<count / columns {
      let cells = (firstRow + row) / rowsPerScale * gridColumns
      for (cell, start) in stride(from: 0, to: columns, by: columnsPerScale).enumerated() {
        let end = min(start + columnsPerScale, columns)
        parts.append((row * columns + start..<row * columns + end, cells + cell))
      }
    }
    return parts
  }

  /// The same with greater scales where values up to `maxima` do not fit into `type`.
  ///
  /// A scale that is great enough stays, so that what nothing was added to keeps its
  /// bits.
  func fitted(
    to maxima: [Float], in type: ElementType, of scaleType: ElementType, isPowerOfTwo: Bool
  ) -> ScaleGrid {
    guard let limit = Self.largest[type] else {
      preconditionFailure("\(type.name) has no scales")
    }
    var fitted = self
    for (cell, maximum) in maxima.enumerated() where maximum.isFinite {
      guard Double(maximum) > limit * Double(scales[cell]) else { continue }
      let wanted = Double(maximum) / limit
      var scale = Float(wanted)
      if isPowerOfTwo {
        scale = Float(sign: .plus, exponent: wanted.exponent, significand: 1)
        if Double(scale) < wanted { scale *= 2 }
      }
      fitted.scales[cell] = Conversion.rounded(scale, to: scaleType)
    }
    return fitted
  }

  /// The largest finite values.
  private static let largest: [ElementType: Double] = [.f8e4m3: 448, .f8e5m2: 57_344]
}

extension Conversion {
  /// One value rounded to `type`.
  fileprivate static func rounded(_ value: Float, to type: ElementType) -> Float {
    var bytes = AlignedBuffer(byteCount: 8)
    var result: [Float] = [0]
    let width = type.byteWidth ?? 4
    let source = [value]
    bytes.withMutablePrefix(width) { narrow(source.span, to: type, into: &$0) }
    var span = result.mutableSpan
    bytes.withPrefix(width) { widen($0, of: type, into: &span) }
    return result[0]
  }
}
