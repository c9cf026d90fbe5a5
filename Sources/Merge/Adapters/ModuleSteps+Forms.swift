import Compute
import Formats
import Inspect

/// What the factors of each method come to.
extension ModuleSteps {
  func steps(of factors: AdapterFactors) throws(CheckpointError) -> [UpdateStep] {
    switch factors {
    case .product(let a, let b, let core):
      let step = try sum(.lowRank(b: Factor(b), a: Factor(a, core: core)))
      // PEFT rounds the update of a fused attention to its type before adding it, and that of
      // fused experts.
      let isParameter =
        base.name.hasSuffix("in_proj_weight") || rows != nil && base.shape.count == 3
      return [isParameter ? roundedFirst(step) : step]
    case .embedding(let a, let b):
      // PEFT rounds the update of an embedding to its type before adding it, but not
      // where a magnitude follows.
      return [roundedFirst(try sum(.lowRank(b: Factor(b), a: Factor(a))))]
    case .adalora(let a, let b, let values):
      // All its ranks were taken away.
      guard a.elementCount > 0 else { return [] }
      return [try adalora(.lowRank(b: Factor(b), a: Factor(a, rowScales: values)))]
    case .loha(let first, let second):
      let (b1, a1) = try pair(first)
      let (b2, a2) = try pair(second)
      // PEFT keeps the scale of this one in float32, whatever the model has.
      return [
        try sum(
          .hadamard(b1: b1, a1: a1, b2: b2, a2: a2), hasFloatScale: numerics == .peft)
      ]
    case .lokr(let first, let second):
      guard !isTransposed else {
        throw refusal("is a Kronecker product, and the base holds the weight as [in, out]")
      }
      return [
        try sum(
          .kronecker(try source(first), try source(second), sliceWidth: sliceWidth(of: second)))
      ]
    case .ia3(let vector, let isOffset, _):
      guard !isOffset else { throw refusal("LyCORIS's (IA)³ is not supported") }
      let kernel = base.shape.dropFirst(2).reduce(1, *)
      let isOfRows = try isOnInput(vector) == isTransposed
      return [step(.multiply(by: vector, along: isOfRows ? .rows : .columns(width: kernel)))]
    case .rotation(_, let outputs):
      guard !isTransposed else {
        throw refusal("turns the inputs, and the base holds the weight as [in, out]")
      }
      return [step(.rotate(try rotation()))]
        + (outputs.map { [step(.multiply(by: $0, along: .rows))] } ?? [])
    case .vera(let lambdaB, let lambdaD):
      return [try sum(vera(lambdaB, lambdaD), scale: 1)]
    case .full(let difference, _):
      guard let difference else { return [] }
      return [
        try sum(.full(Factor(isTransposed ? difference.transposed : difference)), scale: 1)
      ]
    }
  }

  private func sum(
    _ form: Delta.Form, scale: Double? = nil, divisor: Double? = nil, hasFloatScale: Bool = false
  ) throws(CheckpointError) -> UpdateStep {
    let own = if let scale { scale } else { try self.scale() }
    let all = hasFloatScale ? Double(Float(own * weight)) : own * weight
    var delta = Delta(
      form, rank: module.rank, scale: all, isTransposed: isTransposed, rows: rows)
    delta.divisor = divisor
    return step(.add(delta))
  }

  /// PEFT scales by alpha alone and divides by the rank before any was taken away, made a
  /// little larger; in its own numerics that is two roundings.
  private func adalora(_ form: Delta.Form) throws(CheckpointError) -> UpdateStep {
    guard let alpha = module.alpha, let rank = adapter.configuration?.rank ?? module.rank else {
      return try sum(form)
    }
    guard numerics == .peft else { return try sum(form, scale: alpha / (Double(rank) + 1e-5)) }
    return try sum(form, scale: alpha, divisor: Double(rank) + 1e-5)
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
    guard [.peftAdapter, .wrappedCheckpoint].contains(adapter.kind),
      case .whole(let record) = factor, record.shape.count == 3
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
}
