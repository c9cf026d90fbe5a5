import Formats
import Testing

@testable import Inspect

/// Embeddings of another number of tokens, in the logs of torch, PEFT and transformers.
@Suite struct CheckVocabularyTests {
  static let resizing =
    "for 105 tokens, but the model of the log has 100: the vocabulary was changed in training; "
    + "call resize_token_embeddings(105) on it before "

  struct LogCase: CustomTestStringConvertible {
    let name: String
    let log: String
    /// What the adapter holds, beside the factors of one module.
    var held: [TensorRecord] = []
    var isModel = false
    let message: String
    var fix: String?
    var testDescription: String { name }
  }

  private static func torch(_ name: String, _ found: [Int], _ expected: [Int]) -> String {
    "RuntimeError: Error(s) in loading state_dict for PeftModel:\n\tsize mismatch for \(name): "
      + "copying a param with shape torch.Size(\(found)) from checkpoint, the shape in current "
      + "model is torch.Size(\(expected)).\n"
  }

  private static let embedding = tensor(
    "base_model.model.model.embed_tokens.weight", [105, 32])
  private static let whole =
    "the adapter is loaded, or merge with tenon, which takes the embedding from the adapter "
    + "where the base ties its output to it"
  private static let partial =
    "the adapter is loaded; the file holds no whole embedding of 105 rows, so that those of the new "
    + "tokens have to come from the model that was trained"

  static let cases = [
    LogCase(
      name: "PEFT, a module to save",
      log: torch(
        "base_model.model.model.embed_tokens.modules_to_save.default.weight", [105, 32], [100, 32]),
      held: [embedding],
      message: "tensor \"base_model.model.model.embed_tokens.modules_to_save.default.weight\": "
        + resizing + whole),
    LogCase(
      name: "PEFT, an embedding that was saved along",
      log: torch("base_model.model.model.embed_tokens.weight", [105, 32], [100, 32]),
      held: [embedding],
      message: "tensor \"base_model.model.model.embed_tokens.weight\": " + resizing + whole),
    LogCase(
      name: "PEFT, an embedding and an output that were saved along",
      log: torch("base_model.model.model.embed_tokens.weight", [105, 32], [100, 32]),
      held: [embedding, tensor("base_model.model.lm_head.weight", [105, 32])],
      message: "tensor \"base_model.model.model.embed_tokens.weight\": " + resizing
        + "the adapter is loaded, or merge with tenon, which takes the embedding from the adapter",
      fix: "tenon merge BASE x -o OUT --alpha ALPHA"),
    LogCase(
      name: "PEFT, factors of an embedding alone",
      log: torch(
        "base_model.model.model.embed_tokens.lora_embedding_A.default", [4, 105], [4, 100]),
      message: "tensor \"base_model.model.model.embed_tokens.lora_embedding_A.default\": "
        + resizing + partial),
    LogCase(
      name: "PEFT, DoRA of the output",
      log: torch("base_model.model.lm_head.lora_B.default.weight", [105, 4], [100, 4])
        + torch("base_model.model.lm_head.lora_magnitude_vector.default.weight", [105], [100]),
      message: "2 tensors (base_model.model.lm_head.lora_B.default.weight, "
        + "base_model.model.lm_head.lora_magnitude_vector.default.weight): " + resizing + partial),
    LogCase(
      name: "PEFT, sizes ignored",
      log: "Some weights of PeftModel were not initialized from the model checkpoint and are being "
        + "ignored because you passed `ignore_mismatched_sizes=True`: - "
        + "base_model.model.model.embed_tokens.weight: found shape torch.Size([105, 32]) in the "
        + "checkpoint and torch.Size([100, 32]) in the model instantiated.",
      held: [embedding],
      message: "tensor \"base_model.model.model.embed_tokens.weight\": " + resizing + whole),
    LogCase(
      name: "transformers 5, a model's own call for its adapter",
      log: """
        LlamaForCausalLM LOAD REPORT from: x
        Key                       | Status   |
        --------------------------+----------+-
        model.embed_tokens.weight | MISMATCH | Reinit due to size mismatch - ckpt: \
        torch.Size([105, 32]) vs model:torch.Size([100, 32])
        """,
      held: [embedding], message: "tensor \"model.embed_tokens.weight\": " + resizing + whole),
    LogCase(
      name: "transformers 4, a model",
      log: "Some weights were not initialized because the shapes did not match:\n"
        + "- model.embed_tokens.weight: found shape torch.Size([105, 32]) in the checkpoint and "
        + "torch.Size([100, 32]) in the model instantiated",
      isModel: true,
      message: "tensor \"model.embed_tokens.weight\": " + resizing
        + "the load, or set vocab_size of config.json to 105 where it is built from that"),
    LogCase(
      name: "transformers 4.40, which loads module by module",
      log: "RuntimeError: Error(s) in loading state_dict for Embedding:\n\tsize mismatch for "
        + "weight: copying a param with shape torch.Size([105, 32]) from checkpoint, the shape in "
        + "current model is torch.Size([100, 32]).",
      isModel: true,
      message: "tensor \"model.embed_tokens.weight\": " + resizing
        + "the load, or set vocab_size of config.json to 105 where it is built from that"),
    LogCase(
      name: "accelerate",
      log: "ValueError: Trying to set a tensor of shape torch.Size([105, 32]) in \"weight\" (which "
        + "has shape torch.Size([100, 32])), this looks incorrect.",
      isModel: true,
      message: "tensor \"model.embed_tokens.weight\": " + resizing
        + "the load, or set vocab_size of config.json to 105 where it is built from that"),
  ]

  @Test(arguments: cases)
  func `a log about another vocabulary`(row: LogCase) throws {
    let pair = ["A.weight", "B.weight"].map {
      tensor("base_model.model.model.layers.0.q_proj.lora_\($0)", [2, 2])
    }
    let model = [tensor("model.embed_tokens.weight", [105, 32]), tensor("model.norm.weight")]
    let checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: row.isModel ? model : pair + row.held)
    let report = try CheckpointCheck(checkpoint).report(
      against: .log(row.log, source: "log", isFile: true), readsValues: false)
    let found = report.findings.filter { $0.code == .vocabularyMismatch }
    #expect(found.map(\.message) == [row.message])
    #expect(found.map(\.fix) == [row.fix])
  }

  @Test(arguments: [
    ("a.lm_head.lora_A.default.weight", [4, 64], [4, 32]),
    ("a.lm_head.lora_A.default.weight", [4, 32], [8, 32]),
    ("model.embed_tokens.weight", [105, 32], [100, 64]),
    ("model.embed_tokens.weight", [0], [100, 64]),
    ("model.layers.0.mlp.up_proj.weight", [105, 32], [100, 32]),
    ("base_model.model.model.embed_tokens.lora_embedding_A.default", [4, 105], [8, 100]),
  ])
  func `other sizes are no vocabulary`(name: String, found: [Int], expected: [Int]) {
    #expect(VocabularyChange(StrictLoad.Mismatch(name, expected: expected, found: found)) == nil)
  }
}
