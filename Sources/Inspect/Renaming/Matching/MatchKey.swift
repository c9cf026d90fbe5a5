extension MatchSubject {
  /// A key of the draft, and how it holds the path of its subject.
  struct Key {
    /// Its place in the draft.
    let position: Int
    /// What stands before and behind the path, and what will.
    private(set) var lead: [NamePart] = []
    private(set) var newLead: [NamePart] = []
    private(set) var tail: [NamePart] = []
    private(set) var newTail: [NamePart] = []
    /// What stands inside the path and goes away, by the number of its parts before that.
    private var gaps: [Int: [NamePart]] = [:]
    /// Whether the key holds the path of the module alone, without `weight`.
    private(set) var isModule = false

    /// A key that is its own path.
    init(position: Int) { self.position = position }

    /// A key of an adapter; nil where it holds nothing of the path.
    init?(_ key: AdapterKey, of name: String, at position: Int) {
      self.position = position
      newLead = Self.modelPrefix
      let starts = key.path.map(\.startIndex)
      var count = 0
      for (segment, part) in zip(name.dottedSegments, NameShape.split(name).parts) {
        if count < starts.count, segment.startIndex == starts[count] {
          count += 1
        } else if count == 0 {
          lead.append(part)
        } else {
          gaps[count, default: []].append(part)
        }
      }
      guard count > 0, count == starts.count else { return nil }
      tail = gaps.removeValue(forKey: count) ?? []
      newTail = tail
      switch key.content {
      case .leaf(let leaf, let isNested):
        isModule = true
        // Of the two parameters of one module the inner one's factors lie below its name.
        newTail = (isNested ? [.word("base_layer")] : []) + NameShape.split(leaf.name).parts
      case .plain(.tokenRows):
        isModule = true
        if key.adapterName != nil { newTail.removeLast() }
      case .plain, .frozenCopy:
        // The name that PEFT gave what it wrapped stays with its tensor.
        guard let gap = gaps[count - 1], gap == [.word("base_layer")], let last = key.path.last
        else { return }
        isModule = true
        gaps[count - 1] = nil
        tail = gap + NameShape.split(String(last)).parts
        newTail = tail
      }
    }

    /// What PEFT's keys begin with.
    private static let modelPrefix: [NamePart] = [.word("base_model"), .word("model")]

    /// The steps for the whole key, with those for the path.
    func steps(_ path: [NameAlignment.Step]) -> [NameAlignment.Step] {
      var inner = withGaps(isModule ? path.dropLast() : path[...])
      var start = Self.step(lead, newLead)
      // Where only what stood before it goes away, the beginning itself stays.
      let kept = inner.firstIndex { !$0.new.isEmpty || $0.old == newLead }
      if lead.isEmpty, let kept, inner[kept] == .init(old: newLead, new: []) {
        start = []
        inner.replaceSubrange(kept...kept, with: Self.step(newLead, newLead))
      }
      return (start + inner + Self.step(tail, newTail)).filter {
        !($0.old.isEmpty && $0.new.isEmpty)
      }
    }

    /// The steps with those by which the gaps go away.
    private func withGaps(_ path: ArraySlice<NameAlignment.Step>) -> [NameAlignment.Step] {
      if gaps.isEmpty { return Array(path) }
      var steps: [NameAlignment.Step] = []
      var count = 0
      for step in path {
        var old: [NamePart] = []
        for part in step.old {
          if let gap = gaps[count] {
            if old.isEmpty { steps.append(.init(old: gap, new: [])) } else { old += gap }
          }
          old.append(part)
          count += 1
        }
        steps.append(.init(old: old, new: step.new))
      }
      return steps
    }

    private static func step(_ old: [NamePart], _ new: [NamePart]) -> [NameAlignment.Step] {
      let same: [NameAlignment.Step] = new.map { .init(old: [$0], new: [$0]) }
      if old == new { return same }
      // What stands before the same words only goes away.
      return !new.isEmpty && old.suffix(new.count).elementsEqual(new)
        ? [.init(old: old.dropLast(new.count), new: [])] + same : [.init(old: old, new: new)]
    }

    /// The key for the path that the base has.
    func renamed(to path: String) -> String {
      let parts = isModule ? path.dottedSegments.dropLast() : path.dottedSegments[...]
      let words = newLead.compactMap(\.word) + parts.map(String.init) + newTail.compactMap(\.word)
      return words.joined(separator: ".")
    }
  }
}
