import Compute
public import Formats

/// A tensor of an adapter and what it is to its module.
public struct AdapterTensor: Sendable {
  public let leaf: AdapterLeaf
  public let record: TensorRecord

  /// Whether a merge computes with elements of its type; an alpha is read in any.
  public var isOfMergedType: Bool {
    if leaf.role == .alpha { return true }
    guard let type = record.type.element else { return false }
    return [.f32, .f16, .bf16, .f64].contains(type)
  }
}

/// What an adapter does to one module of the base.
public struct AdapterModule: Sendable {
  /// The path of the module as the base names it, without `base_model.model.`; for
  /// names that cannot be undone without the base, what stands for it.
  public let target: String
  public let kind: Kind
  /// All its tensors, in the order of the file.
  public let tensors: [AdapterTensor]
  /// The rank that the shapes show, or where they show none the configuration's.
  public let rank: Int?
  /// Nil where no file says it.
  public let alpha: Double?
  /// What the update is multiplied with: alpha/rank, or alpha/√rank for rsLoRA; nil
  /// without an alpha.
  public let scale: Double?

  public enum Kind: Sendable, Hashable, CaseIterable {
    /// Matrices A `[r, in]` and B `[out, r]`.
    case linear
    /// Embedding factors A `[r, vocabulary]` and B `[dimension, r]`.
    case embedding
    /// A holds a kernel: `[r, in, height, width]` and its like.
    case convolution
    /// Factors for a parameter of several matrices, such as fused experts.
    case parameter
    /// An elementwise product of two products.
    case loha
    /// A Kronecker product.
    case lokr
    /// A vector that multiplies inputs or outputs.
    case ia3
    /// A and B with singular values between them.
    case adalora
    /// Vectors around matrices that all modules share.
    case vera
    /// Rotations of blocks of the inputs.
    case rotation
    /// The whole difference of a weight, a bias or both.
    case full
    /// A method that is known only by name.
    case other
  }

  /// The factor `[r, in]`.
  public var a: TensorRecord? { tensor(.a) ?? tensor(.embeddingA) }
  /// The factor `[out, r]`.
  public var b: TensorRecord? { tensor(.b) ?? tensor(.embeddingB) }
  /// The tensors beside A and B.
  public var extras: [AdapterTensor] {
    tensors.filter { ![.a, .b, .embeddingA, .embeddingB].contains($0.leaf.role) }
  }

  /// The same for a module of another path.
  func named(_ target: String) -> AdapterModule {
    AdapterModule(
      target: target, kind: kind, tensors: tensors, rank: rank, alpha: alpha, scale: scale)
  }

  /// The same with another rank and alpha, and the scale that follows from them.
  func scaled(rank: Int?, alpha: Double?, by configuration: AdapterConfiguration?) -> AdapterModule
  {
    AdapterModule(
      target: target, kind: kind, tensors: tensors, rank: rank, alpha: alpha,
      scale: AdapterScales.scale(configuration, alpha: alpha, rank: rank))
  }

  /// The tensor of this role, if the module has one.
  public func tensor(_ role: AdapterLeaf.Role) -> TensorRecord? {
    tensors.first { $0.leaf.role == role }?.record
  }
}

extension AdapterModule {
  var isFactored: Bool { a != nil && b != nil }
  var hasMagnitude: Bool { tensors.contains { $0.leaf.role == .magnitude } }
}

extension Adapter {
  /// The modules of DoRA that have lost their lengths: without them they would be plain
  /// LoRA, which was not trained.
  public var modulesWithoutMagnitude: [AdapterModule] {
    guard features.contains(.dora) else { return [] }
    return modules.filter { $0.isFactored && !$0.hasMagnitude }
  }
}

/// A tensor of an adapter that takes the place of one of the base.
public struct AdapterReplacement: Sendable {
  /// The name of the tensor of the base.
  public let target: String
  public let kind: Kind
  public let record: TensorRecord

  /// The same in the place of another tensor.
  public func inPlace(of target: String) -> AdapterReplacement {
    AdapterReplacement(target: target, kind: kind, record: record)
  }

  /// The path of the module that the tensor belongs to.
  public var module: String {
    target.lastIndex(of: ".").map { String(target[..<$0]) } ?? target
  }

  public enum Kind: String, Sendable, Hashable {
    /// A module of `modules_to_save`, or a resized embedding.
    case module = "trained module"
    /// A module of `modules_to_save` that is the input's and the tied output's.
    case tiedModule = "trained module of two tied"
    /// The base's own weight or bias of an adapted module.
    case baseLayer = "base layer"
    case bias
    /// Rows of an embedding, listed in `trainable_token_indices`.
    case tokenRows = "token rows"
    /// A part of InternLM-XComposer's PLoRA, which belongs to the base.
    case plora = "PLoRA"
  }
}
