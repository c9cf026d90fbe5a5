public import Formats

/// How many heads an attention has.
public struct AttentionHeads: Sendable, Hashable {
  public let queries: Int
  /// The heads of keys, and of values.
  public let keys: Int
  /// The rows of a head, where that is known.
  public let size: Int?
  /// Where it stands, for error texts.
  public let source: String

  /// The files that tell it: of transformers, and of Meta and Mistral.
  static let fileNames = ["config.json", "params.json"]

  /// Those of them that lie beside a checkpoint.
  static func files(beside checkpoint: Checkpoint) -> [String] {
    fileNames.compactMap { checkpoint.sideFile($0)?.path }
  }

  /// What the user states.
  public init(queries: Int, keys: Int?) throws(CheckpointError) {
    try self.init(
      queries: queries, keys: keys ?? queries, size: nil,
      source: "--attention-heads and --key-value-heads")
  }

  private init(queries: Int, keys: Int, size: Int?, source: String) throws(CheckpointError) {
    // No model comes near.
    let limit = 1 << 12
    guard (1...limit).contains(queries), (1...limit).contains(keys), queries % keys == 0,
      size.map({ (1...limit << 8).contains($0) }) ?? true
    else {
      throw CheckpointError(
        "\(source): \(queries) heads and \(keys) heads of keys; expected 1 to \(limit), the one "
          + "number a multiple of the other")
    }
    self.queries = queries
    self.keys = keys
    self.size = size
    self.source = source
  }

  private static let languageParts = ["text_config", "llm_config", "language_config"]
  private static let visionParts = ["vision_config", "vit_config"]
  /// What the part of a model that sees is called.
  static let visionSegments: Set<Substring> = [
    "vision_model", "vision_tower", "visual", "vision_encoder", "vit", "image_tower",
  ]

  /// What a model's `config.json` says of the part that holds the module at `path`;
  /// nil where it does not say.
  init?(_ json: JSONValue, file: String, path: String) throws(CheckpointError) {
    let isVision = !Self.visionSegments.isDisjoint(with: path.dottedSegments)
    let nested = (isVision ? Self.visionParts : Self.languageParts).compactMap { json[$0] }.first
    // A vision part without numbers of its own has not those of the language model.
    guard let part = nested ?? (isVision ? nil : json),
      let queries = Self.number(
        ["num_attention_heads", "n_head", "num_heads", "n_heads"], in: part)
    else { return nil }
    let hidden = Self.number(["hidden_size", "n_embd", "d_model", "dim"], in: part)
    let quotient = hidden.flatMap { queries > 0 && $0 % queries == 0 ? $0 / queries : nil }
    try self.init(
      queries: queries, keys: Self.keys(part) ?? queries,
      size: part["head_dim"]?.int ?? quotient, source: file)
  }

  /// The first of some fields that there is.
  private static func number(_ fields: [String], in part: JSONValue) -> Int? {
    fields.lazy.compactMap { part[$0] }.first?.int
  }

  /// The heads of keys that a configuration states; Falcon's has words of its own, of
  /// which one counts only where the other is set.
  private static func keys(_ part: JSONValue) -> Int? {
    if let keys = (part["num_key_value_heads"] ?? part["n_kv_heads"])?.int { return keys }
    if part["new_decoder_architecture"]?.bool == true { return part["num_kv_heads"]?.int }
    return part["multi_query"]?.bool == true ? 1 : nil
  }

  /// The rows of a head where queries, keys and values have `rows` together.
  func size(of rows: Int) throws(CheckpointError) -> Int {
    try size(of: rows, in: queries + 2 * keys)
  }

  /// The rows of a head where `count` heads have `rows` together.
  func size(of rows: Int, in count: Int) throws(CheckpointError) -> Int {
    guard rows % count == 0, size == nil || size == rows / count else {
      let rowsOfHead = size.map { " of \($0) rows" } ?? ""
      throw CheckpointError(
        "has \(rows) rows; \(source) says \(queries) heads and \(keys) of keys\(rowsOfHead), which "
          + (size.map { "makes \(count * $0)" } ?? "does not divide them"))
    }
    return rows / count
  }
}
