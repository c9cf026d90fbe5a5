public import Formats
public import Inspect

/// One step of an update and the adapter that it comes from.
public struct UpdateStep: Sendable {
  /// The path of the adapter, for reports.
  public var adapter: String
  public var action: Action

  public init(_ action: Action, adapter: String) {
    self.action = action
    self.adapter = adapter
  }

  public enum Action: Sendable {
    case add(Delta)
    /// Scales each line so that its Euclidean norm becomes its magnitude: m · V / ‖V‖.
    case normalise(Normalisation)
    /// Multiplies each line by its number.
    case multiply(by: TensorRecord, along: Axis)
    /// Multiplies each of the equal parts of a row by its matrix.
    case rotate(Rotation)
    /// Puts row i of the tensor in the place of row `rows[i]`.
    case replaceRows([Int], with: TensorRecord)
    /// Rounds to the type of the base, as PEFT does between two adapters.
    case round
    /// Puts the scales that a quantised weight has after its update in the place of
    /// those that it had.
    case fitScales(of: TensorUpdate)
  }

  /// What a number of a vector belongs to.
  public enum Axis: Sendable, Hashable {
    /// One number for each row.
    case rows
    /// One number for each run of so many columns.
    case columns(width: Int)
  }

  /// The rotations of OFT and BOFT.
  public struct Rotation: Sendable {
    public var source: AdapterRotation
    public var form: Form

    /// How a skew-symmetric matrix S becomes a rotation.
    public enum Form: Sendable, Hashable {
      /// (1 - S)·(1 + S)⁻¹.
      case cayley
      /// So many terms of its Neumann series.
      case neumann(terms: Int)
    }
    /// What the norm of all S together is held to (COFT); nil for no bound.
    public var bound: Double?

    public init(_ source: AdapterRotation, form: Form, bound: Double? = nil) {
      self.source = source
      self.form = form
      self.bound = bound
    }
  }

  /// DoRA's learned lengths.
  public struct Normalisation: Sendable {
    public var magnitude: TensorRecord
    public var axis: Axis
    /// The rows that have a magnitude, where the lines are rows; nil for all.
    public var rows: Range<Int>?
    /// What is added to each norm; LyCORIS does so, PEFT does not.
    public var epsilon: Float

    public init(
      _ magnitude: TensorRecord, along axis: Axis, rows: Range<Int>? = nil, epsilon: Float = 0
    ) {
      self.magnitude = magnitude
      self.axis = axis
      self.rows = rows
      self.epsilon = epsilon
    }
  }
}

extension UpdateStep.Action {
  var inputs: [TensorRecord] {
    switch self {
    case .add(let delta): delta.form.factors.flatMap(\.inputs)
    case .normalise(let normalisation): [normalisation.magnitude]
    case .multiply(let vector, _): [vector]
    case .rotate(let rotation): [rotation.source.record]
    case .replaceRows(_, let rows): [rows]
    case .round: []
    case .fitScales(let weight): [weight.base] + weight.inputs
    }
  }
}

extension UpdateStep {
  /// Whether it only adds, so that its place among others does not matter.
  var isSum: Bool { if case .add = action { true } else { false } }

  /// Whether it turns rows.
  var isRotation: Bool { if case .rotate = action { true } else { false } }

  /// Whether it gives lines their lengths.
  var isNormalisation: Bool { if case .normalise = action { true } else { false } }

  /// Whether it only rounds, as PEFT does between two adapters.
  var isRounding: Bool { if case .round = action { true } else { false } }
}
