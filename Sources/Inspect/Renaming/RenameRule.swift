public import Formats

/// One change of names: every place that a regular expression finds is replaced.
///
/// The expressions are Python's: without an anchor the match may lie anywhere.
public struct RenameRule: Sendable, Hashable {
  public let pattern: String
  public let replacement: String

  /// Checks that the expression compiles and that the replacement names only groups
  /// that it has.
  public init(pattern: String, replacement: String) throws(CheckpointError) {
    self.pattern = pattern
    self.replacement = replacement
    _ = try RuleMatcher(self)
  }

  /// Reads `REGEX=REPLACEMENT`, split at the first `=` not preceded by `\`.
  ///
  /// The `\` goes away, so that `(?\=a)` stands for a look ahead.
  public init(argument text: String) throws(CheckpointError) {
    var previous: UInt8 = 0
    for index in text.utf8.indices {
      if text.utf8[index] == UInt8(ascii: "="), previous != UInt8(ascii: "\\") {
        let pattern = String(text[..<index]).replacing("\\=", with: "=")
        do throws(CheckpointError) {
          try self.init(
            pattern: pattern, replacement: String(text[text.utf8.index(after: index)...]))
        } catch {
          throw Self.cutGroups.contains(where: pattern.hasSuffix) ? Self.cut(text, pattern) : error
        }
        return
      }
      previous = text.utf8[index]
    }
    throw CheckpointError("the rule \(text.quoted) has no \"=\"; expected REGEX=REPLACEMENT")
  }

  /// How expressions end that were split at the `=` of `(?=…)` or `(?<=…)`.
  private static let cutGroups = ["(?", "(?<"]

  private static func cut(_ text: String, _ pattern: String) -> CheckpointError {
    CheckpointError(
      "the rule \(text.quoted) is split at its first \"=\", which leaves \(pattern.quoted) as the "
        + "expression; expected \\= for a \"=\" that belongs to it")
  }

  /// The rule that replaces names that begin with `old` and a dot.
  ///
  /// `new` may be empty: then the beginning goes away.
  static func prefix(_ old: String, to new: String) -> RenameRule {
    RenameRule(
      checked: "^\(escaped(old))\\.", new.isEmpty ? "" : escapedReplacement("\(new)."))
  }

  /// A rule that is known to be well formed: made from escaped text.
  init(checked pattern: String, _ replacement: String) {
    self.pattern = pattern
    self.replacement = replacement
  }

  /// The text as an expression that matches it and nothing else.
  static func escaped(_ text: some StringProtocol) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if #".^$*+?()[]{}|\/"#.unicodeScalars.contains(scalar) { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result
  }

  /// The text as a replacement that gives it as it is.
  static func escapedReplacement(_ text: some StringProtocol) -> String {
    String(text).replacing("\\", with: "\\\\")
  }
}

extension RenameRule: CustomStringConvertible {
  /// The rule as it is typed after `--rename`.
  public var description: String {
    "\(pattern.replacing("=", with: "\\="))=\(replacement)"
  }
}
