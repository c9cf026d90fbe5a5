import Compute
import Formats

/// A step of an update in float64, in which PEFT computes where the model is F64.
enum WideStep: Sendable {
  case add(WideMatrix, Delta)
  /// Scales each of some rows so that its norm becomes its magnitude.
  case normaliseRows(Range<Int>, [Double], epsilon: Double)
  case multiplyRows([Double])
  /// One factor for each column.
  case multiplyColumns([Double])
  /// The row of the values that takes the place of each row.
  case replaceRows([Int: Int], [Double])
  case round

  /// Loads `step` of an update of a matrix of `rowCount` × `columnCount`; `columnSquares`
  /// gives the sums of the squares of the columns as the steps before leave them.
  init(
    _ step: UpdateStep, rowCount: Int, columnCount: Int,
    columnSquares: () throws(CheckpointError) -> [Double]
  ) throws(CheckpointError) {
    switch step.action {
    case .add(let delta):
      let rows = delta.rows?.count ?? rowCount
      self = .add(try WideMatrix(delta, rowCount: rows, columnCount: columnCount), delta)
    case .normalise(let normalisation):
      let magnitudes = try normalisation.magnitude.doubles()
      let epsilon = Double(normalisation.epsilon)
      guard case .columns(let width) = normalisation.axis else {
        self = .normaliseRows(normalisation.rows ?? 0..<rowCount, magnitudes, epsilon: epsilon)
        return
      }
      let squares = try columnSquares()
      self = .multiplyColumns(
        (0..<columnCount).map { column in
          let first = column / width * width
          let norm = squares[first..<first + width].reduce(0, +).squareRoot()
          return magnitudes[column / width] / (norm + epsilon)
        })
    case .multiply(let vector, .rows): self = .multiplyRows(try vector.doubles())
    case .multiply(let vector, .columns(let width)):
      let factors = try vector.doubles()
      self = .multiplyColumns((0..<columnCount).map { factors[$0 / width] })
    case .replaceRows(let rows, let record):
      self = .replaceRows(
        Dictionary(rows.enumerated().map { ($1, $0) }) { $1 }, try record.doubles())
    case .round: self = .round
    case .rotate, .fitScales:
      preconditionFailure("the plan has neither for an F64 tensor")
    }
  }

  /// Changes `values`, the rows `rows`, in place.
  func apply(to values: inout [Double], rows: Range<Int>, modelType: ElementType) {
    let columns = values.count / max(1, rows.count)
    for (position, row) in rows.enumerated() {
      let line = position * columns..<(position + 1) * columns
      switch self {
      case .add(let matrix, let delta):
        let area = delta.rows ?? 0..<rows.upperBound
        guard area.contains(row) else { continue }
        var change = matrix.row(row - area.lowerBound).map { $0 * delta.scale }
        if let divisor = delta.divisor {
          for index in change.indices { change[index] /= divisor }
        }
        if delta.isRoundedFirst { change = change.rounded(to: modelType) }
        for (index, value) in zip(line, change) { values[index] += value }
      case .normaliseRows(let area, let magnitudes, let epsilon):
        guard area.contains(row) else { continue }
        let norm = values[line].reduce(0) { $0 + $1 * $1 }.squareRoot()
        let factor = magnitudes[row - area.lowerBound] / (norm + epsilon)
        for index in line { values[index] *= factor }
      case .multiplyRows(let factors):
        for index in line { values[index] *= factors[row] }
      case .multiplyColumns(let factors):
        for (index, factor) in zip(line, factors) { values[index] *= factor }
      case .replaceRows(let places, let all):
        guard let place = places[row] else { continue }
        values.replaceSubrange(line, with: all[place * columns..<(place + 1) * columns])
      case .round:
        values = values.rounded(to: modelType)
        return
      }
    }
  }
}

extension [Double] {
  /// The values in a type and back.
  fileprivate func rounded(to type: ElementType) -> [Double] {
    guard type != .f64 else { return self }
    return Conversion.doubles(Conversion.bytes(of: self, as: type), of: type)
  }
}
