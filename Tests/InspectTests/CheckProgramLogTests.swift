import Formats
import Testing

@testable import Inspect

/// Logs of programs that stop at the first thing that they do not know.
@Suite struct CheckProgramLogTests {
  private func told(_ names: [String], _ log: String) throws -> [String] {
    let checkpoint = Checkpoint(
      path: "x", format: .safetensors, records: names.map { tensor($0) })
    return try CheckpointCheck(checkpoint).report(
      against: .log(log, source: "log", isFile: true), readsValues: false
    ).findings.filter { $0.code != .zeroSizeTensor }.map {
      "\($0.severity.rawValue) \($0.code.rawValue): \($0.message)"
        + ($0.fix.map { "; try: \($0)" } ?? "")
    }
  }

  private static let first =
    "note missing-key: the program stopped at the first key that it did not find, so that there may "
    + "be others"

  /// Names of the checkpoint, the log, and what is told before the note.
  static let keyErrors: [(names: [String], log: String, told: String)] = [
    (
      ["norm.weight"], "KeyError: 'model.embed.weight'",
      "error missing-key: 1 key of the model of the log is missing: model.embed.weight"
    ),
    (
      ["thinker.model.embed.weight"], "x\nKeyError: \"model.embed.weight\"\n",
      "error prefix-drift: the names differ by one change: without the beginning \"thinker.\", the "
        + "checkpoint has the missing key that the log names; try: tenon remap x -o x-renamed "
        + #"--rename '^thinker\.='"#
    ),
    (
      ["norm.weight", "layers.0.odd.weight"], "KeyError: 'layers.0.odd.weight'",
      "error unmatched-key: 1 key is unknown to the model of the log: layers.0.odd.weight"
    ),
    (
      ["module.norm.weight", "module.a.weight"], "KeyError: 'module.a.weight'",
      "error prefix-drift: the key that the model of the log does not know has the wrapper "
        + "\"module.\" of a training program in it, as 2 of the 2 in the file have; try: tenon remap x "
        + "-o x-renamed --preset strip-wrappers"
    ),
  ]

  @Test(arguments: keyErrors)
  func `a key that a program did not find is missing or unknown`(
    names: [String], log: String, told: String
  ) throws {
    let isHeld = names.contains { log.contains("'\($0)'") }
    #expect(
      try self.told(names, log) == [
        told,
        Self.first
          + (isHeld ? "; the file has it: the model has not, or the log is of another file" : ""),
      ])
  }

  static let wrapped: [(log: String, told: [String])] = [
    (
      "Unexpected key(s) in state_dict: \"module.a.weight\", \"module.norm.weight\". ",
      [
        "error prefix-drift: all 2 keys that the model of the log does not know have the wrapper "
          + "\"module.\" of a training program in them; try: tenon remap x -o x-renamed --preset "
          + "strip-wrappers"
      ]
    ),
    (
      "ValueError: There is no module or parameter named 'module' in LlamaForCausalLM",
      [
        "error prefix-drift: vLLM knows no part of the model by a word in the names of the file: 2 "
          + "keys (module.a.weight, module.norm.weight) of x hold the wrapper \"module.\" of a training program; try: tenon remap x -o "
          + "x-renamed --preset strip-wrappers"
      ]
    ),
    (
      "({'a.weight', 'norm.weight'}, ['module.a.weight', 'module.norm.weight'])",
      [
        "error prefix-drift: the names differ by one change: without the beginning \"module.\", 2 of "
          + "the 2 unexpected keys are among the 2 missing ones; try: tenon remap x -o x-renamed "
          + #"--rename '^module\.='"#
      ]
    ),
    (
      "(set(), ['module.a.weight', 'module.norm.weight'])",
      [
        "error prefix-drift: all 2 keys that the model of the log does not know have the wrapper "
          + "\"module.\" of a training program in them; try: tenon remap x -o x-renamed --preset "
          + "strip-wrappers"
      ]
    ),
  ]

  @Test(arguments: wrapped)
  func `keys behind a wrapper are known by it`(log: String, told: [String]) throws {
    #expect(try self.told(["module.a.weight", "module.norm.weight"], log) == told)
  }

  /// The key of a module that was saved whole: PEFT stops at it.
  @Test func `a key of PEFT's is looked for in an adapter behind its wrapper`() throws {
    let key = "base_model.model.head.weight"
    let told = try self.told(
      ["_orig_mod.\(key)", "_orig_mod.base_model.model.a.lora_A.weight"], "KeyError: '\(key)'")
    #expect(
      told.first
        == "error prefix-drift: the adapter has the key that is said to be missing, under another "
        + "name: \"_orig_mod.\(key)\" has to become \"\(key)\"; PEFT does not load it as it is; try: "
        + "tenon remap x -o x-renamed --preset strip-wrappers")
  }

  @Test func `a model behind a wrapper is told without any log`() throws {
    let checkpoint = Checkpoint(
      path: "x", format: .safetensors,
      records: ["a.weight", "norm.weight"].map { tensor("module.\($0)") })
    let report = try CheckpointCheck(checkpoint).report(against: .nothing, readsValues: false)
    let finding = try #require(report.findings.first { $0.code == .prefixDrift })
    #expect(
      finding.message
        == "all 2 keys hold the wrapper \"module.\" of a training program: a model that is not "
        + "wrapped knows none of them")
    #expect(finding.tensors == ["module.a.weight", "module.norm.weight"])
    #expect(finding.fix == "tenon remap x -o x-renamed --preset strip-wrappers")
    #expect(report.suggestedMap?.map(\.pattern) == [#"^module\."#])
    #expect(report.suggestedMap?.map(\.replacement) == [""])
  }

  @Test(arguments: ["KeyError: 'llama'", "KeyError: 'a b.weight'", "KeyError: 'model.layers'"])
  func `a key of something else is no tensor`(log: String) {
    #expect(LoadLog(log).isEmpty)
  }

  static let servers: [(log: String, told: String)] = [
    (
      "ValueError: base_model.model.lm_head.weight is unsupported LoRA weight",
      "error unmatched-key: vLLM reads lora_A and lora_B alone, and refuses an adapter that has any "
        + "other tensor: tensor \"base_model.model.lm_head.weight\" of x is none; a merged model has "
        + "no need of it; try: tenon merge BASE x -o OUT"
    ),
    (
      "ValueError: While loading x, expected target modules in ['q_proj'] but received ['w1'].",
      "error unmatched-key: vLLM adapts only the modules that it lists, by the last part of their "
        + "names, and the adapter has others: a merged model has no need of it; try: tenon merge BASE "
        + "x -o OUT"
    ),
  ]

  @Test(arguments: servers)
  func `what vLLM refuses can be merged`(log: String, told: String) throws {
    let names = ["q.lora_A.weight", "q.lora_B.weight", "lm_head.weight"]
    let found = try self.told(names.map { "base_model.model.\($0)" }, log)
    // Without a configuration --alpha is added.
    #expect(found.contains { $0.hasPrefix(told) }, "\(found)")
  }
}
