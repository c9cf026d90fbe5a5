extension KeyList {
  /// Reads the names in what Python prints of a list or of the keys of a dictionary, with
  /// shapes where there are some. Nil for anything else.
  init?(literal text: String, path: String) {
    let start = ["odict_keys(", "dict_keys("].lazy.compactMap(text.firstRange(of:)).first
    let text = start.map { text[$0.lowerBound...] } ?? text[...]
    guard start != nil || text.first(where: { !$0.isWhitespace }).map("[({'\"".contains) == true,
      !text.isEmpty
    else { return nil }
    let parts = Self.parts(text.unicodeScalars)
    let words = parts.flatMap { $0.rest.split { !$0.isLetter && $0 != "_" } }
    guard parts.count > 1, words.allSatisfy(Self.words.contains),
      parts.allSatisfy({ !$0.rest.contains("...") }),
      parts.dropFirst().allSatisfy({ Self.isName($0.name[...]) })
    else { return nil }
    self.init(
      path: path, parts.dropFirst().map { Entry($0.name, Self.shape(in: $0.rest)) })
  }

  /// The words that stand beside names.
  private static let words: Set<Substring> = [
    "odict_keys", "dict_keys", "OrderedDict", "list", "tuple", "set", "frozenset", "torch", "Size",
  ]

  /// What stands in quotes, each with what follows; first what comes before them all.
  private static func parts(_ text: Substring.UnicodeScalarView) -> [(name: String, rest: String)] {
    var parts: [(name: String, rest: String)] = []
    var part = (name: "", rest: "")
    var quote: Unicode.Scalar?
    var isEscaped = false
    for scalar in text {
      if isEscaped {
        part.name.unicodeScalars.append(scalar)
        isEscaped = false
      } else if scalar == quote {
        quote = nil
      } else if quote != nil {
        if scalar == "\\" { isEscaped = true } else { part.name.unicodeScalars.append(scalar) }
      } else if scalar == "'" || scalar == "\"" {
        parts.append(part)
        part = ("", "")
        quote = scalar
      } else {
        part.rest.unicodeScalars.append(scalar)
      }
    }
    return parts + [part]
  }
}
