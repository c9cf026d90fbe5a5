public import Formats
import SystemPackage

/// Something that names can be taken from: a checkpoint, or a text that lists keys.
public enum KeySource: Sendable {
  case checkpoint(Checkpoint)
  case list(KeyList)

  /// The longest text that is read.
  private static let maximumTextByteCount = 64 << 20

  /// Opens what `path` leads to: anything that holds tensors, an index without its
  /// shards, a text with one key a line, or what a failed load printed.
  public init(_ path: String) throws(CheckpointError) {
    do throws(CheckpointError) {
      self = .checkpoint(try Checkpoint.open(path))
    } catch {
      guard let list = Self.list(at: path) else { throw error }
      self = .list(list)
    }
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
      let bytes = try? file.readAll(limit: maximumTextByteCount), !bytes.contains(0),
      let text = String(validating: bytes, as: UTF8.self)
    else { return nil }
    let first = text.first { !$0.isWhitespace }
    guard first == "{" || first == "[" else { return KeyList(text: text, path: path) }
    return (try? JSONValue(parsing: bytes)).flatMap { KeyList(json: $0, path: path) }
  }
}

extension RenamingDraft {
  public init(_ source: KeySource) throws(CheckpointError) {
    switch source {
    case .checkpoint(let checkpoint): try self.init(checkpoint)
    case .list(let list): self.init(list)
    }
  }

  /// Adds the `config.json` beside `base` to those that are asked for heads.
  public mutating func addModelConfiguration(of base: KeySource) {
    guard case .checkpoint(let checkpoint) = base,
      let file = checkpoint.sideFile(AttentionHeads.fileName)
    else { return }
    modelConfigurations.append(file.path)
  }
}
