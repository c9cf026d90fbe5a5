import Formats

extension LoadedNames {
  /// One change of names from the files to the loaded model. Several replacements stand for
  /// equal parts of the rows of one tensor.
  struct Rule: Sendable {
    let replacements: [RenameRule]
    private let matchers: [RuleMatcher]

    /// Reads `EXPRESSION -> REPLACEMENT`, or `-> FIRST + SECOND`.
    ///
    /// As in transformers, an expression that ends with a letter or a digit ends where a
    /// name does.
    init(_ line: String) throws(CheckpointError) {
      let sides = line.split(separator: "->", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2 else {
        throw CheckpointError("the line \(line.quoted) has no \"->\"")
      }
      var pattern = Self.trimmed(sides[0])
      if let last = pattern.last, last.isLetter || last.isNumber { pattern += #"(?!\w)"# }
      let parts = sides[1].split(separator: " + ", omittingEmptySubsequences: false)
      replacements = try parts.map { (part) throws(CheckpointError) in
        try RenameRule(pattern: pattern, replacement: Self.trimmed(part))
      }
      matchers = try replacements.map { (rule) throws(CheckpointError) in try RuleMatcher(rule) }
    }

    private static func trimmed(_ text: Substring) -> String {
      text.split(separator: " ").joined(separator: " ")
    }

    /// The name with each of the replacements; nil where the expression is not in it.
    func apply(to name: String) -> [String]? {
      guard let first = matchers[0].apply(to: name) else { return nil }
      return [first] + matchers.dropFirst().compactMap { $0.apply(to: name) }
    }
  }

  /// The rules for some models: by `model_type` of the model or of a part of it, or by the
  /// class of the model; `*` stands for all.
  struct Row: Sendable {
    let models: Set<String>
    /// As they are written: only those of the model at hand are ever compiled, since all of
    /// them take longer than most merges.
    fileprivate(set) var rules: [String] = []
  }

  /// The rules for a model, those for its class first; models with code of their own load
  /// their files by it. A line that does not make sense is left out.
  static func rules(for configuration: ModelConfiguration?) -> [Rule] {
    var types: Set = ["*"]
    var classes: Set<String> = []
    if let configuration, configuration.codeFiles.isEmpty {
      types.formUnion(configuration.modelTypes)
      classes = Set([configuration.architecture].compactMap(\.self))
    }
    let ofClass = table.filter { !$0.models.isDisjoint(with: classes) }
    let ofType = table.filter {
      $0.models.isDisjoint(with: classes) && !$0.models.isDisjoint(with: types)
    }
    return (ofClass + ofType).flatMap(\.rules).compactMap { try? Rule($0) }
  }

  static let table = [language, multimodal, documents, vision, detection, dense, speech].flatMap(
    rows)

  /// Reads lines: the names of models, and below them, further in, their rules. What ends
  /// with a backslash goes on in the next line.
  static func rows(_ text: String) -> [Row] {
    var rows: [Row] = []
    var line = ""
    for piece in text.utf8.split(separator: UInt8(ascii: "\n")).map(Substring.init) {
      line += line.isEmpty ? piece : piece.drop { $0 == " " }
      guard line.utf8.last != UInt8(ascii: "\\") else {
        line.removeLast()
        continue
      }
      if !line.hasPrefix(" ") {
        rows.append(Row(models: Set(line.split(separator: " ").map(String.init))))
      } else if !rows.isEmpty {
        rows[rows.count - 1].rules.append(line)
      }
      line = ""
    }
    return rows
  }
}
