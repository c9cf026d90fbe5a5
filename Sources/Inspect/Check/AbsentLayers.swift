import Formats

/// Names in layers that a file does not have, though it has the same names in others.
struct AbsentLayers {
  /// What stands before the number of a layer, without the dot.
  let list: String
  /// The layers that are wanted and not there.
  let absent: Set<Int>
  /// The layers that the file has.
  let held: Set<Int>

  /// Nil unless all of `wanted` lie in such layers of one list.
  init?(_ wanted: [String], in names: some Sequence<String>) {
    let places = wanted.compactMap(Place.init)
    guard let list = places.first?.list, places.count == wanted.count,
      places.allSatisfy({ $0.list == list })
    else { return nil }
    let others = names.compactMap(Place.init).filter { $0.list == list }
    let rests = Set(others.map { ExactName($0.rest) })
    self.list = list
    held = Set(others.map(\.number))
    absent = Set(places.map(\.number))
    guard absent.isDisjoint(with: held), places.allSatisfy({ rests.contains(ExactName($0.rest)) })
    else { return nil }
  }

  /// How the layers of an adapter, whose modules some are, stand to those of its base.
  func comparison(with modules: [AdapterModule]) -> String {
    let adapted = Set(
      modules.compactMap { Place($0.target) }.filter { $0.list == list }.map(\.number))
    let numbers =
      "the adapter has \(Self.range(adapted)) of \(list.quoted), and the base \(Self.range(held))"
    guard let start = adapted.min(), let first = held.min(), start != first,
      adapted == Set(held.map { $0 + start - first })
    else {
      return "\(numbers): it was trained on a deeper model, or its layers are counted otherwise"
    }
    return "\(numbers): they are as many, counted from \(abs(start - first)) "
      + "\(start > first ? "more" : "less"), so that those with a place would change the wrong layer"
  }

  /// `layers 0 to 31`, `layer 3`.
  static func range(_ numbers: Set<Int>) -> String {
    let sorted = numbers.sorted()
    guard let first = sorted.first, let last = sorted.last, first < last else {
      return "layer \(sorted.map(String.init).joined())"
    }
    guard last - first == sorted.count - 1 else {
      return "\(sorted.count) layers from \(first) to \(last)"
    }
    return "layers \(first) to \(last)"
  }

  /// A name taken apart at its first number.
  private struct Place {
    let list: String
    let number: Int
    let rest: String

    init?(_ name: String) {
      let segments = name.dottedSegments
      guard let index = segments.firstIndex(where: { Int($0) != nil }), index > 0,
        let number = Int(segments[index]), (0..<Self.limit).contains(number)
      else { return nil }
      list = segments[..<index].joined(separator: ".")
      self.number = number
      rest = segments[(index + 1)...].joined(separator: ".")
    }

    /// More layers than any model has.
    private static let limit = 1_000_000
  }
}
