/// What the words of names mean, as far as models agree on it.
///
/// The table is evidence and a veto: words of one row stand for the same thing, and
/// a word that means one thing never becomes one that means another of its kind.
/// Words that mean different layouts (`wq` of Meta's checkpoints and `q_proj` have
/// their rows in different order) are not in one row, whatever their shapes.
enum WordMeaning {
  /// Words for the same thing.
  private static let rows: [[String]] = [
    ["q_proj", "query", "to_q", "q_lin", "query_proj", "q"],
    ["k_proj", "key", "to_k", "k_lin", "key_proj", "k"],
    ["v_proj", "value", "to_v", "v_lin", "value_proj", "v"],
    ["o_proj", "out_proj"],
    ["self_attn", "attention", "attn", "self_attention"],
    ["mlp", "feed_forward", "ffn"],
    ["input_layernorm", "ln_1", "attention_norm", "layernorm_before", "layer_norm1", "norm1"],
    ["post_attention_layernorm", "ln_2", "ffn_norm", "layernorm_after", "layer_norm2", "norm2"],
    ["embed_tokens", "tok_embeddings", "wte", "word_embeddings", "embed_in"],
    ["lm_head", "output", "embed_out"],
    ["layers", "h", "blocks", "block", "layer"],
  ]

  private static let meanings: [String: Int] = {
    var meanings: [String: Int] = [:]
    for (row, words) in rows.enumerated() { for word in words { meanings[word] = row } }
    return meanings
  }()

  /// Whether the table has both words in one row.
  static func isSame(_ a: String, _ b: String) -> Bool {
    guard let meaning = meanings[a] else { return false }
    return meaning == meanings[b]
  }

  /// Parts of words of which a word has one or another: kinds of opposites.
  private static let opposites: [[[String]]] = [
    [
      ["q", "query"], ["k", "key"], ["v", "value"], ["qkv"], ["wqkv"], ["kv"], ["wq"], ["wk"],
      ["wv"], ["dense", "o", "out"],
    ],
    [["gate"], ["up"], ["down"]],
    [["pre", "before", "input"], ["post", "after", "output"]],
    [["in", "input"], ["out", "output"]],
    [["encoder", "enc"], ["decoder", "dec"]],
    [["text", "language", "lm", "llm"], ["vision", "visual", "image", "vit"], ["audio"]],
    [["self"], ["cross", "encoder"]],
    [["img", "image"], ["txt", "text", "context"]],
    [
      ["embeddings", "embedding", "embed", "wte", "wpe"],
      ["head", "score", "classifier", "pooler"],
    ],
    [["layernorm", "norm", "ln", "rmsnorm"], ["dense", "linear", "proj", "fc"]],
    [["layernorm", "norm", "ln", "rmsnorm"], ["conv", "conv1", "conv2", "conv3"]],
    [["token", "word", "wte"], ["position", "pos", "wpe"]],
    [["teacher"], ["student"]], [["generator"], ["discriminator"]], [["real"], ["imag"]],
    [["mu"], ["logvar"]], [["glb"], ["sub"]], [["cls"], ["mask"]],
    [["weight", "gamma"], ["bias", "beta"]],
    [["a"], ["b"]],
    [["w1"], ["w2"], ["w3"]],
    [["fc1"], ["fc2"]],
    [["row"], ["col"]], [["global"], ["local"]], [["first"], ["last"]], [["left"], ["right"]],
    [["mean"], ["var", "std"]], [["cos"], ["sin"]], [["start"], ["end"]],
  ]

  private static let kinds: [String: [(kind: Int, side: Int)]] = {
    var kinds: [String: [(kind: Int, side: Int)]] = [:]
    for (kind, sides) in opposites.enumerated() {
      for (side, words) in sides.enumerated() {
        for word in words { kinds[word, default: []].append((kind, side)) }
      }
    }
    return kinds
  }()

  /// Whether the words mean different things of one kind.
  static func isOpposite(_ a: String, _ b: String) -> Bool {
    if a == b || isSame(a, b) { return false }
    if let first = meanings[a], let second = meanings[b], first != second { return true }
    if isEmbeddingNorm(a) != isEmbeddingNorm(b), isNorm(a), isNorm(b) { return true }
    let (first, second) = (sides(of: a), sides(of: b))
    for (kind, side) in first {
      if let other = second[kind], other.isDisjoint(with: side) { return true }
    }
    return false
  }

  /// Whether the words name different parts of a model.
  static func isOtherPart(_ a: String, _ b: String) -> Bool {
    guard let first = modelParts[a], let second = modelParts[b] else { return false }
    return first != second
  }

  /// What parts of a model are called, by what they are for.
  private static let modelParts: [String: Int] = {
    let words = [
      ["text_model", "language_model", "llm", "text_encoder"],
      ["vision_tower", "vision_model", "visual", "vision_encoder", "image_tower", "image_encoder"],
      ["audio_tower", "audio_model", "audio_encoder"],
    ]
    return Dictionary(
      words.enumerated().flatMap { part, words in words.map { ($0, part) } },
      uniquingKeysWith: { first, _ in first })
  }()

  private static func isNorm(_ word: String) -> Bool {
    parts(of: word).contains { ["layernorm", "norm", "ln", "rmsnorm"].contains($0) }
  }

  /// Whether the word names the norm behind the embeddings, which is none of a layer's
  /// and not the last one.
  private static func isEmbeddingNorm(_ word: String) -> Bool {
    isNorm(word)
      && parts(of: word).contains { ["embeddings", "embedding", "embed", "emb"].contains($0) }
  }

  /// Whether the word tells which of several modules of one layer it is.
  static func isTelling(_ word: String) -> Bool {
    meanings[word] != nil || parts(of: word).contains { tellingParts.contains($0) }
  }

  private static let tellingParts: Set<String> = [
    "q", "query", "k", "key", "v", "value", "qkv", "wqkv", "kv", "gate", "up", "down", "self",
    "cross", "img", "txt", "norm", "layernorm", "ln", "head", "embed", "embeddings", "pooler",
    "dense", "proj", "linear", "fc", "fc1", "fc2", "output", "out",
  ]

  private static func sides(of word: String) -> [Int: Set<Int>] {
    var sides: [Int: Set<Int>] = [:]
    if labels.contains(word) { return sides }
    for part in parts(of: word) {
      for (kind, side) in kinds[part] ?? [] { sides[kind, default: []].insert(side) }
    }
    return sides
  }

  /// Letters that mean something behind others, as in `lora_a`, and nothing by themselves.
  private static let labels: Set<String> = ["a", "b"]

  /// The parts of a word between `_` and `-`, in lower case.
  static func parts(of word: String) -> [String] {
    word.lowercased().split { $0 == "_" || $0 == "-" }.map(String.init)
  }

  /// Whether the words share a part that says something.
  static func isAkin(_ a: String, _ b: String) -> Bool {
    let first = Set(parts(of: a)).subtracting(idle)
    return !first.isDisjoint(with: Set(parts(of: b)).subtracting(idle))
  }

  private static let idle: Set<String> = [
    "proj", "layer", "norm", "layernorm", "linear", "model", "weight", "bias", "the", "of",
  ]

  /// Words that nearly every name has.
  static let everywhere: Set<String> = ["weight", "bias"]
}
