import Formats
import OrderedCollections

/// A tensor of a projection: its name taken apart around the module.
struct ProjectionTensor {
  /// Where the tensor stands in the draft.
  let position: Int
  /// What stands before the module's own words, with its dot.
  let prefix: String
  /// What follows them, without the dot.
  let suffix: String
  let role: Role?

  /// What the rows of a tensor are.
  enum Role: Hashable {
    /// Outputs, of a weight or a bias.
    case base
    /// The rank: A of a LoRA.
    case a
    /// Outputs: B of a LoRA, whose columns are the rank.
    case b
    /// Outputs: the bias that a LoRA adds.
    case outputBias
    /// Outputs: the lengths of a DoRA.
    case magnitude
  }

  /// Nil where `words`, the end of a module's path, are not in the name.
  init?(_ name: String, words: [Substring], position: Int) {
    let segments = name.dottedSegments
    guard
      let start = (0...max(0, segments.count - words.count)).last(where: { start in
        start + words.count < segments.count
          && segments[start..<start + words.count].elementsEqual(words)
      })
    else { return nil }
    self.position = position
    prefix = segments[..<start].map { "\($0)." }.joined()
    suffix = segments[(start + words.count)...].joined(separator: ".")
    role = Self.role(suffix)
  }

  /// Nil for a tensor of which nothing is known that would do.
  private static func role(_ suffix: String) -> Role? {
    let key = AdapterKey(peft: "m.\(suffix)")
    switch key.content {
    case .plain(.tokenRows), .plain(.plora): return nil
    case .plain, .frozenCopy:
      return key.target == "m.weight" || key.target == "m.bias" ? .base : nil
    case .leaf(let leaf, let isNested):
      guard key.target == "m", !isNested else { return nil }
      return switch leaf.role {
      case .a: .a
      case .b: .b
      case .outputBias: .outputBias
      case .magnitude: .magnitude
      default: nil
      }
    }
  }
}

extension RenamingDraft {
  /// The tensors of the modules whose paths end in `end`, by what stands before;
  /// refuses modules with a tensor that cannot be treated.
  func projections(_ end: String, to other: String) throws(CheckpointError) -> [(
    prefix: String, tensors: [ProjectionTensor]
  )] {
    let words = end.dottedSegments
    var places: [String: Int] = [:]
    var modules: [(prefix: String, tensors: [ProjectionTensor])] = []
    for (position, tensor) in tensors.enumerated() {
      guard
        let found = ProjectionTensor(tensor.record.name, words: words, position: position)
      else { continue }
      if let place = places[found.prefix] {
        modules[place].tensors.append(found)
      } else {
        places[found.prefix] = modules.count
        modules.append((found.prefix, [found]))
      }
    }
    // A container of that name, which is no projection.
    modules.removeAll { module in module.tensors.allSatisfy { $0.role == nil } }
    if !modules.isEmpty, metadata[PackedConfigurations.key] != nil {
      throw CheckpointError(
        path: path, "its configuration lies in the metadata, where it would not be changed along",
        fix: "add --preset diffusers-to-peft before it, and peft-to-diffusers behind")
    }
    for tensor in modules.lazy.flatMap(\.tensors) { try checkSize(tensors[tensor.position]) }
    let others = modules.flatMap(\.tensors).filter { $0.role == nil }
      .map { tensors[$0.position].record.name }
    guard others.isEmpty else {
      throw CheckpointError(
        path: path, tensor: others.count == 1 ? others[0] : nil,
        "\(others.count == 1 ? "it has" : "\(others.count) tensors of \(end) have") no exact form "
          + "in \(other)",
        details: others.count == 1 ? [] : FoldedKeys.lines(others))
    }
    return modules
  }

  /// More elements than any projection has; the sums and products of a few such
  /// numbers fit.
  private static let maximumElementCount = 1 << 40

  /// Refuses empty tensors, and shapes that a text makes up.
  func checkSize(_ tensor: Tensor) throws(CheckpointError) {
    guard tensor.isShapeKnown else { return }
    let count = tensor.record.shape.reduce(1) { count, size in
      let product = count.multipliedReportingOverflow(by: size)
      return product.overflow ? .max : product.partialValue
    }
    guard !(1...Self.maximumElementCount).contains(count) else { return }
    throw CheckpointError(
      path: path, tensor: tensor.record.name,
      "is \(tensor.record.shape); expected 1 to \(Self.maximumElementCount) elements")
  }

  /// The heads of the module at `path`, stated or in a `config.json`.
  func heads(of path: String) throws(CheckpointError) -> AttentionHeads {
    if let statedHeads { return statedHeads }
    for file in modelConfigurations {
      let json = try InputFile.json(at: file)
      do throws(CheckpointError) {
        if let heads = try AttentionHeads(json, file: file, path: path) { return heads }
      } catch {
        throw error.with(path: file)
      }
    }
    throw CheckpointError(
      modelConfigurations.isEmpty
        ? "needs num_attention_heads and num_key_value_heads; neither config.json nor params.json "
          + "lies beside it"
        : "needs num_attention_heads and num_key_value_heads; "
          + "\(modelConfigurations.joined(separator: " and ")) "
          + "\(modelConfigurations.count == 1 ? "does" : "do") not say",
      fix: "add --attention-heads and --key-value-heads, or --to-match with the base")
  }
}
