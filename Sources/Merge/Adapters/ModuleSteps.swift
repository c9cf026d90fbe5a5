import Compute
import Formats
import Inspect

/// What a module of an adapter does to its weight and its bias, as steps.
struct ModuleSteps {
  let module: AdapterModule
  /// The tensor of the base.
  let base: TensorRecord
  /// The base holds the weight as `[in, out]`.
  var isTransposed = false
  /// The rows that the module stands for where the base fuses several; nil for all.
  var rows: Range<Int>?
  let adapter: Adapter
  let weight: Double
  let numerics: Numerics

  /// The steps for the weight.
  func weightSteps() throws(CheckpointError) -> [UpdateStep] {
    guard let factors = module.factors else {
      throw refusal("its factors are not complete, or of a kind that tenon does not know")
    }
    var steps = try steps(of: factors)
    if let magnitude = module.magnitude {
      steps.append(step(.normalise(try normalisation(magnitude))))
    }
    guard steps.contains(where: { !$0.isSum }) else { return steps }
    try refuseWeight()
    guard rows == nil else {
      throw refusal("multiplies rows of a tensor in which the base fuses several")
    }
    return steps
  }

  /// The steps for the bias beside the weight, and whether it has to be there.
  func biasSteps() throws(CheckpointError) -> (steps: [UpdateStep], isRequired: Bool) {
    if case .ia3(let vector, _, _)? = module.factors, try !isOnInput(vector) {
      return ([step(.multiply(by: vector, along: .rows))], false)
    }
    return (try biasSums(), true)
  }

  private func biasSums() throws(CheckpointError) -> [UpdateStep] {
    if let bias = module.tensor(.outputBias) {
      return [step(.add(Delta(.full(Factor(bias)), scale: try scale() * weight)))]
    }
    if let bias = module.tensor(.biasDifference) {
      return [step(.add(Delta(.full(Factor(bias)), scale: weight)))]
    }
    return []
  }

  private func step(_ action: UpdateStep.Action) -> UpdateStep {
    UpdateStep(action, adapter: adapter.path)
  }

  private func scale() throws(CheckpointError) -> Double {
    try module.knownScale(path: adapter.path)
  }

  /// The sum, with a rounding of its own in PEFT's numerics, unless a magnitude follows.
  private func roundedFirst(_ sum: UpdateStep) -> UpdateStep {
    guard case .add(var delta) = sum.action, numerics == .peft, module.magnitude == nil,
      base.type.bitWidth < 32
    else { return sum }
    delta.isRoundedFirst = true
    return step(.add(delta))
  }

  private func steps(of factors: AdapterFactors) throws(CheckpointError) -> [UpdateStep] {
    switch factors {
    case .product(let a, let b, let core):
      let step = try sum(.lowRank(b: Factor(b), a: Factor(a, core: core)))
      // PEFT rounds the update of a fused attention to its type before adding it.
      return [base.name.hasSuffix("in_proj_weight") ? roundedFirst(step) : step]
    case .embedding(let a, let b):
      // PEFT rounds the update of an embedding to its type before adding it, but not
      // where a magnitude follows.
      return [roundedFirst(try sum(.lowRank(b: Factor(b), a: Factor(a))))]
    case .adalora(let a, let b, let values):
      return [
        try sum(.lowRank(b: Factor(b), a: Factor(a, rowScales: values)), scale: adaloraScale())
      ]
    case .loha(let first, let second):
      let (b1, a1) = try pair(first)
      let (b2, a2) = try pair(second)
      return [try sum(.hadamard(b1: b1, a1: a1, b2: b2, a2: a2))]
    case .lokr(let first, let second):
      return [
        try sum(
          .kronecker(try source(first), try source(second), sliceWidth: sliceWidth(of: second)))
      ]
    case .ia3(let vector, let isOffset, _):
      guard !isOffset else { throw refusal("LyCORIS's (IA)³ is not supported") }
      let kernel = base.shape.dropFirst(2).reduce(1, *)
      let isOfRows = try isOnInput(vector) == isTransposed
      return [step(.multiply(by: vector, along: isOfRows ? .rows : .columns(width: kernel)))]
    case .vera(let lambdaB, let lambdaD):
      return [try sum(vera(lambdaB, lambdaD), scale: 1)]
    case .full(let difference, _):
      guard let difference else { return [] }
      return [try sum(.full(Factor(difference)), scale: 1)]
    }
  }

  private func sum(_ form: Delta.Form, scale: Double? = nil) throws(CheckpointError)
    -> UpdateStep
  {
    let own = if let scale { scale } else { try self.scale() }
    let delta = Delta(
      form, rank: module.rank, scale: own * weight, isTransposed: isTransposed, rows: rows)
    return step(.add(delta))
  }

  /// PEFT scales by alpha alone and divides by the rank, made a little larger.
  private func adaloraScale() throws(CheckpointError) -> Double {
    guard let alpha = module.alpha, let rank = module.rank else { return try scale() }
    return alpha / (Double(rank) + 1e-5)
  }

  /// The factors of one product; those around a core are stored the other way round.
  private func pair(_ product: AdapterFactors.MatrixProduct) throws(CheckpointError)
    -> (b: Factor, a: Factor)
  {
    guard let core = product.core else { return (Factor(product.a), Factor(product.b)) }
    return (Factor(product.a.transposed), Factor(product.b, core: core))
  }

  private func source(_ factor: AdapterFactors.KroneckerFactor) throws(CheckpointError)
    -> MatrixSource
  {
    switch factor {
    case .whole(let record): return .whole(Factor(record))
    case .product(let product):
      let (b, a) = try pair(product)
      return .product(b, a)
    }
  }

  /// PEFT gives the first factor the axes of a kernel only for two of them, so that what
  /// was trained on a Conv1d is the product with each of the second's matrices.
  private func sliceWidth(of factor: AdapterFactors.KroneckerFactor) -> Int? {
    guard adapter.kind == .peftAdapter, case .whole(let record) = factor, record.shape.count == 3
    else { return nil }
    return record.shape[2]
  }

  /// The rows and columns of the shared matrices that the weight has.
  private func vera(_ lambdaB: TensorRecord, _ lambdaD: TensorRecord) throws(CheckpointError)
    -> Delta.Form
  {
    let shared = adapter.shared
    guard let a = shared.first(where: { $0.leaf.role == .sharedA })?.record,
      let b = shared.first(where: { $0.leaf.role == .sharedB })?.record
    else {
      throw refusal(
        "needs vera_A and vera_B, which torch's random numbers made and the file does not hold "
          + "(save_projection false)")
    }
    let shape = isTransposed ? base.shape.reversed() : base.shape
    let (rows, columns) = (shape[0], shape.dropFirst().reduce(1, *))
    guard a.shape.count == 2, b.shape.count == 2, a.shape[1] >= columns, b.shape[0] >= rows,
      a.shape[0] == lambdaD.elementCount, b.shape[1] == a.shape[0], lambdaB.elementCount == rows
    else {
      throw refusal(
        "has vera_A \(a.shape), vera_B \(b.shape) and vectors of \(lambdaB.elementCount) and "
          + "\(lambdaD.elementCount), which do not fit the weight \(base.shape)")
    }
    return .lowRank(
      b: Factor(b.matrixPart(rows: rows, columns: b.shape[1]), rowScales: lambdaB),
      a: Factor(a.matrixPart(rows: a.shape[0], columns: columns), rowScales: lambdaD))
  }

  /// Whether the vector of (IA)³ multiplies inputs instead of outputs.
  ///
  /// Of a matrix its shape says so, `[1, in]` or `[out, 1]`; of a convolution its length
  /// or, where both are alike, `feedforward_modules`.
  private func isOnInput(_ vector: TensorRecord) throws(CheckpointError) -> Bool {
    let shape = base.shape
    let (outputs, inputs) = isTransposed ? (shape[1], shape[0]) : (shape[0], shape[1])
    let count = vector.elementCount
    if vector.shape.count == 2, vector.shape[0] != vector.shape[1] { return vector.shape[0] == 1 }
    guard outputs == inputs else { return count == inputs }
    let fields = adapter.configuration?.json["feedforward_modules"]
    if let names = fields?.array?.compactMap(\.string) {
      return names.contains { module.target == $0 || module.target.hasSuffix(".\($0)") }
    }
    throw refusal("no feedforward_modules say whether it multiplies inputs or outputs")
  }

  private func normalisation(_ magnitude: AdapterMagnitude) throws(CheckpointError)
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
    let expected = isOfRows ? shape[0] : shape.dropFirst().first ?? 1
    guard record.elementCount == expected else {
      throw CheckpointError(
        path: adapter.path, tensor: record.name,
        "has \(record.elementCount) magnitudes; expected \(expected) for the weight \(shape)")
    }
    return UpdateStep.Normalisation(
      record, along: isOfRows ? .rows : .columns(width: kernel), epsilon: epsilon)
  }

  /// What LyCORIS adds to norms: `finfo(float32).eps`, as it computes them in the type of
  /// the magnitudes, which it keeps in float32 whatever the base has.
  private static let lycorisEpsilon: Float = 0x1p-23

  /// What multiplies a weight has no part to be weighed, and nothing to be taken back.
  private func refuseWeight() throws(CheckpointError) {
    guard weight != 1 else { return }
    guard weight < 0 else {
      throw refusal(
        "multiplies the weight (\(adapter.family)), so that no part of it can be added; "
          + "expected --weight 1")
    }
    var error = refusal(
      "multiplies the weight (\(adapter.family)) instead of adding to it, so that it cannot be "
        + "subtracted")
    error.fix = "keep the base: such a merge cannot be taken back"
    throw error
  }

  private func refusal(_ message: String) -> CheckpointError {
    CheckpointError(
      path: adapter.path, tensor: module.tensors.first?.record.name,
      "module \(module.target.quoted): \(message)")
  }
}

extension UpdateStep {
  /// Whether it only adds, so that its place among others does not matter.
  var isSum: Bool { if case .add = action { true } else { false } }

  /// Whether it only rounds, as PEFT does between two adapters.
  var isRounding: Bool { if case .round = action { true } else { false } }
}

extension AdapterModule {
  /// What the update is multiplied with, which has to be known; `path` is the adapter's.
  func knownScale(path: String) throws(CheckpointError) -> Double {
    guard let scale else {
      throw CheckpointError(
        path: path, tensor: tensors.first?.record.name,
        "no file says lora_alpha, and a guess would scale every update wrongly",
        fix: "add --alpha with the lora_alpha of the training")
    }
    return scale
  }
}

extension TensorRecord {
  /// The matrix with rows and columns exchanged.
  var transposed: TensorRecord {
    view(shape: [shape[1], shape[0]]) { [$0[1], $0[0]] }
  }

  /// The first rows and columns of a matrix.
  func matrixPart(rows: Int, columns: Int) -> TensorRecord {
    guard shape != [rows, columns] else { return self }
    return view(shape: [rows, columns]) { $0 }
  }

  private func view(shape newShape: [Int], _ strides: ([Int]) -> [Int]) -> TensorRecord {
    var copy = self
    copy.shape = newShape
    let own = bytes?.view ?? StridedView(offset: 0, strides: [shape[1], 1])
    copy.bytes?.view = StridedView(offset: own.offset, strides: strides(own.strides))
    return copy
  }
}
