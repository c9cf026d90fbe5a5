import Formats
import Testing

@testable import Inspect

/// Programs that did not find their file: what lies there instead.
@Suite struct CheckFilesTests {
  struct FilesCase: CustomTestStringConvertible {
    let name: String
    var log = "ValueError: Can't find 'adapter_config.json' at 'x'"
    var path = "x"
    let tensors: [String]
    /// The path of the `adapter_config.json` that lies there.
    var configuration: String?
    let told: String
    var fix: String?
    var testDescription: String { name }
  }

  private static let peft = ["A", "B"].map { "base_model.model.q.lora_\($0).weight" }
  private static let kohya = ["lora_down.weight", "lora_up.weight", "alpha"].map {
    "lora_unet_down_blocks_0_attentions_0_proj_in.\($0)"
  }

  static let cases = [
    FilesCase(
      name: "a model", tensors: ["model.norm.weight"],
      told:
        "PEFT found no adapter_config.json there: x holds a model and no adapter; a merged model "
        + "is loaded like any other, without PEFT"),
    FilesCase(
      name: "an adapter of kohya", tensors: kohya,
      told: "PEFT found no adapter_config.json there: x holds an adapter of another family "
        + "(kohya-adapter), which PEFT does not read: merge it, or rename its keys to those of PEFT",
      fix: "tenon merge BASE x -o OUT"),
    FilesCase(
      name: "the tensors alone", tensors: peft,
      told:
        "PEFT found no adapter_config.json there: x holds an adapter without it; PEFT writes it "
        + "beside the tensors, and the run that made them has the values"),
    FilesCase(
      name: "the directory above", tensors: peft,
      configuration: "x/default/adapter_config.json",
      told: "PEFT found no adapter_config.json there: it lies in \"default\" of x, one directory "
        + "down: give PEFT the path with it, or subfolder=\"default\""),
    FilesCase(
      name: "the file instead of the directory", path: "x/adapter_model.safetensors", tensors: peft,
      configuration: "x/adapter_config.json",
      told:
        "PEFT found no adapter_config.json there: it lies beside x/adapter_model.safetensors: give "
        + "PEFT the directory and not the file in it"),
    FilesCase(
      name: "another directory", tensors: peft, configuration: "x/adapter_config.json",
      told:
        "PEFT found no adapter_config.json there: one lies at x/adapter_config.json, so that the "
        + "log is about another directory, or PEFT was given a path relative to another one"),
    FilesCase(
      name: "an adapter for a model",
      log:
        "OSError: Error no file named model.safetensors, or pytorch_model.bin, found in directory x.",
      tensors: peft,
      told:
        "transformers found no file of a model there: x holds an adapter alone, without its base: "
        + "load it with PEFT onto that, or merge",
      fix: "tenon merge BASE x -o OUT"),
  ]

  @Test(arguments: cases)
  func `says what lies there instead`(row: FilesCase) throws {
    var checkpoint = Checkpoint(
      path: row.path, format: .safetensors, records: row.tensors.map { tensor($0) })
    checkpoint.sideFiles =
      row.configuration.map { [SideFile(name: "adapter_config.json", path: $0)] } ?? []
    let failure = try #require(LoadLog(row.log).failures.first)
    let finding = failure.finding(of: Inspection(checkpoint))
    #expect(finding.message == row.told)
    #expect(finding.fix == row.fix)
  }
}
