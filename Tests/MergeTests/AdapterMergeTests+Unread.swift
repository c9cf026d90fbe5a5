import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// What the tensors of an adapter have and its configuration does not know; and what it says
/// of one tensor that the base stores twice.
extension AdapterMergeTests {
  @Test(
    arguments: [
      ("lora_B.bias", "lora_bias", Finding.Code.loraBiasDropped, "model.q_proj.bias"),
      ("lora_magnitude_vector", "use_dora", .configMismatch, "model.q_proj.weight"),
    ], [false, true])
  func `PEFT's numerics leave out what PEFT does not read`(
    row: (leaf: String, field: String, code: Finding.Code, target: String), isRead: Bool
  ) throws {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"model_type": "llama"}"#,
      ["model.q_proj.weight": ones([4, 4]), "model.q_proj.bias": ones([4])])
    let module = "base_model.model.model.q_proj"
    let adapter = try adapter(
      in: directory, fields: #", "\#(row.field)": \#(isRead)"#,
      [
        "\(module).lora_A.weight": ones([2, 4]), "\(module).lora_B.weight": ones([4, 2]),
        "\(module).\(row.leaf)": ones([4]),
      ])
    var changed: [Numerics: [Float]] = [:]
    for numerics in Numerics.allCases {
      let options = OutputOptions(numerics: numerics, isSingleFile: true)
      let plan = try AdapterMerge(
        base: base, adapters: [WeightedAdapter(adapter)], options: options
      ).plan
      let written = try run(plan)
      changed[numerics] = try floats(row.target, of: written.output)
      #expect(
        plan.findings.map(\.code) == (isRead ? [] : [row.code]), "\(plan.findings)")
      if isRead { continue }
      #expect(
        plan.findings.map(\.message) == [
          "module \"model.q_proj\" has a \(row.leaf), but \(row.field) is not true: PEFT would "
            + "ignore it without a word, and so does a merge with --numerics peft; any other merge "
            + "does not"
        ])
    }
    #expect((changed[.exact] == changed[.peft]) == isRead)
    let ignored: Float = row.leaf == "lora_B.bias" ? 1 : 3
    let read = row.leaf == "lora_B.bias" ? 2 : Float(0.5)
    #expect(changed[.exact] == [Float](repeating: read, count: changed[.exact]?.count ?? 0))
    #expect(changed[.peft]?.first == (isRead ? read : ignored))
  }

  @Test(arguments: [true, false])
  func `rows of a tied embedding change in both tensors where both are stored`(isTied: Bool) throws
  {
    let directory = TemporaryDirectory()
    let base = try base(
      in: directory, #"{"model_type": "llama", "tie_word_embeddings": \#(isTied)}"#,
      [
        "model.embed_tokens.weight": ones([5, 4]), "lm_head.weight": ones([5, 4]),
        "model.q_proj.weight": ones([4, 4]),
      ])
    let adapter = try adapter(
      in: directory, fields: #", "trainable_token_indices": [1, 3]"#,
      [
        "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta":
          TestTensor([2, 4], [5, 5, 5, 5, 6, 6, 6, 6])
      ])
    #expect(try configuration(plan(base, [WeightedAdapter(adapter)])) == nil)
    let written = try run(
      AdapterMerge(
        base: base, adapter: adapter, options: OutputOptions(isSingleFile: true)
      ).plan
    )
    let rows = [Float]([1, 5, 1, 6, 1].flatMap { [$0, $0, $0, $0] })
    #expect(try floats("model.embed_tokens.weight", of: written.output) == rows)
    let head = try floats("lm_head.weight", of: written.output)
    #expect(head == (isTied ? rows : [Float](repeating: 1, count: 20)))
  }
}
