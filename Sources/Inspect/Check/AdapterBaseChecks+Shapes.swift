import Formats

/// Modules whose factors have other sizes than the base.
extension AdapterBaseChecks {
  /// Modules of another shape, those of one kind together.
  func mismatched() -> [Finding] {
    struct Kind: Hashable {
      let expected: [Int]
      let found: [Int]
      let isVocabulary: Bool
    }
    var order: [Kind] = []
    var members: [Kind: [AdapterModule]] = [:]
    for mismatch in mismatches {
      let name = mismatch.base.name
      let kind = Kind(
        expected: mismatch.base.shape, found: mismatch.module.updatedShape ?? [],
        isVocabulary: EmbeddingNames.isInput(name) || EmbeddingNames.isOutput(name))
      if members[kind] == nil { order.append(kind) }
      members[kind, default: []].append(mismatch.module)
    }
    return order.map { kind in
      let modules = members[kind] ?? []
      let slice = Self.slice(of: kind.expected, kind.found).map {
        ": one of \($0) equal parts of its rows, as when each of \($0) processes of FSDP saved its own"
      }
      return Finding(
        .error, kind.isVocabulary ? .vocabularyMismatch : .shapeMismatch,
        tensors: modules.flatMap { $0.tensors.map(\.record.name) },
        "\(FoldedKeys.summary(of: modules.map(\.target), "module")): the adapter updates "
          + "\(kind.found), but the base has \(kind.expected)"
          + (kind.isVocabulary
            ? "; the vocabulary was changed in training" : slice ?? ""))
    }
  }

  /// By what the rows of `found` are too few, where that divides them.
  private static func slice(of expected: [Int], _ found: [Int]) -> Int? {
    guard expected.count == 2, found.count == 2, expected[1] == found[1], found[0] > 0,
      expected[0] > found[0], expected[0] % found[0] == 0
    else { return nil }
    return expected[0] / found[0]
  }
}
