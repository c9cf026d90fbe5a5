import Formats

extension KeyList {
  /// The parameters of the model that a base is of: the names of its tensors, and those that
  /// it ties to one of them and whose tensor its file does not repeat, as `checkpoint` has
  /// them or, where it has none, as such models call them.
  init(modelOf base: Checkpoint, as checkpoint: Checkpoint) {
    let own = KeyList(base)
    var shapes: [ExactName: [Int]] = [:]
    for entry in own.entries { shapes[ExactName(entry.name)] = entry.shape }
    let configuration = try? ModelConfiguration(beside: base)
    let tied = try? TiedWeights(base)
    let isTied = configuration?.tiesEmbeddings == true
    let known = tied.map { Self.ties($0, all: isTied) } ?? []
    let named = Set(known.map { ExactName($0.name) })
    let second = SecondNames(
      of: checkpoint, besides: Set(shapes.keys), input: isTied ? tied?.input : nil
    ).names.filter { !named.contains(ExactName($0.name)) && !Self.isHead($0.name, configuration) }
    let held = Set(checkpoint.records.map { ExactName($0.name) })
    let sources = Set(second.map(\.source))
    let derived = known.filter { tie in
      let name = ExactName(tie.name)
      return shapes[name] == nil && (held.contains(name) || !sources.contains(tie.source))
    }
    let ties = derived + second
    let computed = configuration?.unsavedNames.filter { held.contains(ExactName($0)) } ?? []
    self.init(
      path: own.path,
      own.entries + ties.map { Entry($0.name, shapes[ExactName($0.source)] ?? nil) }
        + computed.filter { shapes[ExactName($0)] == nil }.map { Entry($0, nil) },
      configurations: own.configurations)
  }

  private static func ties(_ tied: TiedWeights, all: Bool) -> [(name: String, source: String)] {
    var ties = tied.copies.map { (name: $0, source: tied.input) }
    // What its file does not hold proves nothing: it may be a model without an output.
    if all {
      if let output = tied.output { ties.append((output, tied.input)) }
      if let bias = tied.bias { ties.append(bias) }
    }
    return ties
  }

  /// Whether it would be the output of a model that has none.
  private static func isHead(_ name: String, _ configuration: ModelConfiguration?) -> Bool {
    EmbeddingNames.isOutput(name)
      && configuration?.architecture.map(OutputHead.isHeadless) == true
  }
}
