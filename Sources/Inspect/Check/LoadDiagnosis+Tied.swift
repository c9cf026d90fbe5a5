import Formats

/// Parameters that a model may have twice and its file once.
extension LoadDiagnosis {
  /// A missing name, and the tensor of the checkpoint to which models tie it.
  struct TiedName {
    let name: String
    let source: String
  }

  /// The missing names that the checkpoint may hold under the name they are tied to, in the
  /// order of the list.
  func tiedMissing(after renaming: InferredRenaming?) -> [TiedName] {
    let held = renaming.map { $0.names.map(\.text) } ?? inspection.checkpoint.records.map(\.name)
    let names = Set(held.map(ExactName.init))
    let unknown = Set(load.unexpected.map(ExactName.init))
    let tied = TiedNames(held)
    let promised = inspection.checkpoint.promised
    return load.missing.compactMap { name in
      guard !names.contains(ExactName(name)), !promised.contains(ExactName(name)),
        let source = tied.source(of: name),
        // A tensor that the model does not know is none that it could share.
        !unknown.contains(ExactName(source)), fits(name, source), !isDivided(name),
        !isElsewhere(name, source, in: names)
      else { return nil }
      return TiedName(name: name, source: source)
    }
  }

  /// Whether the checkpoint holds the tensor in parts that the model does not know, as
  /// `weight_g` and `weight_v`.
  private func isDivided(_ name: String) -> Bool {
    load.unexpected.contains { $0.hasPrefix("\(name)_") || $0.hasPrefix("\(name).") }
  }

  private func fits(_ name: String, _ source: String) -> Bool {
    guard let wanted = wantedShapes[ExactName(name)], let held = shape(source) else { return true }
    return wanted == held
  }

  /// Whether a tensor that the model does not know has the shape of the missing one: it may
  /// be that. `names` are those that the checkpoint has after a renaming.
  private func isElsewhere(_ name: String, _ source: String, in names: Set<ExactName>) -> Bool {
    guard let wanted = wantedShapes[ExactName(name)] ?? shape(source) else { return false }
    return load.unexpected.contains { names.contains(ExactName($0)) && shape($0) == wanted }
  }

  func shape(_ name: String) -> [Int]? {
    inspection.checkpoint.records.first { $0.name == name }?.shape
  }

  /// What it means that they are missing: nothing where the model ties them, a loss where
  /// it does not.
  func tiedFindings(_ missing: [TiedName]) -> [Finding] {
    let told: [(Bool?, ([TiedName]) -> Finding)] =
      loader == .transformers
      ? [(true, notTied), (false, lost), (nil, lost)]
      : [(true, harmless), (false, lost), (nil, perhapsLost)]
    return told.compactMap { isTied, finding in
      let names = missing.filter {
        // What transformers could not fill is not tied, whatever it should be.
        (loader == .transformers ? tie.isTied : tie.ties($0.name, to: $0.source)) == isTied
      }
      return names.isEmpty ? nil : finding(names)
    }
  }

  private func harmless(_ tied: [TiedName]) -> Finding {
    Finding(
      // Without a failure to explain there is nothing to do.
      isOfLog || base == nil ? .warning : .note, .tiedWeights, tensors: tied.map(\.name),
      "\(Self.subject(tied)) \(Wording.verb(tied.count, "shares the tensor of", "share the tensors of")) "
        + "\(Self.sources(tied)), which the checkpoint holds once: nothing is lost; from_pretrained of "
        + "transformers ties them, only torch's strict load_state_dict wants each by name: give it "
        + "strict=False and call tie_weights() after it")
  }

  private func lost(_ tied: [TiedName]) -> Finding {
    let them = Wording.verb(tied.count, "it", "them")
    let cause =
      loader == .transformers
      ? (tie.isTied == false
        ? "neither the model of the log nor \(tie.witness) ties"
        : "the model of the log does not tie")
        + " \(them) to \(Self.sources(tied)), and transformers filled \(them) with random values"
      : "\(tie.witness) says tie_word_embeddings false, so that \(Self.sources(tied)) does not stand "
        + "for \(them), and from_pretrained would fill \(them) with random values"
    return Finding(
      .error, .missingKey, tensors: tied.map(\.name),
      "\(Self.subject(tied)) \(Wording.verb(tied.count, "is", "are")) lost: \(cause); take \(them) from "
        + "the model that was trained"
        + (loader == .transformers && tie.isTied == nil
          ? ", unless that model tied \(them) (tie_word_embeddings true)" : ""))
  }

  private func perhapsLost(_ tied: [TiedName]) -> Finding {
    let them = Wording.verb(tied.count, "it", "them")
    return Finding(
      .error, .missingKey, tensors: tied.map(\.name),
      "\(Self.subject(tied)) \(Wording.verb(tied.count, "is", "are")) lost, unless the model ties "
        + "\(them) to \(Self.sources(tied)), which nothing here says: where it does "
        + "(tie_word_embeddings true), from_pretrained of transformers fills \(them), and torch's "
        + "load_state_dict needs strict=False and tie_weights() after it")
  }

  private func notTied(_ tied: [TiedName]) -> Finding {
    let them = Wording.verb(tied.count, "it", "them")
    return Finding(
      .error, .tiedWeights, tensors: tied.map(\.name),
      "\(Self.subject(tied)): \(tie.witness) says tie_word_embeddings true, so that "
        + "\(Self.sources(tied)) stands for \(them), but the model of the log did not tie \(them), and "
        + "transformers filled \(them) with random values: it was made with another configuration")
  }

  private static func subject(_ tied: [TiedName]) -> String {
    FoldedKeys.summary(of: tied.map(\.name), "missing key")
  }

  private static func sources(_ tied: [TiedName]) -> String {
    var order: [String] = []
    for source in tied.map(\.source) where !order.contains(source) { order.append(source) }
    return Wording.list(order)
  }
}
