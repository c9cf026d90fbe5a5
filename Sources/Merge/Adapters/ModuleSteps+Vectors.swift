import Formats
import Inspect

/// Which lines of the weight the numbers of a vector belong to.
extension ModuleSteps {
  /// Whether the vector of (IA)³ multiplies inputs instead of outputs.
  ///
  /// Of a matrix its shape says so, `[1, in]` or `[out, 1]`; of a convolution its length
  /// or, where both are alike, `feedforward_modules`.
  func isOnInput(_ vector: TensorRecord) throws(CheckpointError) -> Bool {
    let shape = base.shape
    let (outputs, inputs) = isTransposed ? (shape[1], shape[0]) : (shape[0], shape[1])
    let count = vector.elementCount
    if vector.shape.count == 2, vector.shape[0] != vector.shape[1] { return vector.shape[0] == 1 }
    guard outputs == inputs else { return count == inputs }
    let fields = adapter.configuration?.json["feedforward_modules"]
    if let names = fields?.array?.compactMap(\.string) {
      // The configuration has the adapter's own names, which the base may not have.
      let key = module.tensors.first?.record.name ?? ""
      return names.contains { name in
        module.target == name || module.target.hasSuffix(".\(name)") || key.contains(".\(name).")
      }
    }
    throw refusal("no feedforward_modules say whether it multiplies inputs or outputs")
  }

  func normalisation(_ magnitude: AdapterMagnitude) throws(CheckpointError)
    -> UpdateStep.Normalisation
  {
    let record = magnitude.record
    let shape = base.shape
    let kernel = shape.dropFirst(2).reduce(1, *)
    var isOfRows = !isTransposed
    var epsilon: Float = 0
    if magnitude.convention == .lycoris {
      if record.shape.count > 1, record.shape[0] == 1, record.elementCount > 1 {
        isOfRows.toggle()
      }
      epsilon = Self.lycorisEpsilon
    }
    guard isOfRows || rows == nil else {
      throw refusal("gives lengths to columns of a tensor in which the base fuses several modules")
    }
    let expected = isOfRows ? rows?.count ?? shape[0] : shape.dropFirst().first ?? 1
    guard record.elementCount == expected else {
      throw CheckpointError(
        path: adapter.path, tensor: record.name,
        "has \(record.elementCount) magnitudes; expected \(expected) for "
          + (rows.map { "\($0.count) rows of " } ?? "") + "the weight \(shape)")
    }
    return UpdateStep.Normalisation(
      record, along: isOfRows ? .rows : .columns(width: kernel), rows: rows, epsilon: epsilon)
  }

  /// What LyCORIS adds to norms: `finfo(float32).eps`, as it computes them in the type of
  /// the magnitudes, which it keeps in float32 whatever the base has.
  private static let lycorisEpsilon: Float = 0x1p-23
}
