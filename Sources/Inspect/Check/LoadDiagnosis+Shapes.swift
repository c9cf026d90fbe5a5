import Formats

/// Tensors of other shapes.
extension LoadDiagnosis {
  /// Other shapes, told by kind.
  func mismatches() -> [Finding] {
    let ranks = load.mismatched.filter(isOfAnotherRank)
    let others = load.mismatched.filter { !isOfAnotherRank($0) }
    let vocabularies = others.filter { VocabularyChange($0) != nil }
    return rankFindings(ranks) + vocabularyFindings(vocabularies)
      + shapeFindings(others.filter { VocabularyChange($0) == nil })
  }

  private func shapeFindings(_ mismatches: [StrictLoad.Mismatch]) -> [Finding] {
    struct Kind: Hashable {
      let expected: [Int]
      let found: [Int]
    }
    var order: [Kind] = []
    var members: [Kind: [String]] = [:]
    for mismatch in mismatches {
      let kind = Kind(expected: mismatch.expected, found: mismatch.found)
      if members[kind] == nil { order.append(kind) }
      members[kind, default: []].append(mismatch.name)
    }
    return order.map { kind in
      let names = members[kind] ?? []
      let subject = FoldedKeys.summary(of: names, "tensor")
      if kind.found == [0] {
        return Finding(
          .error, .zeroSizeTensor, tensors: names,
          "\(subject): the shape is [0] where \(kind.expected) is expected: saved under ZeRO-3 "
            + "without gathering, the data is in the DeepSpeed checkpoint of the run",
          fix: FixCommands.recovery(of: inspection.checkpoint))
      }
      if kind.expected == Array(kind.found.reversed()), kind.expected.count == 2 {
        return Finding(
          .error, .shapeMismatch, tensors: names,
          "\(subject): \(kind.found) is the transpose of \(kind.expected), as between Linear and "
            + "GPT-2's Conv1D")
      }
      return Finding(
        .error, .shapeMismatch, tensors: names,
        "\(subject): the shape is \(kind.found), but \(source) wants \(kind.expected)")
    }
  }

  private func rankFindings(_ ranks: [StrictLoad.Mismatch]) -> [Finding] {
    guard let first = ranks.first else { return [] }
    return [
      Finding(
        .error, .rankMismatch, tensors: ranks.map(\.name),
        "\(FoldedKeys.summary(of: ranks.map(\.name), "tensor")): the shape is \(first.found), but "
          + "the configuration makes it \(first.expected): rank_pattern or r of "
          + "adapter_config.json is not what the adapter was trained with")
    ]
  }

  /// Whether the rank alone is another.
  private func isOfAnotherRank(_ mismatch: StrictLoad.Mismatch) -> Bool {
    let (expected, found) = (mismatch.expected, mismatch.found)
    guard expected.count == 2, found.count == 2, AdapterKey.hasLeaf(mismatch.name) else {
      return false
    }
    let isA = mismatch.name.contains("lora_A") || mismatch.name.contains("lora_embedding_A")
    let rank = isA ? 0 : 1
    return expected[rank] != found[rank] && expected[1 - rank] == found[1 - rank]
  }
}
