import Formats
import Testing

@testable import Inspect

/// Logs of failed loads whose lists are not whole.
@Suite struct CheckCutLogTests {
  private static let names =
    ["model.embed_tokens.weight"]
    + (0..<3).flatMap { layer in
      ["self_attn.q_proj", "self_attn.k_proj", "input_layernorm"].map {
        "model.layers.\(layer).\($0).weight"
      }
    } + ["model.norm.weight", "lm_head.weight"]

  private func report(_ log: String, of names: [String]) throws -> CheckReport {
    let checkpoint = Checkpoint(
      path: "x.pt", format: .safetensors, records: names.map { tensor($0, [4, 4]) })
    return try CheckpointCheck(checkpoint).report(
      against: .log(log, source: "log", isFile: true), readsValues: false)
  }

  private func told(_ report: CheckReport) -> [String] {
    report.findings.filter { $0.severity != .note && $0.code != .zeroSizeTensor }.map {
      "\($0.code.rawValue): \($0.message)" + ($0.fix.map { " | \($0)" } ?? "")
    }
  }

  /// The log for the names without their beginning, as torch prints it.
  private static func log(_ unexpected: [String]) -> String {
    func list(_ names: [String]) -> String { names.map { "\"\($0)\"" }.joined(separator: ", ") }
    return "Error(s) in loading state_dict for Model:\n\tMissing key(s) in state_dict: "
      + "\(list(names)). \n\tUnexpected key(s) in state_dict: \(list(unexpected)). "
  }

  private static let fix =
    #" | tenon remap x.pt -o x-renamed.safetensors --rename '^module\.='"#

  /// The log ends behind this text.
  @Test(arguments: [
    ("model.layers.1.self_attn.k_p", 5), ("model.layers.0.input_layernorm.weight\", ", 4),
    ("model.layers.2", 7), ("model.norm.weight\", \"lm_", 11),
    ("model.layers.0.input_layernorm.weight\"", 4), ("lm_head.weight\"", 12),
    ("lm_head.weight\". ", 12),
  ])
  func `a beginning is found from what a cut list holds`(end: String, count: Int) throws {
    let wrapped = Self.names.map { "module.\($0)" }
    let whole = Self.log(wrapped)
    let range = try #require(whole.firstRange(of: end))
    let report = try report(String(whole[..<range.upperBound]), of: wrapped)
    #expect(
      told(report) == [
        "prefix-drift: the names differ by one change: without the beginning \"module.\", the "
          + "checkpoint has all \(count) missing keys that the log names" + Self.fix
      ])
  }

  @Test func `a list that is shortened in its middle does`() throws {
    let wrapped = Self.names.map { "module.\($0)" }
    let log = """
      Missing key(s) in state_dict: "model.embed_tokens.weight", \
      "model.layers.0.self_attn.q_proj.weight", "model.layers.1.self_attn.k_p...weight".
      """
    #expect(
      told(try report(log, of: wrapped)) == [
        "prefix-drift: the names differ by one change: without the beginning \"module.\", the "
          + "checkpoint has all 2 missing keys that the log names" + Self.fix
      ])
  }

  @Test func `a list that is cut among the unexpected keys does`() throws {
    let wrapped = Self.names.map { "module.\($0)" }
    let whole = Self.log(wrapped)
    let range = try #require(whole.firstRange(of: "\"module.model.layers.1."))
    let found = told(try report(String(whole[..<range.upperBound]), of: wrapped))
    #expect(found.count == 1)
    #expect(found.first?.hasSuffix(Self.fix) == true)
  }

  @Test func `keys that are not there under any name stay missing`() throws {
    let log = "Missing key(s) in state_dict: \"model.layers.3.self_attn.q_proj.weight\", \"mod"
    #expect(
      told(try report(log, of: Self.names)) == [
        "missing-key: 1 key of the model of the log is missing: "
          + "model.layers.3.self_attn.q_proj.weight"
      ])
  }

  @Test func `what a renaming leaves missing is told alone`() throws {
    let wrapped = Self.names.map { "module.\($0)" }
    let lost = ["module.model.norm.weight"]
    let found = told(try report(Self.log(wrapped), of: wrapped.filter { !lost.contains($0) }))
    #expect(found.count == 2)
    #expect(
      found.last == "missing-key: 1 key of the model of the log is missing: model.norm.weight")
  }

  @Test func `a renaming is inferred from a log that is cut`() throws {
    let wrapped = Self.names.map { "module.\($0)" }
    let whole = Self.log(wrapped)
    let range = try #require(whole.firstRange(of: "model.layers.1.input"))
    let base = try #require(KeyList(text: String(whole[..<range.upperBound]), path: "log"))
    #expect(base.isPartial)
    var draft = RenamingDraft(KeyList(path: "x", wrapped.map { KeyList.Entry($0) }))
    try draft.match(base)
    #expect(draft.names == Self.names)
  }

  @Test func `a beginning is not put before names that the list leaves out`() throws {
    let names =
      (0..<2).flatMap { ["h.\($0).attn.weight", "h.\($0).mlp.weight"] } + ["lm_head.weight"]
    let log =
      "Missing key(s) in state_dict: \"transformer.h.0.attn.weight\", "
      + "\"transformer.h.0.mlp.weight\", \"transf"
    let base = try #require(KeyList(text: log, path: "log"))
    var draft = RenamingDraft(KeyList(path: "x", names.map { KeyList.Entry($0) }))
    try draft.match(base)
    #expect(draft.names == names.dropLast().map { "transformer.\($0)" } + ["lm_head.weight"])
  }
}
