import Formats

/// One part of a name between dots: a word, or the number of a place in a list.
enum NamePart: Hashable {
  case word(String)
  case number

  var word: String? { if case .word(let word) = self { word } else { nil } }
}

/// Names that differ only in the numbers of lists, and what is known of their
/// tensors.
struct NameShape {
  let parts: [NamePart]
  /// The tensors by the numbers in their names.
  private(set) var members: [[Int]: Member] = [:]

  struct Member {
    /// Its place in the list of names.
    let position: Int
    let demand: ShapeDemand
  }

  /// The names grouped, in the order in which they first come up; `startIsWord` says that a
  /// number at the start of a name is a part of it and no place in a list.
  static func fold(
    _ names: [(name: String, demand: ShapeDemand)], startIsWord: Bool = false
  ) -> [NameShape] {
    var order: [[NamePart]: Int] = [:]
    var shapes: [NameShape] = []
    for (position, entry) in names.enumerated() {
      let (parts, numbers) = split(entry.name, startIsWord: startIsWord)
      let index = order[parts] ?? shapes.count
      if index == shapes.count {
        order[parts] = index
        shapes.append(NameShape(parts: parts))
      }
      shapes[index].members[numbers] = Member(position: position, demand: entry.demand)
    }
    return shapes
  }

  private init(parts: [NamePart]) { self.parts = parts }

  static func split(_ name: String, startIsWord: Bool = false)
    -> (parts: [NamePart], numbers: [Int])
  {
    var numbers: [Int] = []
    let parts = name.dottedSegments.map { segment -> NamePart in
      let isWord = startIsWord && segment.startIndex == name.startIndex
      guard !isWord, let number = number(segment) else { return .word(String(segment)) }
      numbers.append(number)
      return .number
    }
    return (parts, numbers)
  }

  /// Whether names begin with numbers that tell modules of different kinds apart, as those
  /// of an `nn.Sequential` do, and not the layers of a list.
  static func startWithModules(_ names: some Sequence<String>) -> Bool {
    var starts: [ArraySlice<NamePart>: Substring] = [:]
    for name in names {
      guard let start = name.dottedSegments.first, number(start) != nil else { continue }
      let known = starts.updateValue(start, forKey: split(name).parts.dropFirst())
      if let known, known != start { return false }
    }
    return !starts.isEmpty
  }

  private static func number(_ segment: Substring) -> Int? {
    guard segment.utf8.count <= NameTemplate.maximumDigitCount,
      segment.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      segment.utf8.first != 0x30 || segment.utf8.count == 1
    else { return nil }
    return Int(segment)
  }

  /// The name for some numbers.
  static func name(_ parts: [NamePart], _ numbers: [Int]) -> String {
    var rest = numbers[...]
    return parts.map { part in
      switch part {
      case .word(let word): word
      case .number: rest.popFirst().map { "\($0)" } ?? ""
      }
    }.joined(separator: ".")
  }

  var numberCount: Int { parts.count { $0 == .number } }

  /// Whether not one is a weight and the other a bias.
  private func isWeightOrBias(like other: NameShape) -> Bool {
    guard let own = parts.last?.word, let last = other.parts.last?.word,
      WordMeaning.everywhere.contains(own), WordMeaning.everywhere.contains(last)
    else { return true }
    return own == last
  }

  /// Whether each tensor here can be that of the same numbers there: a place in a
  /// list is never another place.
  func fits(_ other: NameShape) -> Bool {
    numberCount == other.numberCount && members.count <= other.members.count
      && isWeightOrBias(like: other)
      && members.allSatisfy { numbers, member in
        other.members[numbers].map { member.demand.accepts($0.demand) } ?? false
      }
  }
}

/// What is known of a tensor's shape.
enum ShapeDemand: Hashable {
  case unknown
  case shape([Int])
  /// The weight that factors update: `[out, in]`, which a base may hold transposed.
  case factors([Int])
  /// A weight of which is known that it is held as `[out, in]`.
  case linear([Int])

  /// Whether a tensor of the base can be it.
  func accepts(_ base: ShapeDemand) -> Bool {
    switch (self, base) {
    case (.shape(let own), .shape(let other)), (.shape(let own), .linear(let other)),
      (.factors(let own), .linear(let other)):
      own == other
    case (.factors(let own), .shape(let other)):
      own == other || (own.count == 2 && own.reversed() == other)
    default: true
    }
  }
}
