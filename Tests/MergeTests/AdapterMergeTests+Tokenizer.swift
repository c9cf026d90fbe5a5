import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// Which tokenizer lies beside the result where the adapter has another number of tokens.
extension AdapterMergeTests {
  struct TokenizerCase: CustomTestStringConvertible, Sendable {
    let name: String
    /// The rows of the adapter's embedding; the base has 5.
    let rows: Int
    let files: [String]
    /// The side files of the result that are the adapter's.
    let taken: [String]
    let findings: [String]
    var testDescription: String { name }
  }

  static let tokenizers = [
    TokenizerCase(
      name: "more tokens, and a tokenizer", rows: 7,
      files: [
        "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "training_args.bin",
      ],
      taken: ["chat_template.jinja", "tokenizer.json", "tokenizer_config.json"],
      findings: [
        "the adapter brings an embedding of 7 tokens, where the base has 5: vocab_size of "
          + "config.json becomes 7",
        "the tokenizer is the one beside the adapter ADAPTER, as the tokens are: "
          + "chat_template.jinja, tokenizer.json, tokenizer_config.json",
      ]),
    TokenizerCase(
      name: "more tokens alone", rows: 7, files: ["tokenizer_config.json"], taken: [],
      findings: [
        "the adapter brings an embedding of 7 tokens, where the base has 5: vocab_size of "
          + "config.json becomes 7",
        "no tokenizer lies beside ADAPTER, which brings an embedding of another number of tokens: "
          + "that of the base is taken, which does not know tokens that the training added",
      ]),
    TokenizerCase(
      name: "as many tokens", rows: 5, files: ["tokenizer.json"], taken: [], findings: []),
  ]

  @Test(arguments: tokenizers)
  func `the tokenizer is that of the embedding`(row: TokenizerCase) throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory,
      #"{"model_type": "llama", "vocab_size": 5, "tie_word_embeddings": false}"#,
      [
        "model.embed_tokens.weight": ones([5, 4]), "model.q_proj.weight": ones([4, 4]),
        "lm_head.weight": ones([5, 4]),
      ])
    let mine = ["chat_template.jinja", "merges.txt", "tokenizer.json", "tokenizer_config.json"]
    for file in mine + ["generation_config.json"] { try directory.write("{}", to: "base/\(file)") }
    for file in row.files { try directory.write("{}", to: "adapter/\(file)") }
    _ = try adapter(
      in: directory, fields: #", "modules_to_save": ["embed_tokens", "lm_head"]"#,
      [
        "base_model.model.model.embed_tokens.weight": zeros([row.rows, 4]),
        "base_model.model.lm_head.weight": zeros([row.rows, 4]),
      ])
    let source = try Checkpoint.open(directory.path("adapter"))
    let weighted = WeightedAdapter(try Adapter(source), weight: 1, from: source)
    let plan = try plan(try Checkpoint.open(base.path), [weighted])
    let taken = plan.sideFiles.filter { $0.path.contains("/adapter/") }.map(\.name)
    #expect(taken.sorted() == row.taken)
    let kept = plan.sideFiles.filter { $0.path.contains("/base/") }.map(\.name)
    #expect(kept.contains("generation_config.json"))
    #expect(kept.contains("merges.txt") == row.taken.isEmpty)
    #expect(
      plan.findings.map(\.message)
        == row.findings.map { $0.replacing("ADAPTER", with: source.path) })
  }
}
