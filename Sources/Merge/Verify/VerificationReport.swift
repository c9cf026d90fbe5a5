public import Compute
public import Formats

/// Whether a merged model is the base with the adapters, and where it is not.
public struct VerificationReport: Sendable {
  /// Every tensor that the adapters change, in the order of the plan.
  public var targets: [Target]
  /// Whatever else is not as it has to be.
  public var changes: [Change]
  /// Tensors that are those of the base, and of these the ones in another type.
  public var untouched: Int
  public var converted: Int
  /// The arithmetic that gives every target; nil where none does.
  public var numerics: RecognisedNumerics?
  /// What was noticed when the files were read.
  public var findings: [Finding]

  /// One tensor that the adapters change.
  public struct Target: Sendable {
    /// The module, or the tensor's name without `.weight`.
    public var target: String
    public var tensor: String
    public var type: TensorType
    public var elementCount: Int
    /// Elements that are not the expected ones; nil where they could not be compared.
    public var differing: Int?
    /// How far they are from the expected ones.
    public var distance: ResultDistance
    /// Whether the tensor is that of the base, rounded to its type.
    public var isBase: Bool
    /// Whether PEFT would have made the change twice.
    public var isDoubledByPEFT = false
    /// The arithmetic that gives exactly this tensor.
    public var numerics: RecognisedNumerics?
  }

  /// One difference that no adapter explains.
  public struct Change: Sendable, Hashable {
    public var name: String
    public var reason: Reason
    /// What the plan makes.
    public var expected: Header?
    /// What the merged model has.
    public var found: Header?
    /// How many elements differ, where only values do.
    public var differing: Int?

    public enum Reason: String, Sendable, Hashable, CaseIterable {
      case missing, extra, shape, dtype, values
    }

    /// The type and shape of a tensor.
    public struct Header: Sendable, Hashable {
      public var type: TensorType
      public var shape: [Int]
    }
  }
}

/// Which of our arithmetics gives the bits that were found.
public enum RecognisedNumerics: String, Sendable, Hashable, CaseIterable {
  case exact, peft
  /// Either: where the type stays and one adapter is merged, they are the same.
  case both

  init?(exact: Bool, peft: Bool) {
    switch (exact, peft) {
    case (true, true): self = .both
    case (true, false): self = .exact
    case (false, true): self = .peft
    case (false, false): return nil
    }
  }

  func includes(_ numerics: Numerics) -> Bool { self == .both || rawValue == numerics.rawValue }
}

extension VerificationReport.Change.Header {
  init(_ tensor: PlannedTensor) {
    type = tensor.type
    shape = tensor.shape
  }

  init(_ record: TensorRecord) {
    type = record.type
    shape = record.shape
  }
}

extension VerificationReport {
  /// Whether every target is what it has to be and nothing else changed.
  ///
  /// `tolerance` is how many units in the last place of its terms an element may be
  /// off, as long as the change as a whole is the expected one.
  public func isEqual(tolerance: Double = 0) -> Bool {
    changes.isEmpty && targets.allSatisfy { $0.isEqual(tolerance: tolerance) }
  }
}
