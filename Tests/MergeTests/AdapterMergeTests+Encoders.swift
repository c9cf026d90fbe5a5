import Formats
import Inspect
import Testing

@testable import Merge

/// Tied embeddings of models with an encoder and a decoder.
extension AdapterMergeTests {
  struct PartedCase: CustomTestStringConvertible, Sendable {
    let model: String
    let prefix: String
    let input: String
    let names: [String]
    /// What the configuration says afterwards; nil where it stays.
    let says: [String]?
    var testDescription: String { model }
  }

  static let parted = [
    PartedCase(
      model: "bart", prefix: "model.", input: "shared",
      names: ["model.decoder.embed_tokens.weight", "model.encoder.embed_tokens.weight"],
      says: [#""tie_word_embeddings": false"#]),
    PartedCase(
      model: "prophetnet", prefix: "prophetnet.", input: "word_embeddings",
      names: [
        "prophetnet.decoder.word_embeddings.weight", "prophetnet.encoder.word_embeddings.weight",
      ], says: [#""tie_word_embeddings": false"#]),
    // What tells transformers to scale what the decoder leaves.
    PartedCase(
      model: "t5", prefix: "", input: "shared",
      names: ["decoder.embed_tokens.weight", "encoder.embed_tokens.weight"],
      says: [#""tie_word_embeddings": false"#, #""scale_decoder_outputs": true"#]),
    PartedCase(
      model: "switch_transformers", prefix: "", input: "shared",
      names: ["decoder.embed_tokens.weight", "encoder.embed_tokens.weight"], says: nil),
  ]

  @Test(arguments: parted)
  func `parted embeddings are written under all names`(row: PartedCase) throws {
    let directory = try TemporaryDirectory()
    let input = "\(row.prefix)\(row.input).weight"
    let base = try base(
      in: directory, #"{"model_type": "\#(row.model)", "tie_word_embeddings": true}"#,
      [
        input: ones([5, 4]), "\(row.prefix)encoder.q.weight": ones([4, 4]),
        "\(row.prefix)decoder.q.weight": ones([4, 4]),
      ])
    let adapter = try adapter(in: directory, pair("lm_head", 5, 4))
    let plan = try plan(base, [WeightedAdapter(adapter)])
    let embeddings = plan.tensors.filter { $0.shape == [5, 4] }
    #expect(embeddings.map(\.name).sorted() == (row.names + [input, "lm_head.weight"]).sorted())
    let updated = plan.tensors.filter { if case .update = $0.operation { true } else { false } }
    #expect(updated.map(\.name) == ["lm_head.weight"])
    let text = configuration(plan)
    #expect((text == nil) == (row.says == nil))
    for field in row.says ?? [] { #expect(text?.contains(field) == true) }
  }

  @Test func `a decoder that says how it scales keeps that`() throws {
    let directory = try TemporaryDirectory()
    let base = try base(
      in: directory,
      #"{"model_type": "t5", "tie_word_embeddings": true, "scale_decoder_outputs": false}"#,
      ["shared.weight": ones([5, 4]), "encoder.q.weight": ones([4, 4])])
    let adapter = try adapter(in: directory, pair("lm_head", 5, 4))
    let text = configuration(try plan(base, [WeightedAdapter(adapter)]))
    #expect(text?.contains(#""scale_decoder_outputs": false"#) == true)
    #expect(text?.contains(#""tie_word_embeddings": false"#) == true)
  }
}
