public import Compute
public import Formats

/// The scales of an FP8 weight: W = weight · scale, with one scale for the whole tensor,
/// for each row or for each block.
///
/// So store DeepSeek and Qwen (`weight_scale_inv`, one for each block of 128 × 128),
/// compressed-tensors, FBGEMM and ModelOpt (`weight_scale`); all of them multiply with it,
/// whatever the name says.
public struct WeightScales: Sendable {
  /// The tensor of the scales.
  public let record: TensorRecord
  /// The rows and columns of the weight that one scale is for.
  public let rowsPerScale: Int
  public let columnsPerScale: Int
  /// Whether a scale is a power of two (`scale_fmt` is `ue8m0`).
  public let isPowerOfTwo: Bool

  /// The endings, after `weight`, of the tensors that hold scales.
  public static let suffixes = ["_scale_inv", "_scale"]

  /// The types of weights that have scales.
  public static let weightTypes: Set<ElementType> = [.f8e4m3, .f8e5m2]
  private static let scaleTypes: Set<ElementType> = [.f32, .bf16, .f16, .f8e8m0]

  /// The scales of the weights of one base, whose configuration is read once for all.
  public struct Scheme: Sendable {
    fileprivate let base: Checkpoint
    fileprivate let positions: NameTable
    fileprivate let settings: JSONValue?

    public init(_ base: Checkpoint, _ positions: NameTable) {
      self.base = base
      self.positions = positions
      let isNeeded = base.records.contains { WeightScales.isWeight($0) }
      settings = isNeeded ? (try? ModelConfiguration(beside: base))?.quantisationSettings : nil
    }

    /// The scales of `weight`; nil where it is no FP8 weight or has none.
    ///
    /// Throws where they follow no scheme that is known, with the tensor and both shapes.
    public func scales(of weight: TensorRecord) throws(CheckpointError) -> WeightScales? {
      try WeightScales(of: weight, by: self)
    }
  }

  private static func isWeight(_ record: TensorRecord) -> Bool {
    record.type.element.map(weightTypes.contains) ?? false
  }

  private init?(of weight: TensorRecord, by scheme: Scheme) throws(CheckpointError) {
    let (base, positions, settings) = (scheme.base, scheme.positions, scheme.settings)
    guard Self.isWeight(weight),
      let position = Self.suffixes.lazy.compactMap({ positions[weight.name + $0] }).first
    else { return nil }
    let scale = base.records[position]
    func refusal(_ message: String) -> CheckpointError {
      CheckpointError(
        path: base.path, tensor: scale.name, message,
        fix: "merge into the model that was quantised, then quantise the result")
    }
    if positions[weight.name + "_zero_point"] != nil {
      throw refusal(
        "has zero points beside it; expected plain scales, with which \(weight.name) is multiplied")
    }
    guard let scaleType = scale.type.element, Self.scaleTypes.contains(scaleType) else {
      throw refusal("is \(scale.type.name); expected F32, BF16, F16 or F8_E8M0")
    }
    guard weight.shape.count == 2,
      let cut = Self.cut(weight.shape, scales: scale.shape, block: Self.block(settings))
    else {
      throw refusal(
        "has shape \(scale.shape), and \(weight.name) has \(weight.shape); expected one scale for "
          + "a matrix, for each of its rows or for each block")
    }
    record = scale
    (rowsPerScale, columnsPerScale) = cut
    isPowerOfTwo = scaleType == .f8e8m0 || settings?["scale_fmt"]?.string == "ue8m0"
  }

  /// The block that the configuration names, as rows and columns.
  private static func block(_ settings: JSONValue?) -> (rows: Int, columns: Int)? {
    var value = settings?["weight_block_size"]
    for group in settings?["config_groups"]?.object ?? [] where value?.array == nil {
      value = group.value["weights"]?["block_structure"]
    }
    let sizes = (value?.array ?? []).compactMap(\.int)
    return sizes.count == 2 && sizes.allSatisfy { $0 > 0 } ? (sizes[0], sizes[1]) : nil
  }

  /// What one scale is for, by the shapes.
  private static func cut(
    _ weight: [Int], scales: [Int], block: (rows: Int, columns: Int)?
  ) -> (rows: Int, columns: Int)? {
    let (rows, columns) = (max(1, weight[0]), max(1, weight[1]))
    switch scales {
    case [], [1], [1, 1]: return (rows, columns)
    case [weight[0]], [weight[0], 1]: return (1, columns)
    default:
      let block = block ?? (128, 128)
      let grid = [weight[0], weight[1]]
      let expected = zip(grid, [block.rows, block.columns]).map { ($0 + $1 - 1) / $1 }
      return scales == expected ? block : nil
    }
  }
}
