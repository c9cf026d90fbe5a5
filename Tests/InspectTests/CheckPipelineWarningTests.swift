import Formats
import Testing

@testable import Inspect

/// The warnings of diffusers that an adapter has nothing for a part of the pipeline.
@Suite struct CheckPipelineWarningTests {
  private static func log(_ prefixes: String...) -> String {
    prefixes.map {
      "No LoRA keys associated to Model found with the prefix='\($0)'. This is safe to ignore if "
        + "LoRA state dict didn't originally have any Model related params."
    }.joined(separator: "\n")
  }

  static let cases: [(names: [String], log: String, told: [String])] = [
    (
      ["unet.a.b"], log("text_encoder"),
      [
        "note prefix-drift: diffusers found no keys that begin with \"text_encoder.\", and the "
          + "adapter's begin with \"unet.\": it leaves that part alone, of which diffusers warns, "
          + "and nothing is lost"
      ]
    ),
    (
      ["lora_unet_a_b"], log("text_encoder"),
      [
        "note prefix-drift: diffusers found no keys that begin with \"text_encoder.\", and the "
          + "adapter's begin with \"unet.\", \"transformer.\": it leaves that part alone, of which "
          + "diffusers warns, and nothing is lost"
      ]
    ),
    (
      ["unet.a.b", "text_encoder.a.b"], log("transformer", "text_encoder"),
      [
        "error wrong-base: diffusers found no keys that begin with \"transformer.\", and the "
          + "adapter's begin with \"unet.\", \"text_encoder.\": it belongs to another kind of pipeline",
        "warning prefix-drift: diffusers found no keys that begin with \"text_encoder.\", but x has "
          + "some for that part: the log is about another file, or about an older state of this one",
      ]
    ),
    (
      ["a.b"], log("unet"),
      [
        "error prefix-drift: diffusers found no keys that begin with \"unet.\", and the adapter's "
          + "begin with the name of no part of a pipeline, such as \"unet.\" or \"transformer.\": "
          + "nothing of it was loaded"
      ]
    ),
    (
      ["unet.a.b"], "No LoRA keys associated to UNet",
      [
        "error prefix-drift: diffusers looks for keys that begin with the name of the component, "
          + "such as \"unet.\" or \"transformer.\"; the adapter's do not"
      ]
    ),
  ]

  @Test(arguments: cases)
  func `the prefix of the warning is held against the names`(
    names: [String], log: String, told: [String]
  ) throws {
    let checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: names.map { tensor("\($0).weight") })
    let report = try CheckpointCheck(checkpoint).report(
      against: .log(log, source: "log", isFile: true), readsValues: false)
    #expect(
      report.findings.filter { $0.code != .zeroSizeTensor }
        .map { "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)" } == told)
  }
}
