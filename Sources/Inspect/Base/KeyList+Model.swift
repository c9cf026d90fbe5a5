import Formats

extension KeyList {
  /// The parameters of the model that a base is of: the names of its tensors, and those
  /// that it ties to one of them and whose tensor its file does not repeat.
  init(modelOf base: Checkpoint) {
    let own = KeyList(base)
    var shapes: [ExactName: [Int]] = [:]
    for entry in own.entries { shapes[ExactName(entry.name)] = entry.shape }
    let tied = Self.ties(of: base).filter { shapes[ExactName($0.name)] == nil }
    self.init(
      path: own.path,
      own.entries + tied.map { Entry($0.name, shapes[ExactName($0.source)] ?? nil) },
      configurations: own.configurations)
  }

  private static func ties(of base: Checkpoint) -> [(name: String, source: String)] {
    guard let tied = try? TiedWeights(base) else { return [] }
    var ties = tied.copies.map { (name: $0, source: tied.input) }
    // What its file does not hold proves nothing: it may be a model without an output.
    if (try? ModelConfiguration(beside: base))?.tiesEmbeddings == true {
      if let output = tied.output { ties.append((output, tied.input)) }
      if let bias = tied.bias { ties.append(bias) }
    }
    return ties
  }
}
