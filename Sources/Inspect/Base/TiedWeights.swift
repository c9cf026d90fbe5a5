public import Formats

/// An embedding that a model uses several times: for its input, for its output, and for the
/// inputs of an encoder and a decoder.
///
/// The file usually holds it once. An adapter that changes it under one of its names parts
/// them: all are written and the configuration says so, or a loader would tie them again and
/// lose the change.
public struct TiedWeights: Sendable {
  /// The tensor of the input.
  public let input: String
  private let inputShape: [Int]
  /// The tensor of the output, whether the file has it or not; nil where the output is none
  /// for tokens, or has a tensor of its own.
  public let output: String?
  let isOutputStored: Bool
  /// The bias of an output that is tied to another tensor.
  public let bias: (name: String, source: String)?
  /// The other names under which an encoder and a decoder know the input; a loader that
  /// does not tie them to it any more wants them by name.
  public let copies: [String]
  /// What the configuration has to say when they are parted.
  public let partedFields: [(field: String, value: JSONValue, isNewOnly: Bool)]

  /// All names but the input's, in the order in which PEFT merges their modules.
  public var others: [String] { copies + [output].compactMap(\.self) }

  /// Each name besides the one under which the file holds a tensor, with that one.
  public var names: [(name: String, source: String)] {
    others.map { ($0, input) } + [bias].compactMap(\.self)
  }

  /// The name that another file of the model has for an output of which the base has none:
  /// inside a model of several parts one loader saves `lm_head.weight` where another wants
  /// `language_model.lm_head.weight`, and each finds both.
  public func otherOutput(in checkpoint: Checkpoint) -> String? {
    guard let output, !isOutputStored else { return nil }
    let found = checkpoint.records.map(\.name).filter(EmbeddingNames.isOutput)
    return found.count == 1 && found[0] != output ? found[0] : nil
  }

  /// Whether the model has a tensor of this name that it shares.
  func knows(_ name: String) -> Bool { names.contains { $0.name == name } }

  /// Nil where the base has no tied embeddings. A class with an output that an adapter was
  /// trained on counts more than the one that the base was saved from.
  public init?(_ base: Checkpoint, for adapters: [Adapter] = []) throws(CheckpointError) {
    let whole = try ModelConfiguration(beside: base)
    let decoder = whole?.joinedDecoder
    let lead = decoder == nil ? "" : "decoder."
    let configuration = decoder ?? whole
    let records = base.records.filter { $0.name.hasPrefix(lead) }.map { record in
      var part = record
      part.name = String(record.name.dropFirst(lead.count))
      return part
    }
    let names = records.map(\.name)
    let embeddings = names.filter(EmbeddingNames.isInput)
    let second = Set(embeddings.flatMap { TiedNames.copies(of: $0, in: names) })
    let inputs = embeddings.filter { !second.contains($0) }
    let outputs = names.filter(EmbeddingNames.isOutput)
    guard inputs.count == 1, outputs.count <= 1 else { return nil }
    // A decoder that is joined to an encoder has an output, whatever it was before.
    let hasOutput = decoder != nil || adapters.contains { $0.trainedClass.hasOutput }
    let model = OutputHead(
      tiedTo: inputs[0], in: records,
      architecture: hasOutput ? nil : configuration?.architecture,
      modelType: configuration?.modelType)
    let stored = outputs.first ?? model.map(\.weight).flatMap { names.contains($0) ? $0 : nil }
    let saysTied = configuration?.tiesEmbeddings
    let copies = TiedNames.copies(of: inputs[0], in: names)
    // Without a word in the configuration only a file without an output shows it.
    let isTied = saysTied ?? (stored == nil)
    let head = isTied ? model : nil
    // What the file holds none of is the input whatever is said of the output.
    guard head != nil || copies.contains(where: { isTied || !names.contains($0) }) else {
      return nil
    }
    input = lead + inputs[0]
    inputShape = base.records.first { [input] in $0.name == input }?.shape ?? []
    output = head.map { lead + (stored ?? $0.weight) }
    isOutputStored = stored != nil
    bias = stored == nil ? head?.bias.map { (lead + $0.name, lead + $0.source) } : nil
    self.copies = copies.map { lead + $0 }
    partedFields = saysTied == false ? [] : Self.partedFields(configuration?.modelType)
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

  /// The names under which an adapter changes the tensor without the others; all of them,
  /// where each has a change of its own.
  public func parted(by adapter: Adapter) -> Set<String> {
    var changed = Set(adapter.modules.map { "\($0.target).weight" })
    changed.formUnion(adapter.replacements.filter { $0.kind != .tokenRows }.map(\.target))
    // A new input is the output's too, unless it alone was saved.
    changed.remove(input)
    if adapter.modules.contains(where: { "\($0.target).weight" == input })
      || isInputSaved(by: adapter)
    {
      changed.insert(input)
    }
    return changed.intersection([input] + others)
  }

  /// Whether PEFT gave the input alone a copy of its own to train, so that the output
  /// stayed as it was. One of another number of tokens was resized with the output.
  private func isInputSaved(by adapter: Adapter) -> Bool {
    Self.isSaved(input, by: adapter)
      && adapter.replacements.contains {
        $0.target == input && $0.kind != .tiedModule && $0.record.shape == inputShape
      }
  }

  /// The name besides the input's to which PEFT gave a copy of its own to train.
  public func saved(by adapter: Adapter) -> String? {
    others.first { other in
      Self.isSaved(other, by: adapter) && adapter.replacements.contains { $0.target == other }
    }
  }

  private static func isSaved(_ name: String, by adapter: Adapter) -> Bool {
    adapter.configuration?.saves(String(name.dropLast(".weight".count))) ?? false
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
