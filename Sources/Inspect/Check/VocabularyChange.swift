import Formats

/// A number of tokens that is another in a checkpoint than in the model.
struct VocabularyChange: Hashable {
  let expected: Int
  let found: Int

  /// Nil where the tensor is no part of an embedding or an output, or where its sizes
  /// differ in more than the number of tokens.
  init?(_ mismatch: StrictLoad.Mismatch) {
    let (expected, found) = (mismatch.expected, mismatch.found)
    guard let axis = Self.axis(of: mismatch.name), expected.count == found.count,
      expected.indices.contains(axis), expected[axis] != found[axis], found != [0],
      expected.indices.allSatisfy({ $0 == axis || expected[$0] == found[$0] })
    else { return nil }
    self.expected = expected[axis]
    self.found = found[axis]
  }

  /// Which axis of a tensor, the model's or an adapter's, counts tokens.
  private static func axis(of name: String) -> Int? {
    let key = AdapterKey(peft: name)
    guard case .leaf(let leaf, _) = key.content else {
      return EmbeddingNames.isOfTokens(key.target) ? 0 : nil
    }
    guard EmbeddingNames.isOfTokens("\(key.target).weight") else { return nil }
    return axes[leaf.role]
  }

  private static let axes: [AdapterLeaf.Role: Int] = [
    .embeddingA: 1, .b: 0, .magnitude: 0, .outputBias: 0, .difference: 0, .biasDifference: 0,
  ]
}
