import Formats

/// Parameters that a model has twice and its file once.
extension LoadDiagnosis {
  /// The missing names of tensors that the checkpoint holds under the name they are tied
  /// to, by that name, in the order of the list.
  func tiedMissing() -> [(source: String, names: [String])] {
    let records = inspection.checkpoint.records
    let tied = TiedNames(records.map(\.name))
    let positions = inspection.checkpoint.positions()
    func fits(_ name: String, _ source: String) -> Bool {
      guard let wanted = wantedShapes[ExactName(name)], let position = positions[source] else {
        return true
      }
      return wanted == records[position].shape
    }
    var order: [String] = []
    var names: [String: [String]] = [:]
    for name in load.missing {
      guard let source = tied.source(of: name), fits(name, source) else { continue }
      if names[source] == nil { order.append(source) }
      names[source, default: []].append(name)
    }
    return order.map { ($0, names[$0] ?? []) }
  }

  /// What it means that they are missing: with transformers nothing, unless it says so
  /// itself or the configuration unties them.
  func findings(ofTied tied: [(source: String, names: [String])]) -> [Finding] {
    guard !tied.isEmpty else { return [] }
    let names = tied.flatMap(\.names)
    let isTied = (try? ModelConfiguration(beside: inspection.checkpoint))?.tiesEmbeddings
    let subject =
      "\(FoldedKeys.summary(of: names, "missing key")) "
      + "\(Wording.verb(names.count, "shares the tensor of", "share the tensors of")) "
      + "\(Wording.list(tied.map(\.source))), which the checkpoint holds once"
    if loader == .transformers {
      return [
        Finding(
          .error, .tiedWeights, tensors: names,
          "\(subject); the model of the log does not tie them, and transformers filled "
            + "\(Wording.verb(names.count, "it", "them")) with random values: tie_word_embeddings of "
            + "config.json has to be true"
            + (isTied == true ? ", as it is beside \(path.printable)" : ""))
      ]
    }
    if isTied == false {
      return [
        Finding(
          .error, .tiedWeights, tensors: names,
          "\(subject); but config.json says tie_word_embeddings false, so that from_pretrained would "
            + "fill \(Wording.verb(names.count, "it", "them")) with random values: set it to true, "
            + "unless the tensors were trained apart and are lost")
      ]
    }
    return [
      Finding(
        .warning, .tiedWeights, tensors: names,
        "\(subject): nothing is lost; from_pretrained of transformers ties them"
          + (isTied == nil ? " where tie_word_embeddings is true" : "")
          + ", only torch's strict load_state_dict wants each by name: give it strict=False and call "
          + "tie_weights() after it")
    ]
  }
}
