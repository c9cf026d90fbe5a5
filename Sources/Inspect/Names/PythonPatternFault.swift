/// What keeps a text from being used as a pattern.
struct PythonPatternFault: Error, Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    /// Python refuses it, too; the number is the character, counted from 0.
    case malformed(String, at: Int)
    /// Python takes it, but this engine does not.
    case unsupported(String, at: Int)
    /// It goes beyond one of the limits.
    case tooLarge(String)
  }

  let kind: Kind

  init(_ kind: Kind) { self.kind = kind }
}

extension PythonPatternFault: CustomStringConvertible {
  /// The end of a sentence that begins with the pattern.
  var description: String {
    switch kind {
    case .malformed(let what, let offset):
      "is no regular expression: \(what) at character \(offset + 1)"
    case .unsupported(let what, let offset):
      "has \(what) at character \(offset + 1), which is not supported in patterns"
    case .tooLarge(let what): what
    }
  }
}
