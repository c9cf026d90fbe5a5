public import Formats

/// A matrix that is added to a tensor, made from an adapter's factors when it is
/// needed and never whole.
public struct Delta: Sendable {
  /// The rank, where the method has one, for reports.
  public var rank: Int?
  /// What every element is multiplied by: the adapter's weight times its scale.
  public var scale: Double
  /// What every element is divided by once it is scaled and rounded, as PEFT does with
  /// AdaLoRA; nil for nothing.
  public var divisor: Double?
  public var form: Form
  /// The matrix is made the other way round: the base holds `[in, out]`, as GPT-2's
  /// Conv1D and embeddings do.
  public var isTransposed: Bool
  /// The rows of the tensor that it is added to; nil for all.
  public var rows: Range<Int>?
  /// Rounded to the type of the base before it is added, as PEFT does with embeddings
  /// and parameters.
  public var isRoundedFirst: Bool

  public enum Form: Sendable {
    /// B·A, of `[out, r]` and `[r, in]`.
    case lowRank(b: Factor, a: Factor)
    /// (B₁·A₁) ∘ (B₂·A₂), element by element: LoHa.
    case hadamard(b1: Factor, a1: Factor, b2: Factor, a2: Factor)
    /// Each element of the first times the whole second: LoKr. With a `sliceWidth` each
    /// row of the second is a matrix of so many columns, and the products with one after
    /// the other fill the tensor.
    case kronecker(MatrixSource, MatrixSource, sliceWidth: Int? = nil)
    /// One B·A for each expert of a fused parameter, one below the other: of expert e
    /// the rows `e·r + k` of A and the columns `k·count + e` of B.
    case experts(b: Factor, a: Factor, count: Int)
    /// The matrix itself.
    case full(Factor)
  }

  public init(
    _ form: Form, rank: Int? = nil, scale: Double, isTransposed: Bool = false,
    rows: Range<Int>? = nil, isRoundedFirst: Bool = false
  ) {
    self.form = form
    self.rank = rank
    self.scale = scale
    self.isTransposed = isTransposed
    self.rows = rows
    self.isRoundedFirst = isRoundedFirst
  }
}

extension Delta.Form {
  var factors: [Factor] {
    switch self {
    case .lowRank(let b, let a), .experts(let b, let a, _): [b, a]
    case .hadamard(let b1, let a1, let b2, let a2): [b1, a1, b2, a2]
    case .kronecker(let first, let second, _): first.factors + second.factors
    case .full(let factor): [factor]
    }
  }
}

/// A small matrix: a tensor, or the product of two.
public enum MatrixSource: Sendable {
  case whole(Factor)
  case product(Factor, Factor)

  var factors: [Factor] {
    switch self {
    case .whole(let factor): [factor]
    case .product(let left, let right): [left, right]
    }
  }

  var rowCount: Int { factors[0].rowCount }
  var columnCount: Int { factors[factors.count - 1].columnCount }
}

/// A tensor of an adapter as a matrix: its first axis by all the others together.
public struct Factor: Sendable {
  public var record: TensorRecord
  /// Its row i is multiplied by the i-th of these (VeRA's and AdaLoRA's vectors).
  public var rowScales: TensorRecord?
  /// The core `[r, s, height, width]` of a Tucker decomposition, of which this is the
  /// factor `[s, in]`; together they are `[r, in·height·width]`.
  public var core: TensorRecord?

  public init(_ record: TensorRecord, rowScales: TensorRecord? = nil, core: TensorRecord? = nil) {
    self.record = record
    self.rowScales = rowScales
    self.core = core
  }

  public var rowCount: Int { core?.shape[0] ?? record.shape.first ?? 1 }

  public var columnCount: Int {
    record.shape.dropFirst().reduce(1, *) * (core?.shape.dropFirst(2).reduce(1, *) ?? 1)
  }

  public var elementCount: Int { rowCount * columnCount }

  var inputs: [TensorRecord] { [record, rowScales, core].compactMap(\.self) }

  /// Whether its values are those of the tensor.
  var isPlain: Bool { rowScales == nil && core == nil }
}
