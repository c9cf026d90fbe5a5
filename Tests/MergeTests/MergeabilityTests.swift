import Compute
import Formats
import Foundation
import Inspect
import Testing

@testable import Merge

/// What cannot be merged yet is refused by name, never passed over.
@Suite struct MergeabilityTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    /// Tensors beside a complete pair for `model.q_proj`.
    let extra: [(name: String, type: ElementType, shape: [Int])]
    let message: String
    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "integers",
      extra: [("k_proj.lora_A.weight", .i8, [2, 8]), ("k_proj.lora_B.weight", .i8, [8, 2])],
      message: "is I8; expected F32, F16, BF16 or F64"),
    Case(
      name: "half a pair", extra: [("k_proj.lora_A.weight", .f32, [2, 8])],
      message: #"module "k_proj": has lora_A, but no lora_B"#),
  ]

  private func adapter(_ extra: [(name: String, type: ElementType, shape: [Int])]) throws -> Adapter
  {
    let pair: [(name: String, type: ElementType, shape: [Int])] = [
      ("q_proj.lora_A.weight", .f32, [2, 8]), ("q_proj.lora_B.weight", .f32, [8, 2]),
    ]
    let records = (pair + extra).map { tensor("base_model.model.\($0.name)", $0.type, $0.shape) }
    return try Adapter(
      Checkpoint(path: "mine", format: .safetensors, records: records), alpha: 2)
  }

  @Test(arguments: cases)
  func `what is not supported is refused by name`(row: Case) throws {
    let adapter = try adapter(row.extra)
    let error = #expect(throws: CheckpointError.self) { try Mergeability.check(adapter) }
    #expect(error?.message == row.message)
    #expect(error?.path == "mine")
  }

  @Test func `plain LoRA is let through`() throws {
    try Mergeability.check(try adapter([]))
  }

  @Test(arguments: [
    ([], []),
    (["a.0.w"], []),
    (["a.0.w", "a.1.w", "b"], ["a.{0..1}.w ×2", "b"]),
  ])
  func `keys are listed by pattern where there are several`(keys: [String], lines: [String]) {
    #expect(Mergeability.folded(keys) == lines)
  }

  @Test(
    arguments: [
      (["q_proj.W_q", "q_proj.zero"], .u8, "q_proj.W_q", "HQQ"),
      (["q_proj.weight._data", "q_proj.weight._scale"], .i8, "q_proj.weight._data", "quanto"),
      (["q_proj.qweight", "q_proj.g_idx"], .i32, "q_proj.qweight", "GPTQ or AWQ"),
      (["q_proj.codes", "q_proj.codebooks"], .i16, "q_proj.codes", "AQLM"),
      (["q_proj.indices", "q_proj.centroids"], .i32, "q_proj.indices", "an unnamed method"),
      (["q_proj.weight", "q_proj.scale_weight"], .f8e4m3, "q_proj.weight", "ComfyUI"),
      (["q_proj.weight", "q_proj.weight_scale_2"], .u8, "q_proj.weight", "ModelOpt with NVFP4"),
      (["q_proj.weight", "q_proj.SCB"], .i8, "q_proj.weight", "bitsandbytes with 8 bits"),
      (["q_proj.weight"], .i8, "q_proj.weight", "an unnamed method"),
    ] as [(names: [String], type: ElementType, tensor: String, method: String)])
  func `a quantised base is told by the names of its tensors`(
    row: (names: [String], type: ElementType, tensor: String, method: String)
  ) throws {
    let base = Checkpoint(
      path: "base", format: .safetensors,
      records: row.names.map { tensor($0, row.type, [8, 8]) })
    let adapter = try adapter([])
    let error = #expect(throws: CheckpointError.self) {
      try AdapterMerge(base: base, adapter: adapter, options: OutputOptions())
    }
    #expect(error?.path == "base" && error?.tensor == row.tensor)
    #expect(
      error?.message
        == "is \(row.type.name) [8, 8]: the base is quantised (\(row.method)), and an adapter can be "
        + "merged into BF16, F16, F32 and F64 only")
    #expect(error?.fix == "merge into the model that was quantised, then quantise the result")
  }

  @Test func `a long list of patterns ends with how many more there are`() {
    let keys = (0..<20).map { number in
      "module" + String(repeating: "x", count: number)
    }
    let lines = Mergeability.folded(keys)
    #expect(lines.count == 13)
    #expect(lines.last == "… and 8 patterns more")
  }
}
