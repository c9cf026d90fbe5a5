import Formats
import Foundation
import Testing

@testable import Inspect

/// Parameters that a model has twice and its file once.
@Suite struct CheckTiedTests {
  static let sources: [(held: [String], name: String, source: String?)] = [
    (["shared.weight"], "encoder.embed_tokens.weight", "shared.weight"),
    (["shared.weight"], "lm_head.weight", "shared.weight"),
    (["model.shared.weight"], "model.decoder.embed_tokens.weight", "model.shared.weight"),
    (
      ["transformer.wte.weight", "transformer.wpe.weight"], "lm_head.weight",
      "transformer.wte.weight"
    ),
    (["model.decoder.embed_tokens.weight"], "lm_head.weight", "model.decoder.embed_tokens.weight"),
    (["model.decoder.embed_tokens.weight"], "proj_out.weight", "model.decoder.embed_tokens.weight"),
    (
      ["bert.embeddings.word_embeddings.weight"], "cls.predictions.decoder.weight",
      "bert.embeddings.word_embeddings.weight"
    ),
    (["cls.predictions.bias"], "cls.predictions.decoder.bias", "cls.predictions.bias"),
    (["lm_head.bias"], "lm_head.decoder.bias", "lm_head.bias"),
    (["lm_head.weight"], "model.embed_tokens.weight", "lm_head.weight"),
    (["model.embed_tokens.weight"], "model.norm.weight", nil),
    (["model.norm.weight"], "lm_head.weight", nil),
    (["a.embed_tokens.weight", "b.embed_tokens.weight"], "lm_head.weight", nil),
    (["shared.weight"], "model.embed_tokens.weight", nil),
    (["h.0.bias"], "h.0.decoder.bias", nil),
  ]

  @Test(arguments: sources)
  func `finds the tensor that a parameter shares`(held: [String], name: String, source: String?) {
    #expect(TiedNames(held).source(of: name) == source)
  }

  private static let torch =
    "Missing key(s) in state_dict: \"encoder.embed_tokens.weight\", "
    + "\"decoder.embed_tokens.weight\", \"lm_head.weight\"."
  private static let report = """
    T5ForConditionalGeneration LOAD REPORT from: x
    Key                         | Status  |
    lm_head.weight              | MISSING |
    """
  private static let three =
    "3 missing keys (decoder.embed_tokens.weight, encoder.embed_tokens.weight, lm_head.weight) share "
    + "the tensors of \"shared.weight\", which the checkpoint holds once"
  private static let one =
    "missing key \"lm_head.weight\" shares the tensor of \"shared.weight\", which the checkpoint holds "
    + "once"
  private static let strict =
    ", only torch's strict load_state_dict wants each by name: give it strict=False and call "
    + "tie_weights() after it"

  static let logs: [(log: String, isTied: Bool?, told: String)] = [
    (
      torch, nil,
      "warning: \(three): nothing is lost; from_pretrained of transformers ties them where "
        + "tie_word_embeddings is true\(strict)"
    ),
    (
      torch, true,
      "warning: \(three): nothing is lost; from_pretrained of transformers ties them\(strict)"
    ),
    (
      torch, false,
      "error: \(three); but config.json says tie_word_embeddings false, so that from_pretrained "
        + "would fill them with random values: set it to true, unless the tensors were trained apart "
        + "and are lost"
    ),
    (
      report, true,
      "error: \(one); the model of the log does not tie them, and transformers filled it with random "
        + "values: tie_word_embeddings of config.json has to be true, as it is beside x"
    ),
    (
      report, false,
      "error: \(one); the model of the log does not tie them, and transformers filled it with random "
        + "values: tie_word_embeddings of config.json has to be true"
    ),
  ]

  @Test(arguments: logs)
  func `a log about tied parameters`(log: String, isTied: Bool?, told: String) throws {
    var checkpoint = Checkpoint(
      path: "x", format: .safetensors,
      records: [tensor("shared.weight"), tensor("encoder.block.0.layer.0.SelfAttention.q.weight")])
    let directory = FileManager.default.temporaryDirectory
      .appending(path: "tenon-tied-\(UInt64.random(in: 0 ..< .max))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    if let isTied {
      let file = directory.appending(path: "config.json")
      try Data("{\"tie_word_embeddings\": \(isTied)}".utf8).write(to: file)
      checkpoint.sideFiles = [SideFile(name: "config.json", path: file.path(percentEncoded: false))]
    }
    let report = try CheckpointCheck(checkpoint).report(
      against: .log(log, source: "log", isFile: true), readsValues: false)
    #expect(
      report.findings.filter { $0.code == .tiedWeights || $0.code == .missingKey }
        .map { "\($0.severity.rawValue): \($0.message)" } == [told])
  }
}
