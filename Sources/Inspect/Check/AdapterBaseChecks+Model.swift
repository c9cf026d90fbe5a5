import Compute
import Formats

/// What kind of model the base is.
extension AdapterBaseChecks {
  /// Updates of a head that the base ties to its embedding.
  func tied() -> [Finding] {
    let targets =
      adapter.modules.map { "\($0.target).weight" }
      // Rows of the embedding are written into both and part nothing.
      + adapter.replacements.filter { $0.kind != .tokenRows }.map(\.target)
    let heads = targets.filter { EmbeddingNames.isOutput($0) || $0 == tiedWeights?.output }
    guard let head = heads.first else { return tiedInput() }
    guard configuration?.tiesEmbeddings == true || positions[head] == nil && tiedWeights != nil
    else { return [] }
    let factors = adapter.modules.filter { heads.contains("\($0.target).weight") }
    return [
      Finding(
        .warning, .tiedWeights, tensors: heads,
        "\(head.quoted) is adapted, but the base ties it to its embedding"
          + (positions[head] == nil ? " and holds no tensor of its own for it" : "")
          + (factors.isEmpty
            ? ": one of modules_to_save is a copy of its own in PEFT"
            : ": PEFT would change the embedding as well")
          + "; the merged model needs a head of its own and tie_word_embeddings false")
    ]
  }

  /// An update of the embedding alone, or under one of its other names.
  private func tiedInput() -> [Finding] {
    guard let tied = tiedWeights else { return [] }
    let names = [tied.input] + tied.others
    let targets = Set(adapter.modules.map { "\($0.target).weight" })
    let adapted = names.filter(targets.contains)
    let rest = names.filter { !targets.contains($0) }
    guard !adapted.isEmpty, !rest.isEmpty else { return [] }
    return [
      Finding(
        .warning, .tiedWeights, tensors: adapted,
        "\(Wording.list(adapted)) \(Wording.verb(adapted.count, "is", "are")) adapted, but the base "
          + "ties \(Wording.list(rest)) to \(Wording.verb(adapted.count, "it", "them")): merging "
          + "with PEFT changes all; the merge here writes each by itself and says "
          + "tie_word_embeddings false, unless --keep-tied is given")
    ]
  }

  func plora() -> [Finding] {
    if let lost = PLoRA.lost(from: base, of: adapter) { return [lost] }
    let names = base.records.map(\.name).filter(PLoRA.ends)
    guard !names.isEmpty else { return [] }
    return [
      Finding(
        .note, .ploraPresent, tensors: names,
        "\(Wording.count(names.count, "tensor")) of the base \(Wording.verb(names.count, "is", "are")) "
          + "PLoRA (\(Wording.plora(names))): part of the model, which acts on image tokens alone, "
          + "and carried through a merge unchanged")
    ]
  }

  func quantised() -> [Finding] {
    let targets = matching.matches.map(\.base) + matching.partialMatches.map(\.base)
    let scheme = WeightScales.Scheme(base, positions)
    var scaled: [TensorRecord] = []
    var integers: [TensorRecord] = []
    for target in targets {
      let isWide = target.type.element.map { $0.kind == .float && $0.bitWidth > 8 } ?? false
      guard !isWide else { continue }
      if (try? scheme.scales(of: target)) != nil {
        scaled.append(target)
      } else {
        integers.append(target)
      }
    }
    if packed.isEmpty, integers.isEmpty, !targets.isEmpty { return scaledFindings(scaled) }
    // Packed weights tell it themselves, whatever the configuration says.
    if let method = configuration?.quantisation ?? (packed.isEmpty ? nil : "packed") {
      return [
        Finding(
          .error, .quantisedBase,
          "the weights of the base \(base.path.printable) are quantised (\(method.printable)): merge "
            + "into the unquantised model")
      ]
    }
    guard !integers.isEmpty else { return [] }
    return [
      Finding(
        .error, .quantisedBase, tensors: integers.map(\.name),
        "\(FoldedKeys.summary(of: integers.map(\.name), "tensor")) of the base "
          + "\(Wording.verb(integers.count, "is", "are")) \(integers[0].type.name): merge into the "
          + "unquantised model")
    ]
  }

  /// FP8 weights that the merge multiplies with their scales.
  private func scaledFindings(_ weights: [TensorRecord]) -> [Finding] {
    guard let first = weights.first else { return [] }
    let names = weights.map(\.name)
    return [
      Finding(
        .note, .quantisedBase, tensors: names,
        "\(FoldedKeys.summary(of: names, "tensor")) of the base "
          + "\(Wording.verb(names.count, "is", "are")) \(first.type.name) with scales: the merge "
          + "multiplies with them and quantises again in the same scheme")
    ]
  }

  /// Whether the adapter names this base. Names of directories say little: where the
  /// tensors fit, another name is only worth a note.
  func baseName() -> [Finding] {
    guard let named = adapter.base, let wanted = Self.lastPart(named) else { return [] }
    let known = [configuration?.name].compactMap { $0.flatMap(Self.lastPart) } + names
    guard !known.contains(where: { $0.lowercased() == wanted.lowercased() }) else { return [] }
    let fits = matching.unmatched.isEmpty && matching.mismatches.isEmpty && !addsForeignModules
    return [
      Finding(
        fits ? .note : .warning, .wrongBase,
        "the adapter was trained on \(named.quoted); the base is \(base.path.quoted)"
          + (fits ? ", whose tensors have the names and shapes that it wants" : ""))
    ]
  }

  /// What its path may call the base: its last part, the directory of a file, and the
  /// repository of a snapshot in the cache of huggingface_hub (`models--ORGANISATION--NAME`).
  private var names: [String] {
    let parts = base.path.split(separator: "/").filter { $0 != "." && $0 != ".." }.map(String.init)
    let isFile = base.files.contains { $0.path == base.path }
    let repositories = parts.filter { $0.hasPrefix("models--") }
      .compactMap { $0.split(separator: "--").last.map(String.init) }
    return parts.suffix(isFile ? 2 : 1) + repositories
  }

  private static func lastPart(_ path: String) -> String? {
    path.split(separator: "/").last { $0 != "." && $0 != ".." }.map(String.init)
  }
}
