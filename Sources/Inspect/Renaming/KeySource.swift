public import Formats

/// Something that names can be taken from: a checkpoint, or a text that lists keys.
public enum KeySource: Sendable {
  case checkpoint(Checkpoint)
  case list(KeyList)

  /// Opens what `path` leads to: anything that holds tensors, an index without its
  /// shards, a text with one key a line or with a list of them, or what a failed load
  /// printed.
  public init(
    _ path: String, options: Checkpoint.OpeningOptions = Checkpoint.OpeningOptions()
  ) throws(CheckpointError) {
    do throws(CheckpointError) {
      self = .checkpoint(try Checkpoint.open(path, options: options))
    } catch {
      guard let list = Self.list(at: path) ?? Self.index(in: path) else { throw error }
      self = .list(list)
    }
  }

  /// What a text that was read from standard input lists.
  public init(standardInput bytes: [UInt8]) throws(CheckpointError) {
    let name = Self.standardInputName
    guard let list = String(text: bytes).flatMap({ Self.list($0, path: name) }) else {
      throw CheckpointError(
        path: name,
        "lists no names; expected a text with one a line, as tenon inspect --keys prints")
    }
    self = .list(list)
  }

  /// What messages call it.
  static let standardInputName = "standard input"

  /// The longest text that is read.
  public static let maximumTextByteCount = 64 << 20

  /// The keys of the index in a directory whose shards are not all there.
  private static func index(in directory: String) -> KeyList? {
    Checkpoint.index(in: directory).flatMap(list(at:))
  }

  /// The names with what is known of their shapes.
  public var keys: KeyList {
    switch self {
    case .checkpoint(let checkpoint): KeyList(checkpoint)
    case .list(let list): list
    }
  }

  /// The keys that a file of text lists; nil for anything else.
  private static func list(at path: String) -> KeyList? {
    guard let file = try? InputFile(path: path),
      let bytes = try? file.readAll(limit: maximumTextByteCount),
      let text = String(text: bytes)
    else { return nil }
    return list(text, path: path)
  }

  private static func list(_ text: String, path: String) -> KeyList? {
    let first = text.first { !$0.isWhitespace }
    if first == "{" || first == "[", let json = try? JSONValue(parsing: Array(text.utf8)) {
      return KeyList(json: json, path: path)
    }
    return KeyList(literal: text, path: path) ?? KeyList(text: text, path: path)
  }
}

extension RenamingDraft {
  public init(_ source: KeySource) throws(CheckpointError) {
    switch source {
    case .checkpoint(let checkpoint): try self.init(checkpoint)
    case .list(let list): self.init(try list.found())
    }
  }
}

extension KeyList {
  /// The names that a checkpoint has: all of a list, and of what a failed load printed
  /// those that the model did not want.
  fileprivate func found() throws(CheckpointError) -> KeyList {
    guard let unwanted else { return self }
    guard !unwanted.isEmpty else {
      throw CheckpointError(
        path: path,
        "the report names no key that the checkpoint has, only \(entries.count) that it lacks",
        fix: "give the checkpoint itself or a list of its keys")
    }
    return KeyList(path: path, unwanted)
  }
}
