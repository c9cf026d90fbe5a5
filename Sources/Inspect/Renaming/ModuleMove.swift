/// The path of a module before and after a renaming.
struct ModuleMove: Hashable {
  let old: String
  let new: String
}

extension ModuleMove {
  /// What has to be said instead of `name`, which means all modules whose paths are
  /// it or end in it.
  static func translate(_ name: String, _ moves: [ModuleMove]) -> [String] {
    let meant = moves.filter { ends($0.old, in: name) }
    if meant.isEmpty || meant.allSatisfy({ ends($0.new, in: name) }) { return [name] }
    let length = name.dottedSegments.count
    return unique(
      meant.map { move in
        let old = move.old.dottedSegments
        let new = move.new.dottedSegments
        let lead = old.count - length
        let start =
          new.count > lead && new.prefix(lead).elementsEqual(old.prefix(lead))
          ? lead : lead == 0 ? 0 : max(0, new.count - length)
        return new[start...].joined(separator: ".")
      })
  }

  /// What has to be said instead of `name`, which means modules that hold those of
  /// `moves`; the modules themselves where what holds them is not one thing any more.
  static func translate(container name: String, _ moves: [ModuleMove]) -> [String] {
    var held: [(move: ModuleMove, holder: ModuleMove?)] = []
    for move in moves {
      let (old, new) = (move.old.dottedSegments, move.new.dottedSegments)
      let count = (1..<max(old.count, 1)).first {
        ends(old.prefix($0).joined(separator: "."), in: name)
      }
      guard let count else { continue }
      let rest = old.count - count
      let holder = ModuleMove(
        old: old.prefix(count).joined(separator: "."),
        new: new.dropLast(rest).joined(separator: "."))
      held.append((move, new.count > rest ? holder : nil))
    }
    let holders = Set(held.compactMap(\.holder))
    let isKept = Set(holders.map(\.old)).count == holders.count
    return isKept && held.allSatisfy { $0.holder != nil }
      ? translate(name, held.compactMap(\.holder)) : unique(held.map(\.move.new))
  }

  /// What becomes of a module called `name` that is not there, told by those that
  /// differ from it in numbers only; nil where there are none, or they disagree.
  static func translate(like name: String, _ moves: [ModuleMove]) -> String? {
    let segments = name.dottedSegments
    let results = moves.compactMap { move -> [String?]? in
      let alike = move.old.dottedSegments.suffix(segments.count)
      guard alike.count == segments.count,
        zip(alike, segments).allSatisfy({ $0 == $1 || Int($0) != nil && Int($1) != nil })
      else { return nil }
      return translate(alike.joined(separator: "."), [move]).map {
        renumbered($0, alike, segments)
      }
    }
    let names = Set(results.joined())
    return names.count == 1 ? names.first ?? nil : nil
  }

  /// `text` with the numbers of `new` where it has those of `old`; nil where it has others.
  private static func renumbered(
    _ text: String, _ old: ArraySlice<Substring>, _ new: [Substring]
  ) -> String? {
    let segments = text.dottedSegments
    let numbers = new.filter { Int($0) != nil }
    guard segments.filter({ Int($0) != nil }) == old.filter({ Int($0) != nil }) else { return nil }
    var next = numbers.makeIterator()
    return segments.map { Int($0) == nil ? $0 : next.next() ?? $0 }.joined(separator: ".")
  }

  static func ends(_ path: String, in name: String) -> Bool {
    path == name || path.hasSuffix(".\(name)")
  }

  static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }
}
