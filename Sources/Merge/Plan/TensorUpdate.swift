public import Formats
public import Inspect

/// What is done to the values of one tensor, step by step.
///
/// The tensor counts as a matrix: its first axis by all the others together, as
/// `[out, in]` or, for a convolution, `[out, in·height·width]`; fused experts count as
/// one matrix below the other.
public struct TensorUpdate: Sendable {
  /// What the first step starts from: the tensor of the base, or the one that takes
  /// its place.
  public var base: TensorRecord
  public var steps: [UpdateStep]
  /// The type of the tensor in the model, to which PEFT rounds.
  public var modelType: TensorType
  /// What `base` takes the place of, where it is an adapter's tensor.
  var replacement: Replacement?
  /// Whether PEFT makes the sums twice, as it does with the output of a fused attention.
  public var isDoubledByPEFT = false
  /// The scales of `base`, where it is quantised: the steps work on the products, which
  /// are then quantised in the same scheme.
  public var scales: WeightScales?

  public init(_ base: TensorRecord, steps: [UpdateStep]) {
    self.base = base
    self.steps = steps
    modelType = base.type
    columnCount = base.columnCount
  }

  /// An update that begins with `record`, an adapter's, in a model of `modelType`.
  init(_ record: TensorRecord, inPlaceOf replacement: Replacement, modelType: TensorType) {
    self.init(record, steps: [])
    self.modelType = modelType
    self.replacement = replacement
  }

  /// Whether `base` is an adapter's tensor in the place of the base's.
  public var isReplacement: Bool { replacement != nil }

  /// Counts every row of the last axis by itself: a stack of matrices as one matrix.
  mutating func stackMatrices() { columnCount = base.shape.last ?? 1 }

  public var rowCount: Int { columnCount == 0 ? 0 : base.elementCount / columnCount }
  /// The elements of a row.
  public private(set) var columnCount: Int

  /// The sums that are all that happens; nil where something else does.
  var onlySums: [Delta]? {
    guard scales == nil else { return nil }
    var deltas: [Delta] = []
    for step in steps {
      guard case .add(let delta) = step.action, !delta.isRoundedFirst, delta.divisor == nil
      else { return nil }
      deltas.append(delta)
    }
    return deltas
  }

  /// The tensors that are read, the base not among them.
  var inputs: [TensorRecord] {
    (scales.map { [$0.record] } ?? []) + steps.flatMap(\.action.inputs)
  }

  /// The scales of a weight after its update, where `base` holds them before it.
  static func scales(_ scales: WeightScales, of weight: TensorUpdate) -> TensorUpdate {
    TensorUpdate(
      scales.record,
      steps: [UpdateStep(.fitScales(of: weight), adapter: weight.steps.first?.adapter ?? "")])
  }

  /// Whether it does no more than follow the update of a weight.
  var isOfScales: Bool {
    if case .fitScales? = steps.first?.action { true } else { false }
  }
}

extension TensorRecord {
  /// The columns of the tensor as a matrix: all its other axes together.
  var columnCount: Int { shape.dropFirst().reduce(1, *) }
}
