import Compute
import Formats
import Inspect
import TestSupport
import Testing

@testable import Merge

/// Numbers that are none, or too large for the output, wherever they come from.
@Suite struct NotFiniteTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    var fields = ""
    /// The key behind `base_model.model.` and the shape of what holds the value, last.
    let key: String
    let shape: [Int]
    let tensor: String
    let place: [Int]
    /// What the base has there.
    let before: String
    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "modules_to_save", fields: #", "modules_to_save": ["norm"]"#, key: "model.norm.weight",
      shape: [4], tensor: "model.norm.weight", place: [3], before: "1.0"),
    Case(
      name: "rows of tokens", fields: #", "trainable_token_indices": [1, 4]"#,
      key: "model.embed_tokens.token_adapter.trainable_tokens_delta", shape: [2, 3],
      tensor: "model.embed_tokens.weight", place: [4, 2], before: "1.0"),
    Case(
      name: "a grown vocabulary", key: "model.embed_tokens.weight", shape: [9, 3],
      tensor: "model.embed_tokens.weight", place: [8, 2], before: "nothing"),
    Case(
      name: "a new head", fields: #", "modules_to_save": ["score"]"#, key: "score.weight",
      shape: [2, 3], tensor: "score.weight", place: [1, 2], before: "nothing"),
    Case(
      name: "a difference", key: "model.q_proj.lora_B.weight", shape: [4, 2],
      tensor: "model.q_proj.weight", place: [3, 0], before: "1.0"),
  ]

  private func merged(
    _ row: Case, _ value: Float, as type: ElementType?, _ numerics: Numerics = .exact,
    base: Float = 1
  ) throws -> MergeReport {
    let directory = TemporaryDirectory()
    func filled(_ shape: [Int], _ value: Float, last: Float) -> TestTensor {
      let count = shape.reduce(1, *)
      return TestTensor(shape, [Float](repeating: value, count: count - 1) + [last])
    }
    try directory.write(
      [
        "model.embed_tokens.weight": filled([5, 3], 1, last: base),
        "model.norm.weight": filled([4], 1, last: base),
        "model.q_proj.weight": filled([4, 3], 1, last: 1),
      ], to: "base/model.safetensors")
    try directory.write(#"{"model_type": "llama"}"#, to: "base/config.json")
    var tensors = [
      ("model.q_proj.lora_A.weight", filled([2, 3], 1, last: 1)),
      ("model.q_proj.lora_B.weight", filled([4, 2], 1, last: 1)),
    ].filter { $0.0 != row.key }
    tensors.append((row.key, filled(row.shape, 1, last: value)))
    try directory.write(
      tensors.map { ("base_model.model.\($0)", $1) }, to: "mine/adapter_model.safetensors")
    try directory.write(
      #"{"peft_type": "LORA", "r": 2, "lora_alpha": 2\#(row.fields)}"#,
      to: "mine/adapter_config.json")
    var options = OutputOptions(numerics: numerics, isSingleFile: true)
    options.type = type
    let adapter = try Adapter(Checkpoint.open(directory.path("mine")))
    let merge = try AdapterMerge(
      base: Checkpoint.open(directory.path("base")), adapter: adapter, options: options)
    do {
      let transaction = try OutputTransaction(
        path: directory.path("merged.safetensors"), force: false, inputs: [])
      let results = try Execution(merge.plan, threads: 1)
        .run(transaction, progress: Progress(total: merge.plan.byteCount))
      return MergeReport(merge, statistics: results.statistics, losses: results.losses)
    } catch var error {
      // The directory has another name each time.
      error.fix = error.fix?.replacing(directory.path + "/", with: "")
      throw error
    }
  }

  @Test(arguments: cases, [Float.nan, -.infinity])
  func `a value that is no number stops the merge`(row: Case, value: Float) throws {
    let error = #expect(throws: CheckpointError.self) { try merged(row, value, as: nil) }
    #expect(error?.tensor == row.tensor)
    #expect(
      error?.message
        == "the result at \(row.place) is \(value), where the base has \(row.before); expected a "
        + "finite number")
    #expect(error?.fix == "look for the cause with: tenon check mine --values")
  }

  @Test(arguments: cases, Numerics.allCases)
  func `a value that the output cannot hold stops the merge, which names a type that can`(
    row: Case, numerics: Numerics
  ) throws {
    let error = #expect(throws: CheckpointError.self) { try merged(row, 1e6, as: .f16, numerics) }
    #expect(error?.tensor == row.tensor)
    let value = row.name == "a difference" ? "1000002.0" : "1000000.0"
    #expect(
      error?.message
        == "the result at \(row.place) is \(value), which is finite, but more than F16 holds")
    #expect(error?.fix == "use --dtype F32, or --dtype BF16, which has fewer digits")
    for type in [ElementType.bf16, .f32] { _ = try merged(row, 1e6, as: type, numerics) }
  }

  @Test func `only F32 holds what BF16 rounds to infinity`() throws {
    let value = Float.greatestFiniteMagnitude
    let error = #expect(throws: CheckpointError.self) {
      try merged(Self.cases[0], value, as: .bf16)
    }
    #expect(error?.fix == "use --dtype F32")
    _ = try merged(Self.cases[0], value, as: nil)
  }

  @Test func `what the base has already does not stop the merge`() throws {
    for row in Self.cases where row.before != "nothing" && row.name != "a difference" {
      _ = try merged(row, .infinity, as: nil, base: row.shape == [4] ? .nan : .infinity)
    }
  }

  @Test func `tensors that are only converted are told of`() throws {
    let report = try merged(Self.cases[4], 1, as: .f16, base: 1e6)
    #expect(
      report.findings.map(\.message) == [
        "the type of the output does not hold all values of 2 tensors "
          + "(model.embed_tokens.weight, model.norm.weight): 2 overflowed"
      ])
  }
}
