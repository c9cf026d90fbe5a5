import Formats

extension KeyList {
  /// Reads the keys that a JSON text lists: an index, an object of names and shapes, a
  /// list of names, or what `tenon inspect --json` prints. Nil for anything else.
  init?(json: JSONValue, path: String) {
    guard let entries = Self.entries(json) else { return nil }
    self.init(path: path, entries)
  }

  private static func entries(_ json: JSONValue) -> [Entry]? {
    if let map = json["weight_map"]?.object { return map.map { Entry($0.key) } }
    if let tensors = json["tensors"]?.array {
      return tensors.compactMap { tensor in
        tensor["name"]?.string.map { Entry($0, tensor["shape"]?.ints) }
      }
    }
    if let names = json.array?.map(\.string), names.allSatisfy({ $0 != nil }) {
      return names.compactMap { $0.map { Entry($0) } }
    }
    if let members = json.object, members.allSatisfy({ $0.value.ints != nil }) {
      return members.map { Entry($0.key, $0.value.ints) }
    }
    return nil
  }
}

extension JSONValue {
  /// The whole numbers of a list that holds nothing else.
  fileprivate var ints: [Int]? {
    guard let elements = array else { return nil }
    let numbers = elements.compactMap(\.int)
    return numbers.count == elements.count ? numbers : nil
  }
}
