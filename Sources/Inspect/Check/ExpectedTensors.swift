public import Formats

/// The names, and where they are known the shapes, that a model wants to load.
public struct ExpectedTensors: Sendable {
  public struct Entry: Sendable, Hashable {
    public let name: String
    /// Nil where only the name is known.
    public let shape: [Int]?

    public init(_ name: String, shape: [Int]? = nil) {
      self.name = name
      self.shape = shape
    }
  }

  /// Where they come from, for messages: `the base models/llama`.
  public let source: String
  /// In the order of the source.
  public let entries: [Entry]

  public init(_ entries: [Entry], source: String) {
    self.entries = entries
    self.source = source
  }

  /// The tensors that a base holds: what a model made from its configuration wants.
  public init(base: Checkpoint) {
    self.init(
      base.records.map { Entry($0.name, shape: $0.shape) }, source: "the base \(base.path)")
  }

  /// Reads what `path` leads to: a checkpoint, an index of shards whose files may be
  /// missing, or a text with one name a line.
  public init(path: String) throws(CheckpointError) {
    if let file = try? InputFile(path: path), file.size <= InputFile.maximumJSONByteCount,
      let text = Self.text(of: file)
    {
      self.init(try Self.entries(text, path: path), source: path)
    } else {
      let checkpoint = try Checkpoint.open(
        path, options: Checkpoint.OpeningOptions(isTolerant: true))
      self.init(checkpoint.records.map { Entry($0.name, shape: $0.shape) }, source: path)
    }
  }

  /// The file as a text; nil where it holds bytes that no text has.
  private static func text(of file: InputFile) -> [UInt8]? {
    guard let head = try? file.read(min(4096, file.size), at: 0),
      !head.contains(where: { $0 < 0x20 && !"\t\r\n".utf8.contains($0) }),
      let bytes = try? file.readAll(limit: InputFile.maximumJSONByteCount),
      String(validating: bytes, as: UTF8.self) != nil
    else { return nil }
    return bytes
  }

  private static func entries(_ bytes: [UInt8], path: String) throws(CheckpointError) -> [Entry] {
    let first = bytes.first { !" \t\r\n".utf8.contains($0) }
    if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
      do {
        return try entries(JSONValue(parsing: bytes))
      } catch {
        throw error.with(path: path)
      }
    }
    let entries = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
      .compactMap { KeyLine($0).entry }
    guard !entries.isEmpty else {
      throw CheckpointError(path: path, "holds no names; expected one a line")
    }
    return entries
  }

  /// An index, an object of names and shapes, or a list of names.
  private static func entries(_ json: JSONValue) throws(CheckpointError) -> [Entry] {
    if let map = json["weight_map"]?.object { return map.map { Entry($0.key) } }
    if let tensors = json["tensors"]?.array {
      // What `tenon inspect --json` prints.
      return tensors.compactMap { tensor in
        tensor["name"]?.string.map { Entry($0, shape: tensor["shape"]?.ints) }
      }
    }
    if let list = json.array, case let names = list.compactMap(\.string), names.count == list.count
    {
      return names.map { Entry($0) }
    }
    if let members = json.object, members.allSatisfy({ $0.value.ints != nil }) {
      return members.map { Entry($0.key, shape: $0.value.ints) }
    }
    throw CheckpointError(
      "is a JSON text that lists no names; expected an index, a list of names or an object of "
        + "names and shapes")
  }
}

/// One line of a list of names: a name, and after it perhaps a type and a shape, as
/// `tenon inspect` prints them.
private struct KeyLine {
  let entry: ExpectedTensors.Entry?

  init(_ line: Substring) {
    let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
    guard let name = fields.first, !name.hasPrefix("#") else {
      entry = nil
      return
    }
    let rest = line[name.endIndex...]
    var shape: [Int]?
    if let start = rest.firstIndex(of: "[") ?? rest.firstIndex(of: "(") {
      let numbers = rest[start...].dropFirst().prefix { $0 != "]" && $0 != ")" }
        .split(whereSeparator: { $0 == "," || $0 == " " }).map { Int($0) }
      if numbers.allSatisfy({ $0 != nil }) { shape = numbers.compactMap(\.self) }
    }
    entry = ExpectedTensors.Entry(String(name), shape: shape)
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
