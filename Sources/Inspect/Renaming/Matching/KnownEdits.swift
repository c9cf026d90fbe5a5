/// A change of words that more than one name can have.
struct Edit: Hashable {
  let old: [NamePart]
  let new: [NamePart]
  /// For words that come or go: what stands before them, nil at the start.
  let left: NamePart?

  init(old: [NamePart] = [], new: [NamePart] = [], after left: NamePart?) {
    self.old = old
    self.new = new
    self.left = left
  }

  init(_ steps: [NameAlignment.Step], at index: Int) {
    old = steps[index].old
    new = steps[index].new
    let isReplacement = !old.isEmpty && !new.isEmpty
    left = isReplacement ? nil : index > 0 ? steps[index - 1].old.last ?? .number : nil
  }
}

/// The changes that names settled so far have.
struct KnownEdits {
  private var edits: Set<Edit> = []
  private var words: [String: Set<String>] = [:]
  /// Words that came or went on their own.
  private(set) var gone: Set<NamePart> = []
  private(set) var come: Set<NamePart> = []

  func contains(_ edit: Edit) -> Bool { edits.contains(edit) }
  /// Whether the words stand for the same, by what was settled or by their meaning.
  func isSame(_ a: String, _ b: String) -> Bool {
    if !words.isEmpty, let others = words[a], others.contains(b) { return true }
    return WordMeaning.isSame(a, b)
  }

  mutating func insert(_ alignment: NameAlignment) {
    for index in alignment.steps.indices where !alignment.steps[index].isSame {
      let step = alignment.steps[index]
      edits.insert(Edit(alignment.steps, at: index))
      if step.old.count == 1, step.new.count == 1, let a = step.old[0].word,
        let b = step.new[0].word
      {
        words[a, default: []].insert(b)
      }
      if step.old.count == 1, step.new.isEmpty { gone.insert(step.old[0]) }
      if step.new.count == 1, step.old.isEmpty { come.insert(step.new[0]) }
    }
  }
}
