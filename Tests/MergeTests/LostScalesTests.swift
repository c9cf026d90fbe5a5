import Compute
import Formats
import Inspect
import OrderedCollections
import Testing

@testable import Merge

@Suite struct LostScalesTests {
  @Test(arguments: [
    (#"{"r": 4, "lora_alpha": 4}"#, false),
    (#"{"r": 4, "lora_alpha": 4.0, "rank_pattern": null, "alpha_pattern": {}}"#, false),
    (#"{"r": 4, "lora_alpha": 4, "rank_pattern": {"q": 8}, "alpha_pattern": {"q": 8}}"#, false),
    (#"{"r": 4, "lora_alpha": 2}"#, true),
    (#"{"r": 4, "lora_alpha": 4, "alpha_pattern": {"q": 8}}"#, true),
    (#"{"r": 4, "lora_alpha": 4, "rank_pattern": {"q": 8}}"#, true),
    (#"{"r": 4, "lora_alpha": 4, "use_rslora": true}"#, true),
  ])
  func `knows which configurations say more than the factors`(json: String, saysMore: Bool) throws {
    #expect(LostScales.saysMore(try JSONValue(parsing: Array(json.utf8))) == saysMore)
  }

  @Test(arguments: [(4, 4, nil), (4, 8, refusal)])
  func `refuses a preset's output that says less than its input`(
    rank: Int, alpha: Int, message: String?
  ) throws {
    let names = ["lora_A", "lora_B"].map { "unet.mid.to_q.\($0).weight" }
    var input = Checkpoint(
      path: "a", format: .safetensors, records: names.map { tensor($0, .f32, [rank, rank]) })
    input.metadata["lora_adapter_metadata"] = """
      {"unet.r": \(rank), "unet.lora_alpha": \(alpha), "unet.target_modules": ["to_q"]}
      """
    var draft = try RenamingDraft(input)
    try draft.apply(try RenamePreset(named: "diffusers-to-peft"), base: nil)
    var found: String?
    do throws(CheckpointError) {
      try LostScales.refuse(draft, of: input)
    } catch {
      found = error.description
    }
    #expect(found == message)
  }

  private static let refusal =
    "a: its alphas are not its ranks, and a single file has no adapter_config.json beside it to "
    + "say so"
}
