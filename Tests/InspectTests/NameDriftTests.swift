import Testing

@testable import Inspect

@Suite struct NameDriftTests {
  struct DriftCase: CustomTestStringConvertible {
    let name: String
    let found: [String]
    let wanted: [String]
    /// The rule, or nil where there is no single answer.
    let rule: String?
    var testDescription: String { name }
  }

  private static let layers = (0..<12).flatMap { layer in
    ["q", "k"].map { "model.layers.\(layer).attn.\($0).weight" }
  }

  static let cases = [
    DriftCase(
      name: "a prefix too many", found: layers.map { "module.\($0)" }, wanted: layers,
      rule: "^module\\.="),
    DriftCase(
      name: "names of a single word among others",
      found: ["module.plora_glb_GN"] + layers.map { "module.\($0)" },
      wanted: ["plora_glb_GN"] + layers, rule: "^module\\.="),
    DriftCase(
      name: "a prefix too few", found: layers.map { String($0.dropFirst(6)) }, wanted: layers,
      rule: "^=model."),
    DriftCase(
      name: "another word",
      found: layers.map { $0.replacing(".attn.", with: ".attention.") }, wanted: layers,
      rule: "\\.attention\\.=.attn."),
    DriftCase(
      name: "a prefix, and keys that nobody wants",
      found: layers.map { "module.\($0)" } + ["module.other"], wanted: layers,
      rule: "^module\\.="),
    DriftCase(
      name: "other layers", found: layers.map { $0.replacing("layers.1", with: "layers.7") },
      wanted: layers, rule: nil),
    DriftCase(
      name: "the number of one layer", found: ["a.7.b.weight"], wanted: ["a.1.b.weight"],
      rule: nil),
    DriftCase(
      name: "two places", found: ["q.weight"], wanted: ["a.q.weight", "b.q.weight"], rule: nil),
    DriftCase(name: "nothing alike", found: ["a.b"], wanted: ["c.d"], rule: nil),
    DriftCase(name: "nothing", found: [], wanted: ["c.d"], rule: nil),
    DriftCase(
      name: "two changes",
      found: layers.map { $0.hasSuffix("q.weight") ? "x.\($0)" : "y.\($0)" }, wanted: layers,
      rule: nil),
  ]

  @Test(arguments: cases)
  func `finds the one change of names, or none`(row: DriftCase) {
    let drift = NameDrift(from: row.found, to: row.wanted) { _, _ in true }
    #expect(drift.map { "\($0.pattern)=\($0.replacement)" } == row.rule)
  }

  @Test func `takes no place of another shape`() {
    let drift = NameDrift(from: ["x.a", "x.b"], to: ["a", "b"]) { found, _ in found != "x.b" }
    #expect(drift == nil)
  }
}
