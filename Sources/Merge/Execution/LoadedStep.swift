import Compute
import Formats

/// A step of an update with what it needs in memory.
enum LoadedStep: Sendable {
  case add(LoadedDelta)
  /// Scales each of some rows so that its norm becomes its magnitude.
  case normaliseRows(Range<Int>, [Float], epsilon: Float)
  case multiplyRows([Float])
  /// One factor for each column.
  case multiplyColumns([Float])
  case rotate(BlockRotation)
  /// The row of the data that takes the place of each row.
  case replaceRows([Int: Int], TensorData)
  case round
  /// The value that takes the place of each, in order.
  case put([Float])

  /// Loads `step` of an update of a matrix of `rowCount` × `columnCount`. `columnNorms`
  /// gives the norms of the columns as the steps before leave them, `fittedScales` the
  /// scales of a quantised weight after its update.
  init(
    _ step: UpdateStep, rowCount: Int, columnCount: Int,
    columnSquares: () throws(CheckpointError) -> [Double],
    fittedScales: (TensorUpdate) throws(CheckpointError) -> [Float]
  ) throws(CheckpointError) {
    switch step.action {
    case .add(let delta):
      self = .add(try LoadedDelta(delta, rowCount: rowCount, columnCount: columnCount))
    case .normalise(let normalisation):
      let magnitudes = try normalisation.magnitude.floats()
      switch normalisation.axis {
      case .rows:
        self = .normaliseRows(
          normalisation.rows ?? 0..<rowCount, magnitudes, epsilon: normalisation.epsilon)
      case .columns(let width):
        let squares = try columnSquares()
        self = .multiplyColumns(
          Self.spread(magnitudes, width: width).enumerated().map { column, magnitude in
            let first = column / width * width
            let norm = squares[first..<first + width].reduce(0, +).squareRoot()
            return magnitude / (Float(norm) + normalisation.epsilon)
          })
      }
    case .multiply(let vector, .rows): self = .multiplyRows(try vector.floats())
    case .multiply(let vector, .columns(let width)):
      self = .multiplyColumns(Self.spread(try vector.floats(), width: width))
    case .rotate(let rotation): self = .rotate(try BlockRotation(rotation))
    case .replaceRows(let rows, let record):
      // The last of two for one row counts, as in torch's index_copy.
      let places = Dictionary(rows.enumerated().map { ($1, $0) }) { $1 }
      self = .replaceRows(places, try TensorData(record))
    case .round: self = .round
    case .fitScales(let weight): self = .put(try fittedScales(weight))
    }
  }

  private static func spread(_ values: [Float], width: Int) -> [Float] {
    width == 1 ? values : values.flatMap { Array(repeating: $0, count: width) }
  }

  /// Changes `values`, the rows `rows`, in place.
  func apply(
    to values: inout MutableSpan<Float>, rows: Range<Int>, modelType: ElementType,
    scratch: inout StepScratch
  ) throws(CheckpointError) {
    let columns = values.count / max(1, rows.count)
    switch self {
    case .add(let delta):
      try Self.add(delta, to: &values, rows: rows, modelType: modelType, scratch: &scratch)
    case .normaliseRows(let area, let magnitudes, let epsilon):
      for (position, row) in rows.enumerated() where area.contains(row) {
        let part = position * columns..<(position + 1) * columns
        let norm = Values.squares(values.span.extracting(part)).squareRoot()
        var line = values._mutatingExtracting(part)
        Values.scale(&line, by: magnitudes[row - area.lowerBound] / (Float(norm) + epsilon))
      }
    case .multiplyRows(let factors):
      for (position, row) in rows.enumerated() {
        var line = values._mutatingExtracting(position * columns..<(position + 1) * columns)
        Values.scale(&line, by: factors[row])
      }
    case .multiplyColumns(let factors):
      for position in 0..<rows.count {
        var line = values._mutatingExtracting(position * columns..<(position + 1) * columns)
        Values.multiply(&line, by: factors.span)
      }
    case .rotate(let rotation): rotation.apply(to: &values, scratch: &scratch)
    case .replaceRows(let places, let data):
      for (position, row) in rows.enumerated() {
        guard let place = places[row] else { continue }
        var line = values._mutatingExtracting(position * columns..<(position + 1) * columns)
        try scratch.delta.left.readRows(place..<place + 1, of: data, rank: columns)
        scratch.delta.left.left.withFloats(count: columns) { source in
          for index in line.indices { line[index] = source[index] }
        }
      }
    case .round: scratch.round(&values, to: modelType)
    case .put(let all):
      let first = rows.lowerBound * columns
      for index in values.indices { values[index] = all[first + index] }
    }
  }

  /// Adds what of the delta lies in the rows.
  private static func add(
    _ loaded: LoadedDelta, to values: inout MutableSpan<Float>, rows: Range<Int>,
    modelType: ElementType, scratch: inout StepScratch
  ) throws(CheckpointError) {
    let columns = values.count / max(1, rows.count)
    let area = loaded.delta.rows ?? 0..<rows.upperBound
    let common = rows.clamped(to: area)
    guard !common.isEmpty else { return }
    let count = common.count * columns
    try scratch.multiply(
      loaded, common.lowerBound - area.lowerBound..<common.upperBound - area.lowerBound,
      count: count)
    let start = (common.lowerBound - rows.lowerBound) * columns
    var part = values._mutatingExtracting(start..<start + count)
    var scale = Float(loaded.delta.scale)
    if loaded.delta.isRoundedFirst || loaded.delta.divisor != nil {
      scratch.product.withMutableFloats(count: count) { product in
        Values.scale(&product, by: scale)
        guard let divisor = loaded.delta.divisor.map(Float.init) else { return }
        for index in product.indices { product[index] /= divisor }
      }
      if loaded.delta.isRoundedFirst { scratch.roundProduct(count, to: modelType) }
      scale = 1
    }
    scratch.product.withFloats(count: count) {
      Update.accumulate($0, scale: scale, into: &part)
    }
  }
}

/// What a worker needs to carry out steps.
struct StepScratch: ~Copyable {
  var product: AlignedBuffer
  var delta: DeltaScratch
  /// Values while they are rounded.
  var rounded: AlignedBuffer

  /// Sets the product to rows of a delta's unscaled matrix.
  mutating func multiply(_ loaded: LoadedDelta, _ rows: Range<Int>, count: Int)
    throws(CheckpointError)
  {
    try product.withMutableFloats(count: count) { (product) throws(CheckpointError) in
      try loaded.multiply(rows, into: &product, scratch: &delta)
    }
  }

  /// Rounds the values to `type`.
  mutating func round(_ values: inout MutableSpan<Float>, to type: ElementType) {
    guard !type.holdsEveryFloat else { return }
    let byteCount = values.count * (type.byteWidth ?? 0)
    rounded.withMutablePrefix(byteCount) { Conversion.narrow(values.span, to: type, into: &$0) }
    rounded.withPrefix(byteCount) { Conversion.widen($0, of: type, into: &values) }
  }

  mutating func roundProduct(_ count: Int, to type: ElementType) {
    guard !type.holdsEveryFloat else { return }
    let byteCount = count * (type.byteWidth ?? 0)
    product.withFloats(count: count) { values in
      rounded.withMutablePrefix(byteCount) { Conversion.narrow(values, to: type, into: &$0) }
    }
    rounded.withPrefix(byteCount) { bytes in
      product.withMutableFloats(count: count) { Conversion.widen(bytes, of: type, into: &$0) }
    }
  }
}

extension ElementType {
  /// Whether rounding a float32 to it changes nothing.
  fileprivate var holdsEveryFloat: Bool { self == .f32 || self == .f64 }
}
