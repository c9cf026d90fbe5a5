/// Names grouped by what decides which others they fit, so that each two groups are
/// compared once.
struct ShapeClasses {
  private struct Class: Hashable {
    let numberCount: Int
    let last: NamePart?
    let demands: [[Int]: ShapeDemand]
  }

  /// The groups, each with one of its names.
  private var groups: [(example: NameShape, members: [Int])] = []

  init(_ names: [NameShape], _ indices: [Int]) {
    var places: [Class: Int] = [:]
    for index in indices {
      let name = names[index]
      let last = name.parts.last.flatMap { part in
        WordMeaning.everywhere.contains(part.word ?? "") ? part : nil
      }
      let group = Class(
        numberCount: name.numberCount, last: last, demands: name.members.mapValues(\.demand))
      if let place = places[group] {
        groups[place].members.append(index)
      } else {
        places[group] = groups.count
        groups.append((name, [index]))
      }
    }
  }

  /// The groups of names, each with a group of places that they fit.
  func fitting(_ places: ShapeClasses) -> [(names: [Int], places: [Int])] {
    groups.flatMap { group in
      places.groups.filter { group.example.fits($0.example) }.map { (group.members, $0.members) }
    }
  }
}
