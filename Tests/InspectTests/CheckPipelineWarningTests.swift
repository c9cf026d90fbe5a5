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
      ["lora_unet_a_b.lora_down", "lora_unet_a_b.lora_up"], log("text_encoder"),
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
      report.findings.filter { ![.zeroSizeTensor, .alphaUnknown].contains($0.code) }
        .map { "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)" } == told)
  }

  struct Beginning: CustomTestStringConvertible {
    let name: String
    let lead: String
    let fault: String
    let options: String
    var testDescription: String { name }
  }

  static let beginnings = [
    Beginning(
      name: "none", lead: "", fault: "are of such modules, but begin with their paths",
      options: "--rename '^=unet.'"),
    Beginning(
      name: "PEFT's", lead: "base_model.model.",
      fault: "are of such modules, but begin with PEFT's \"base_model.model.\"",
      options: #"--rename '^base_model\.model\.=unet.'"#),
    Beginning(
      name: "a wrapper's", lead: "module.unet.", fault: "have \"module.\" before it",
      options: "--preset strip-wrappers"),
  ]

  private static func unet(_ lead: String) -> Checkpoint {
    let module = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    return Checkpoint(
      path: "x.safetensors", format: .safetensors,
      records: [("A", [2, 4]), ("B", [4, 2])].map {
        tensor("\(lead)\(module).lora_\($0.0).weight", $0.1)
      })
  }

  @Test(arguments: beginnings)
  func `an adapter without the name of its part is given it`(row: Beginning) throws {
    let report = try CheckpointCheck(Self.unet(row.lead)).report(
      against: .log(Self.log("unet", "text_encoder"), source: "log", isFile: true),
      readsValues: false)
    let told = report.findings.filter { $0.message.hasPrefix("diffusers found") }
    #expect(told.map(\.severity) == [.error, .note])
    #expect(
      told.first?.message
        == "diffusers found no keys that begin with \"unet.\": the adapter's \(row.fault), and "
        + "nothing of it was loaded")
    #expect(
      report.findings.compactMap(\.fix).filter { $0.hasPrefix("tenon remap") } == [
        "tenon remap x.safetensors -o x-renamed.safetensors \(row.options)"
      ])
  }

  @Test(arguments: beginnings)
  func `the name of its part is advised without a log`(row: Beginning) throws {
    let report = try CheckpointCheck(Self.unet(row.lead)).report(
      against: .nothing, readsValues: false)
    // PEFT's own are right as they are.
    let options = row.lead == "base_model.model." ? [] : [row.options]
    #expect(
      report.findings.compactMap(\.fix).filter { $0.hasPrefix("tenon remap") }
        == options.map { "tenon remap x.safetensors -o x-renamed.safetensors \($0)" })
  }

  @Test func `a language model's adapter is given PEFT's beginning`() throws {
    let checkpoint = Checkpoint(
      path: "x.safetensors", format: .safetensors,
      records: [("A", [2, 4]), ("B", [4, 2])].map {
        tensor("transformer.h.0.attn.c_attn.lora_\($0.0).weight", $0.1)
      })
    let report = try CheckpointCheck(checkpoint).report(against: .nothing, readsValues: false)
    #expect(
      report.findings.compactMap(\.fix).contains(
        "tenon remap x.safetensors -o x-renamed.safetensors --rename '^=base_model.model.'"))
  }
}
