import Formats
import Testing

@testable import Inspect

/// The answers are those of PEFT 0.21.2.
@Suite struct TargetedModulesTests {
  struct Case: CustomTestStringConvertible {
    let configuration: String
    /// Paths, each with `+` where PEFT adapts it and `-` where it does not.
    let paths: [String]
    var testDescription: String { configuration }

    init(_ configuration: String, _ paths: [String]) {
      self.configuration = configuration
      self.paths = paths
    }
  }

  static let cases = [
    Case(#"{"target_modules": ["q"]}"#, ["+q", "+a.q", "-a.xq", "-q.a"]),
    Case(#"{"target_modules": ["a.q"]}"#, ["+a.q", "+b.a.q", "-xa.q"]),
    Case(
      #"{"target_modules": "(?:model\\.)?layers\\.[01]\\.q"}"#,
      ["+model.layers.0.q", "+layers.1.q", "-model.layers.2.q", "-x.layers.0.q"]),
    Case(#"{"target_modules": ["q"], "exclude_modules": ["q"]}"#, ["-a.q"]),
    Case(#"{"target_modules": ["q"], "exclude_modules": ["b.q"]}"#, ["+a.q", "-b.q", "-a.b.q"]),
    Case(
      #"{"target_modules": ["q"], "exclude_modules": "vision.*"}"#, ["-vision.q", "+a.vision.q"]),
    Case(
      #"{"target_modules": ["q"], "modules_to_save": ["head"]}"#,
      ["-head.q", "-a.head.q", "+heads.q"]),
    Case(
      #"{"target_modules": ["q"], "layers_to_transform": [1]}"#,
      ["-model.layers.0.q", "+model.layers.1.q", "-layers.1.q", "-model.layers.1", "+m.l.1.x.0.q"]),
    Case(
      #"{"target_modules": ["q"], "layers_to_transform": 1, "layers_pattern": "h"}"#,
      ["+t.h.1.q", "+h.1.q", "-t.h.0.q", "-t.layers.1.q"]),
    Case(
      #"{"target_modules": ["q"], "layers_to_transform": [0, 2], "layers_pattern": ["h", "layers"]}"#,
      ["+t.h.2.q", "+t.layers.0.q", "-t.layers.1.q"]),
    Case(
      #"{"target_modules": ["m.l.0.q"], "layers_to_transform": [1]}"#, ["+m.l.0.q", "-x.m.l.0.q"]),
    Case(#"{"target_modules": ["q"], "layers_to_transform": []}"#, ["+model.layers.0.q"]),
  ]

  private func targeted(_ text: String) throws -> TargetedModules? {
    TargetedModules(
      try AdapterConfiguration(
        JSONValue(parsing: Array(text.utf8)), path: "adapter_config.json"))
  }

  @Test(arguments: cases)
  func `adapts the modules that PEFT adapts`(row: Case) throws {
    let targets = try #require(try targeted(row.configuration))
    let found = row.paths.map { path in
      let name = String(path.dropFirst())
      return (targets.verdict(of: name) == .targeted ? "+" : "-") + name
    }
    #expect(found == row.paths)
  }

  @Test(arguments: [
    "{}", #"{"target_modules": []}"#, #"{"target_modules": "(a)\\1"}"#,
  ])
  func `judges nothing where the configuration does not tell`(configuration: String) throws {
    #expect(try targeted(configuration) == nil)
  }

  struct FindingCase: CustomTestStringConvertible {
    let configuration: String
    let messages: [String]
    var testDescription: String { configuration }

    init(_ configuration: String, _ messages: [String]) {
      self.configuration = configuration
      self.messages = messages
    }
  }

  private static let ignored = ", of which the file has tensors: PEFT would ignore them"
  static let findings = [
    FindingCase(#"{"target_modules": ["attn", "q"]}"#, []),
    FindingCase(#"{"target_modules": ".*(attn|q)"}"#, []),
    FindingCase(
      #"{"target_modules": ["attn", "q", "v"]}"#,
      [#"target_modules names "v", of which the file has no tensors"#]),
    // PEFT saves the list of `all-linear` with what is excluded.
    FindingCase(#"{"target_modules": ["attn", "q", "m.x.v"], "exclude_modules": ["v"]}"#, []),
    FindingCase(#"{"target_modules": ["attn", "q", "v"], "exclude_modules": ["x.v"]}"#, []),
    FindingCase(#"{"target_modules": ["attn", "q", "m.x.v"], "exclude_modules": ".*x.*"}"#, []),
    FindingCase(#"{"target_modules": ["attn", "q", "v"], "exclude_modules": ".*x.*"}"#, []),
    FindingCase(#"{"target_modules": ["attn", "q", "v"], "modules_to_save": ["v"]}"#, []),
    FindingCase(
      #"{"target_modules": ["attn", "q", "v"], "exclude_modules": ["x"]}"#,
      [#"target_modules names "v", of which the file has no tensors"#]),
    FindingCase(#"{"target_modules": "all-linear"}"#, []),
    FindingCase(
      #"{"target_modules": "all-linear", "exclude_modules": ["layers.1.q"]}"#,
      [#"exclude_modules leaves out module "m.layers.1.q"\#(ignored)"#]),
    FindingCase(
      #"{"target_modules": ".*attn"}"#,
      ["target_modules does not cover 2 modules (m.layers.{0..1}.q)\(ignored)"]),
    FindingCase(
      #"{"target_modules": ["attn", "q"], "exclude_modules": ["attn"]}"#,
      ["exclude_modules leaves out 2 modules (m.attn, m.attn.out_proj)\(ignored)"]),
    FindingCase(
      #"{"target_modules": ["m.attn", "q"], "layers_to_transform": [1]}"#,
      [#"layers_to_transform leaves out module "m.layers.0.q"\#(ignored)"#]),
  ]

  @Test(arguments: findings)
  func `tells of modules that PEFT would not build`(row: FindingCase) throws {
    let paths = ["m.layers.0.q", "m.layers.1.q", "m.attn", "m.attn.base_layer.out_proj"]
    let records = paths.flatMap { path in
      ["A", "B"].map { tensor("base_model.model.\(path).lora_\($0).weight") }
    }
    let family = try #require(AdapterFamily.table.last)
    let configuration = try AdapterConfiguration(
      JSONValue(parsing: Array(row.configuration.utf8)), path: "adapter_config.json")
    let adapter = try Adapter.read(
      Checkpoint(path: "mine", format: .safetensors, records: records), as: family,
      configuration: configuration)
    let checks = TargetChecks(adapter: adapter, configuration: configuration)
    #expect(checks.findings().map(\.message) == row.messages)
  }

  struct MissingCase: CustomTestStringConvertible {
    let targets: String
    /// Modules of a base beside `m.layers.0.q` and `m.layers.1.q`, of which the adapter has
    /// the first.
    let others: [String]
    let messages: [String]
    var testDescription: String { "\(targets) \(others)" }

    init(_ targets: String, _ others: [String], _ messages: [String]) {
      self.targets = targets
      self.others = others
      self.messages = messages
    }
  }

  private static func missing(_ severity: String, _ modules: String) -> String {
    "\(severity): target_modules covers \(modules) of the base too, of which the adapter has no "
      + "tensors: PEFT would call them missing and change nothing there"
  }

  static let missing = [
    MissingCase(#""m.layers.0.q""#, [], []),
    MissingCase(#"["q"]"#, ["m.layers.0.v"], [missing("warning", #"module "m.layers.1.q""#)]),
    MissingCase(
      #"["q"]"#, ["tower.layers.0.q"],
      [
        missing("warning", #"module "m.layers.1.q""#),
        missing("note", #"module "tower.layers.0.q""#),
      ]),
    // That `v` has no tensors at all is said of the name.
    MissingCase(#"["q", "v"]"#, ["m.layers.0.v"], [missing("warning", #"module "m.layers.1.q""#)]),
    MissingCase(
      #"".*(q|v)""#, ["m.layers.0.v"],
      [missing("warning", "2 modules (m.layers.0.v, m.layers.1.q)")]),
    MissingCase(#""m.layers.0.*""#, ["m.layers.0.experts.3.v"], []),
    MissingCase(
      #""all-linear""#, ["m.layers.0.o_proj", "m.layers.0.gate", "lm_head"],
      [missing("warning", #"2 modules (m.layers.0.o_proj, m.layers.1.q)"#)]),
    MissingCase(
      #"["q", "v"], "exclude_modules": ".*1.*""#, ["m.layers.0.v"],
      [missing("warning", #"module "m.layers.0.v""#)]),
  ]

  @Test(arguments: missing)
  func `tells of modules that only the base has`(row: MissingCase) throws {
    let family = try #require(AdapterFamily.table.last)
    let configuration = try AdapterConfiguration(
      JSONValue(parsing: Array(#"{"target_modules": \#(row.targets)}"#.utf8)),
      path: "adapter_config.json")
    let records = ["A", "B"].map { tensor("base_model.model.m.layers.0.q.lora_\($0).weight") }
    let adapter = try Adapter.read(
      Checkpoint(path: "mine", format: .safetensors, records: records), as: family,
      configuration: configuration)
    let base = Checkpoint(
      path: "base", format: .safetensors,
      records: (["m.layers.0.q", "m.layers.1.q"] + row.others).map { tensor("\($0).weight") })
    let checks = TargetChecks(adapter: adapter, configuration: configuration)
    #expect(
      checks.missing(in: base).map { "\($0.severity.rawValue): \($0.message)" } == row.messages)
  }
}
