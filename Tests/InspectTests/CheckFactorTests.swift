import Compute
import Formats
import TestSupport
import Testing

@testable import Inspect

/// Adapters of which PEFT would load no factor.
@Suite struct CheckFactorTests {
  private static let base = "base_model.model.model.layers.0.self_attn"

  private func report(_ names: [String], _ configuration: String) throws -> CheckReport {
    let directory = TemporaryDirectory()
    let checkpoint = Checkpoint(
      path: "adapter", format: .safetensors,
      records: names.map { tensor($0, $0.contains("lora_A") ? [2, 4] : [4, 2], .f32) },
      sideFiles: [try directory.sideFile("adapter_config.json", configuration)])
    return try CheckpointCheck(checkpoint).report(against: .nothing, readsValues: false)
  }

  private func told(_ report: CheckReport) -> [String] {
    report.findings.map {
      "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)"
        + ($0.fix.map { " | \($0)" } ?? "")
    }
  }

  private static let lora = #"{"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}"#
  private static let nothing =
    "error empty-adapter: the file holds no factor of the kind lora, though target_modules names "
    + "\"q_proj\": PEFT would call all factors missing and change nothing there"

  @Test func `factors without .weight are those that PEFT ignores`() throws {
    let names = ["A", "B"].map { "\(Self.base).q_proj.lora_\($0)" }
    #expect(
      told(try report(names, Self.lora)) == [
        "error unmatched-key: module \"model.layers.0.self_attn.q_proj\": 2 keys "
          + "(\(names[0]), \(names[1])) end in lora_A or lora_B without \".weight\": PEFT would "
          + "ignore them | tenon remap adapter -o adapter-renamed --rename "
          + #"'(\.lora_[AB])$=\1.weight'"#
      ])
  }

  @Test(arguments: [
    ["q_proj.weight"], ["q_proj.A.weight", "q_proj.B.weight"],
    ["q_proj.lora_A.my.adapter.weight", "q_proj.lora_B.my.adapter.weight"],
  ])
  func `a file of other tensors alone is no adapter`(names: [String]) throws {
    #expect(told(try report(names.map { "\(Self.base).\($0)" }, Self.lora)) == [Self.nothing])
  }

  @Test(arguments: [
    #"{"peft_type": "LORA", "r": 2, "target_modules": []}"#,
    #"{"peft_type": "LORA", "r": 2}"#,
    #"{"peft_type": "TRAINABLE_TOKENS", "target_modules": ["q_proj"]}"#,
  ])
  func `whose configuration wants no factors it may be`(configuration: String) throws {
    #expect(told(try report(["\(Self.base).q_proj.weight"], configuration)) == [])
  }

  @Test func `slashes become dots`() throws {
    let names = ["A", "B"].map { "base_model/model/model/layers/0/q_proj/lora_\($0)/weight" }
    let expected =
      "warning prefix-drift: 2 keys have \"/\" where PEFT has dots; PEFT would ignore them when "
      + "loading | tenon remap adapter -o adapter-renamed --rename /=."
    #expect(told(try report(names, Self.lora)) == [Self.nothing, expected])
  }

  @Test func `keys with and without a wrapper lose those with it`() throws {
    let bare = ["A", "B"].map { "\(Self.base).q_proj.lora_\($0).weight" }
    let found = told(try report(bare + bare.map { "module.\($0)" }, Self.lora))
    #expect(
      found.last
        == "warning prefix-drift: 2 keys hold the wrapper \"module.\", which is removed here; PEFT "
        + "would ignore them when loading | tenon remap adapter -o adapter-renamed --exclude "
        + "'module.**'")
  }

  @Test(arguments: [
    ("LOHA", ["lora_A.weight", "lora_B.weight"], "LoRA", "loha"),
    ("LORA", ["hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"], "LoHa", "lora"),
  ])
  func `the factors of another method are told`(
    method: String, leaves: [String], factors: String, kind: String
  ) throws {
    let found = told(
      try report(
        leaves.map { "\(Self.base).q_proj.\($0)" },
        "{\"peft_type\": \"\(method)\", \"r\": 2, \"target_modules\": [\"q_proj\"]}"))
    #expect(
      found.first
        == "error config-mismatch: module \"model.layers.0.self_attn.q_proj\": has factors of "
        + "\(factors), but adapter_config.json says that the adapter is of the kind \(kind)")
  }
}
