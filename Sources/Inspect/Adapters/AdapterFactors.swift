public import Formats

/// The factors of one module, complete: what its update is computed from.
///
/// Scale, magnitude (DoRA) and the bias of B are beside them, in the module.
public enum AdapterFactors: Sendable {
  /// `B·A`; of a convolution both are flattened after their first axis, and with a
  /// core the update is `Σᵢⱼ core[i, j]·B[o, i]·A[j, n]`.
  case product(a: TensorRecord, b: TensorRecord, core: TensorRecord?)
  /// `(B·A)ᵀ`.
  case embedding(a: TensorRecord, b: TensorRecord)
  /// `B·diag(E)·A`.
  case adalora(a: TensorRecord, b: TensorRecord, singularValues: TensorRecord)
  /// The elementwise product of both, in the shape of the weight.
  case loha(MatrixProduct, MatrixProduct)
  /// The Kronecker product of both, in the shape of the weight.
  case lokr(KroneckerFactor, KroneckerFactor)
  /// Inputs or outputs are multiplied with the vector, or with one more than it has.
  /// `isOnInput` is LyCORIS's scalar that says which of them.
  case ia3(TensorRecord, isOffset: Bool, isOnInput: TensorRecord?)
  /// `diag(b)·B·diag(d)·A` with the shared A and B of the adapter.
  case vera(lambdaB: TensorRecord, lambdaD: TensorRecord)
  /// The weight is rotated, block by block, and its outputs then multiplied.
  case rotation(TensorRecord, outputs: TensorRecord?)
  /// Added to the weight and to the bias.
  case full(weight: TensorRecord?, bias: TensorRecord?)

  /// `a·b`; with a core `Σᵢⱼ core[i, j, …]·a[i, o]·b[j, n]`: a is transposed then.
  public struct MatrixProduct: Sendable {
    public let a: TensorRecord
    public let b: TensorRecord
    public let core: TensorRecord?
  }

  public enum KroneckerFactor: Sendable {
    case whole(TensorRecord)
    case product(MatrixProduct)
  }
}

/// The learned lengths of a module's outputs or inputs (DoRA).
public struct AdapterMagnitude: Sendable {
  public let record: TensorRecord
  public let convention: Convention

  public enum Convention: Sendable, Hashable {
    /// One length for each output.
    case peft
    /// One for each output, `[out, 1, …]`, or in older files for each input,
    /// `[1, in, …]`; a small number is added to the norm that it replaces.
    case lycoris
  }
}

extension AdapterModule {
  /// The factors, or nil where one is missing or the kind is known only by name.
  public var factors: AdapterFactors? {
    switch kind {
    case .linear, .convolution, .parameter:
      guard let a, let b else { return nil }
      return .product(a: a, b: b, core: tensor(.middle))
    case .embedding:
      guard let a, let b else { return nil }
      return .embedding(a: a, b: b)
    case .adalora:
      guard let a, let b, let values = tensor(.singularValues) else { return nil }
      return .adalora(a: a, b: b, singularValues: values)
    case .loha:
      guard let first = product(.w1a, .w1b, .t1), let second = product(.w2a, .w2b, .t2),
        (first.core == nil) == (second.core == nil)
      else { return nil }
      return .loha(first, second)
    case .lokr:
      guard let first = kroneckerFactor(.w1, .w1a, .w1b, .t1),
        let second = kroneckerFactor(.w2, .w2a, .w2b, .t2)
      else { return nil }
      return .lokr(first, second)
    case .ia3:
      if let vector = tensor(.factorVector) {
        return .ia3(vector, isOffset: false, isOnInput: nil)
      }
      return tensor(.factorOffset).map {
        .ia3($0, isOffset: true, isOnInput: tensor(.isOnInput))
      }
    case .vera:
      guard let lambdaB = tensor(.lambdaB), let lambdaD = tensor(.lambdaD) else { return nil }
      return .vera(lambdaB: lambdaB, lambdaD: lambdaD)
    case .rotation:
      guard let numbers = tensor(.rotation) ?? tensor(.embeddingRotation) else { return nil }
      let outputs = tensor(.outputFactors)
      // BOFT has both.
      return numbers.shape.count == 4 && outputs == nil
        ? nil : .rotation(numbers, outputs: outputs)
    case .full:
      return .full(weight: tensor(.difference), bias: tensor(.biasDifference))
    case .other:
      return nil
    }
  }

  /// The learned lengths, if it has them.
  public var magnitude: AdapterMagnitude? {
    tensors.first { $0.leaf.role == .magnitude }.map {
      AdapterMagnitude(
        record: $0.record, convention: $0.leaf.name == "dora_scale" ? .lycoris : .peft)
    }
  }

  private func product(_ a: AdapterLeaf.Role, _ b: AdapterLeaf.Role, _ core: AdapterLeaf.Role)
    -> AdapterFactors.MatrixProduct?
  {
    guard let a = tensor(a), let b = tensor(b) else { return nil }
    return AdapterFactors.MatrixProduct(a: a, b: b, core: tensor(core))
  }

  private func kroneckerFactor(
    _ whole: AdapterLeaf.Role, _ a: AdapterLeaf.Role, _ b: AdapterLeaf.Role,
    _ core: AdapterLeaf.Role
  ) -> AdapterFactors.KroneckerFactor? {
    if let whole = tensor(whole) { return .whole(whole) }
    return product(a, b, core).map { .product($0) }
  }
}
