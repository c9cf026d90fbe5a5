/// The key of a tensor at which a program of Python stopped.
extension LoadLog {
  static let keyError = "KeyError: "

  static func firstKeys(in text: String) -> [String] {
    var keys: [String] = []
    var rest = text[...]
    while let range = rest.firstRange(of: keyError) {
      rest = rest[range.upperBound...]
      guard let name = names(rest).names.first, isOfTensor(name), !keys.contains(name) else {
        continue
      }
      keys.append(name)
    }
    return keys
  }

  /// Programs look up much else by name, but little of it so.
  private static func isOfTensor(_ name: String) -> Bool {
    name.contains(".") && !name.contains(" ")
      && [".weight", ".bias"].contains(where: name.hasSuffix)
  }
}
