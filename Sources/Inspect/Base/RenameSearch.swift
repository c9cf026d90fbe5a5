import Formats

/// Tries changes on the first module and keeps those that suit all the others.
struct RenameSearch {
  let modules: [AdapterModule]
  let settled: Set<String>
  let names: NearestNames

  /// The rule for the only change that suits all modules.
  func rule() -> String? {
    guard let first = modules.first, let lead else { return nil }
    let prefixes = prefixRules(first, lead: lead)
    // Several beginnings that suit are as many places: no word inside decides.
    if !prefixes.isEmpty { return prefixes.count == 1 ? prefixes[0] : nil }
    let segments = segmentRules(first, lead: lead)
    return segments.count == 1 ? segments[0] : nil
  }

  /// The rule that puts PEFT's beginning in the place of what stands before all paths.
  var prefixing: String {
    guard let lead, !lead.isEmpty, Self.isPlain(lead) else { return RenameSuggestion.prefixing }
    return "^\(Self.escaped(lead))=base_model.model."
  }

  /// Another beginning for all paths: `model.` to `model.language_model.`.
  private func prefixRules(_ first: AdapterModule, lead: String) -> [String] {
    let (ending, candidates) = names.candidates(for: first)
    let old = String(first.target.dropLast(ending.count))
    guard !settled.contains(where: { $0.hasPrefix(old) }) else { return [] }
    let suitable = candidates.map { String($0.dropLast(ending.count)) }.filter { new in
      suitsAll { $0.hasPrefix(old) ? new + $0.dropFirst(old.count) : nil }
    }
    if suitable.count == 1, !isProven(old, suitable[0]) { return [] }
    return suitable.filter { new in
      // The number of a layer is a place among others: no rule may change it.
      Self.isPlain(lead + old + new) && Self.numbers(in: old) == Self.numbers(in: new)
    }.map { new in
      "^\(Self.escaped(lead + old))=\(lead + new)"
    }
  }

  /// Another word inside all paths: `.attention.` to `.self_attn.`.
  private func segmentRules(_ first: AdapterModule, lead: String) -> [String] {
    var changes: Set<Change> = []
    for ending in NearestNames.endings(of: first.target).dropFirst() {
      let rest = first.target.dropLast(ending.count + 1)
      let old = rest.dottedSegments.last.map(String.init) ?? ""
      let before = rest.dropLast(old.count)
      for path in names.paths(endingIn: ending) {
        let place = path.dropLast(ending.count + 1)
        guard place.hasPrefix(before), place.count > before.count else { continue }
        changes.insert(Change(old: old, new: String(place.dropFirst(before.count))))
      }
    }
    let suitable = changes.filter { change in
      Self.isWord(change.old) && change.new.dottedSegments.allSatisfy { Self.isWord(String($0)) }
        && !settled.contains { change.touches($0) } && isExact(change, lead: lead)
        && suitsAll { change.touches($0) ? change.applied($0) : nil }
    }
    // Only then: what is not proven still makes another place one of two.
    if suitable.count == 1, let only = suitable.first, !isProven(only.old, only.new) { return [] }
    return suitable.map { "\\.\(Self.escaped($0.old))\\.=.\($0.new)." }
  }

  private func isProven(_ old: String, _ new: String) -> Bool {
    MatchEvidence.proves(old, becoming: new, for: modules.map(\.target))
  }

  /// One segment and what comes in its place.
  private struct Change: Hashable {
    let old: String
    let new: String

    func touches(_ path: String) -> Bool { ".\(path).".contains(".\(old).") }

    func applied(_ path: String) -> String {
      String(".\(path).".replacing(".\(old).", with: ".\(new).").dropFirst().dropLast())
    }
  }

  /// Whether the rule does to the whole keys what the change does to the paths.
  private func isExact(_ change: Change, lead: String) -> Bool {
    modules.allSatisfy { module in
      module.tensors.allSatisfy { tensor in
        let name = tensor.record.name
        let tail = name.dropFirst(lead.count + module.target.count)
        return name.replacing(".\(change.old).", with: ".\(change.new).")
          == lead + change.applied(module.target) + tail
      }
    }
  }

  /// Whether each module finds a tensor of its own that fits when moved.
  private func suitsAll(_ moved: (String) -> String?) -> Bool {
    var places: Set<String> = []
    return modules.allSatisfy { module in
      guard let path = moved(module.target), !settled.contains(path) else { return false }
      return names.hasFit(path, for: module) && places.insert(path).inserted
    }
  }

  /// What stands before the module's path in the names of the file; nil where that
  /// is not the same for all.
  private var lead: String? {
    var lead: String?
    for module in modules {
      for tensor in module.tensors {
        let leaf = tensor.leaf.name.prefix { $0 != "." }
        let name = tensor.record.name
        guard let range = name.ranges(of: "\(module.target).\(leaf)").last else { return nil }
        let found = String(name[..<range.lowerBound])
        guard found.isEmpty || found.hasSuffix("."), lead == nil || lead == found else {
          return nil
        }
        lead = found
      }
    }
    return lead
  }

  /// Whether a text needs no escaping beyond its dots.
  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy(NameChange.isPlain)
  }

  /// Whether a segment is a plain word; a number is a place among others, which no
  /// rule may change.
  private static func isWord(_ segment: String) -> Bool {
    isPlain(segment) && !segment.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
  }

  private static func numbers(in text: String) -> [Substring] {
    text.dottedSegments.filter { !$0.isEmpty && !isWord(String($0)) }
  }

  private static func escaped(_ text: String) -> String { text.replacing(".", with: "\\.") }
}
