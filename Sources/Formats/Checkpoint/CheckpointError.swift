/// The reason why the work cannot go on, with everything a person needs to act.
///
/// It prints as one line, `file: byte 8: tensor "a": what was found and what was
/// expected`, and `fix`, if any, on a line of its own.
public struct CheckpointError: Error, Sendable, Hashable {
  /// The file or directory, as the user named it or as it was found from there.
  public var path: String?
  /// The byte in the file where the fault was seen.
  public var offset: Int?
  /// The tensor or key.
  public var tensor: String?
  /// One lower-case sentence: what was found and what was expected.
  public var message: String
  /// Lines that spell it out: the keys concerned, the nearest ones that exist.
  public var details: [String]
  /// The command to type next, or advice where no command helps.
  public var fix: String?

  public init(
    path: String? = nil, offset: Int? = nil, tensor: String? = nil, _ message: String,
    details: [String] = [], fix: String? = nil
  ) {
    self.path = path
    self.offset = offset
    self.tensor = tensor
    self.message = message
    self.details = details
    self.fix = fix
  }

  /// The same error with what the caller knows filled in where it was missing.
  public func with(path: String? = nil, tensor: String? = nil) -> Self {
    var copy = self
    copy.path = copy.path ?? path
    copy.tensor = copy.tensor ?? tensor
    return copy
  }
}

extension CheckpointError: CustomStringConvertible {
  public var description: String {
    var text = ""
    if let path { text += "\(path.isEmpty ? path.quoted : path.printable): " }
    if let offset { text += "byte \(offset): " }
    if let tensor { text += "tensor \(tensor.quoted): " }
    return text + message
  }
}
