import Formats

/// The layers that `layers_to_transform` of a configuration chooses, in the lists that
/// `layers_pattern` names.
///
/// PEFT has read the two in different ways; what is said of a module is said for each.
struct LayerSelection {
  let layers: [Int]
  /// Expressions for the names of the lists; empty for any.
  let patterns: [String]
  private let isOneName: Bool
  private let readings: [[PythonPattern]]

  private static let layersField = "layers_to_transform"
  private static let patternsField = "layers_pattern"

  /// Nil where the configuration chooses no layers.
  init?(_ json: JSONValue) {
    let value = json[Self.layersField]
    let layers = value?.int.map { [$0] } ?? (value?.array ?? []).compactMap(\.int)
    guard !layers.isEmpty else { return nil }
    let stated = json[Self.patternsField]
    let name = stated?.string.flatMap { $0.isEmpty ? nil : $0 }
    self.init(
      layers, name.map { [$0] } ?? (stated?.array ?? []).compactMap(\.string),
      isOneName: name != nil)
  }

  private init?(_ layers: [Int], _ patterns: [String], isOneName: Bool) {
    self.layers = layers
    self.patterns = patterns
    self.isOneName = isOneName
    let sources =
      patterns.isEmpty
      ? [[#".*?\.[^.]*\.(?P<idx>\d+)\."#], [#".*\.[^.]*\.(?P<idx>\d+)\."#]]
      : [
        patterns.map { #"(?:^|.*?\.)\#($0)\.(?P<idx>\d+)\."# },
        patterns.map { #".*\.\#($0)\.(?P<idx>\d+)\."# },
      ]
    var readings: [[PythonPattern]] = []
    for reading in sources {
      let compiled = reading.compactMap { try? PythonPattern("^(?:\($0))") }
      guard compiled.count == reading.count else { return nil }
      readings.append(compiled)
    }
    self.readings = readings
  }

  /// Whether each reading chooses the module at `path`.
  func choices(of path: String) -> [Bool] {
    readings.map { patterns in Self.number(in: path, patterns).map { layers.contains($0) } ?? false
    }
  }

  /// The number that the first of the patterns finds.
  private static func number(in path: String, _ patterns: [PythonPattern]) -> Int? {
    for pattern in patterns {
      if let match = pattern.firstMatch(in: path) {
        return match.text(of: pattern.groupCount).flatMap { Int($0) }
      }
    }
    return nil
  }

  /// The same choice for modules that moved; nil where the new paths do not show one.
  func renamed(_ moves: [ConfigurationRenaming.Move]) -> LayerSelection? {
    var names: [String] = []
    var numbers: [Int: Int] = [:]
    for move in moves where choices(of: move.old).contains(true) {
      let old = Self.places(move.old)
      let new = Self.places(move.new)
      guard old.count == new.count,
        let place = old.indices.first(where: { layers.contains(old[$0].number) && fits(old[$0]) })
      else { return nil }
      let (from, to) = (old[place].number, new[place].number)
      guard numbers.updateValue(to, forKey: from) ?? to == to else { return nil }
      if !names.contains(new[place].list) { names.append(new[place].list) }
    }
    let isSame = numbers.allSatisfy { $0.key == $0.value }
    guard isSame || layers.allSatisfy({ numbers[$0] != nil }) else { return nil }
    return LayerSelection(
      layers.map { numbers[$0] ?? $0 }, patterns.isEmpty ? [] : names, isOneName: isOneName)
  }

  /// Whether one of the patterns is the name of the list.
  private func fits(_ place: (list: String, number: Int)) -> Bool {
    patterns.isEmpty
      || patterns.contains { (try? PythonPattern($0))?.matchesWhole(place.list) == true }
  }

  /// The numbers in a path, each with what stands before it.
  private static func places(_ path: String) -> [(list: String, number: Int)] {
    let segments = path.dottedSegments
    return segments.indices.dropFirst().dropLast().compactMap { index in
      Int(segments[index]).map { (String(segments[index - 1]), $0) }
    }
  }

  /// The configuration with this choice.
  func put(into json: JSONValue) -> JSONValue {
    let names = patterns.map(JSONValue.string)
    return json.replacing([
      Self.layersField: json[Self.layersField]?.int != nil && layers.count == 1
        ? .number("\(layers[0])") : .array(layers.map { .number("\($0)") }),
      Self.patternsField: patterns.isEmpty
        ? nil : isOneName && names.count == 1 ? names[0] : .array(names),
    ])
  }

  /// The configuration without any choice of layers.
  static func removed(from json: JSONValue) -> JSONValue {
    json.replacing([layersField: .null, patternsField: .null])
  }
}

extension JSONValue {
  /// The object with the fields that it has replaced; nil leaves one as it is.
  func replacing(_ fields: [String: JSONValue?]) -> JSONValue {
    guard let members = object else { return self }
    return .object(
      members.map { member in
        guard let value = fields[member.key] ?? nil else { return member }
        return JSONMember(member.key, value)
      })
  }
}
