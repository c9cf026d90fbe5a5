public import Formats

/// Embeddings that a model uses twice, for its input and for its output.
///
/// Their file usually holds them once. An adapter that changes one of the two parts
/// them: both are written and the configuration says so, or a loader would tie them
/// again and lose the change.
public struct TiedWeights: Sendable {
  /// The tensor of the input.
  public let input: String
  private let inputShape: [Int]
  /// The tensor of the output, whether the file has it or not.
  public let output: String
  private let isOutputStored: Bool
  /// The bias of an output that is tied to another tensor.
  public let bias: (name: String, source: String)?
  /// The other names under which an encoder and a decoder know the input; a loader that
  /// does not tie them to it any more wants them by name.
  public let copies: [String]
  /// What the configuration has to say when the two are parted.
  public let partedFields: [(field: String, value: JSONValue, isNewOnly: Bool)]

  /// Nil where the base has no tied embeddings.
  public init?(_ base: Checkpoint) throws(CheckpointError) {
    let names = base.records.map(\.name)
    let embeddings = names.filter(EmbeddingNames.isInput)
    let others = Set(embeddings.flatMap { Self.copies(of: $0, names: names) })
    let inputs = embeddings.filter { !others.contains($0) }
    let outputs = names.filter(EmbeddingNames.isOutput)
    guard inputs.count == 1, outputs.count <= 1 else { return nil }
    var isTied: Bool?
    var architecture: String?
    var modelType: String?
    if let file = base.sideFile("config.json") {
      let document = try InputFile.json(at: file.path)
      isTied =
        (document["tie_word_embeddings"] ?? document["text_config"]?["tie_word_embeddings"])?
        .bool
      architecture = document["architectures"]?.array?.first?.string
      modelType = document["model_type"]?.string
    }
    // Without a word in the configuration only a file without an output shows it.
    guard isTied ?? outputs.isEmpty else { return nil }
    guard
      let head = OutputHead(
        tiedTo: inputs[0], names: base.records.lazy.map(\.name), architecture: architecture)
    else { return nil }
    input = inputs[0]
    inputShape = base.records.first { $0.name == inputs[0] }?.shape ?? []
    output = outputs.first ?? head.weight
    isOutputStored = !outputs.isEmpty
    bias = outputs.isEmpty ? head.bias : nil
    copies = Self.copies(of: inputs[0], names: names)
    partedFields = Self.partedFields(modelType)
  }

  /// What the encoder and the decoder beside an input that they share call it.
  private static let sharedInputs = [
    (input: "shared.weight", copy: "embed_tokens.weight"),
    (input: "word_embeddings.weight", copy: "word_embeddings.weight"),
  ]

  private static func copies(of input: String, names: [String]) -> [String] {
    for row in sharedInputs where input == row.input || input.hasSuffix(".\(row.input)") {
      let parent = input.dropLast(row.input.count)
      let parts = ["\(parent)encoder.", "\(parent)decoder."]
      guard parts.allSatisfy({ part in names.contains { $0.hasPrefix(part) } }) else { continue }
      return parts.map { $0 + row.copy }
    }
    return []
  }

  /// Relatives of T5 scale what the decoder leaves where the embeddings are tied. Of some
  /// a field of its own says so, where it is there; of others only the tie itself, which
  /// transformers does not make where both tensors are there and differ.
  private static func partedFields(_ modelType: String?)
    -> [(field: String, value: JSONValue, isNewOnly: Bool)]
  {
    let parted = ("tie_word_embeddings", JSONValue.bool(false), false)
    switch modelType {
    case "t5", "longt5", "pop2piano": return [parted, ("scale_decoder_outputs", .bool(true), true)]
    case "switch_transformers": return []
    default: return [parted]
    }
  }

  /// Those of the two tensors that an adapter changes without the other; both, where each
  /// has a change of its own.
  public func parted(by adapter: Adapter) -> Set<String> {
    var changed = Set(adapter.modules.map { "\($0.target).weight" })
    if adapter.replacements.contains(where: { $0.kind != .tokenRows && $0.target == output }) {
      changed.insert(output)
    }
    if isInputSaved(by: adapter) { changed.insert(input) }
    return changed.intersection([input, output])
  }

  /// Whether PEFT gave the input alone a copy of its own to train, so that the output
  /// stayed as it was. One of another number of tokens was resized with the output.
  private func isInputSaved(by adapter: Adapter) -> Bool {
    let names = adapter.configuration?.modulesToSave ?? []
    let module = input.dropLast(".weight".count)
    return names.contains { module == $0 || module.hasSuffix(".\($0)") }
      && adapter.replacements.contains {
        $0.target == input && $0.kind != .tiedModule && $0.record.shape == inputShape
      }
  }

  /// The adapter with one copy for both, where `ensure_weight_tying` made them one and PEFT
  /// saved it under both names. Reads the two, as nothing else shows that they are the same.
  public func joined(_ adapter: Adapter) throws(CheckpointError) -> Adapter {
    func saved(_ name: String) -> AdapterReplacement? {
      adapter.replacements.first { $0.kind == .module && $0.target == name }
    }
    guard adapter.features.contains(.weightTying), !isOutputStored, let copy = saved(output),
      let own = saved(input), try TensorData.isEqual(copy.record, own.record)
    else { return adapter }
    return adapter.replacing { replacement in
      switch replacement.target {
      case output: nil
      case input: AdapterReplacement(target: input, kind: .tiedModule, record: own.record)
      default: replacement
      }
    }
  }

  /// Whether PEFT gave the output a copy of its own to train.
  public func isSaved(by adapter: Adapter) -> Bool {
    let names = adapter.configuration?.modulesToSave ?? []
    let module = output.dropLast(".weight".count)
    return names.contains { module == $0 || module.hasSuffix(".\($0)") }
      && adapter.replacements.contains { $0.target == output }
  }
}

extension Checkpoint {
  /// The checkpoint with a tensor under another name as well, at the end of its last file,
  /// unless that name is there.
  public func adding(copyOf source: String, as name: String) -> Checkpoint {
    guard !records.contains(where: { $0.name == name }),
      var record = records.first(where: { $0.name == source })
    else { return self }
    record.name = name
    var copy = self
    copy.append(record)
    return copy
  }

  /// Adds a tensor at the end of the last file.
  public mutating func append(_ record: TensorRecord) {
    records.append(record)
    guard let last = shards.indices.last else { return }
    shards[last].records = shards[last].records.lowerBound..<records.count
  }
}
