import Formats
import Testing

@testable import Inspect

@Suite struct RenamingMapTests {
  private func map(_ rules: String...) throws -> KeyMap {
    KeyMap(try rules.map { try RenameRule(argument: $0) })
  }

  private func map(json text: String) throws -> KeyMap {
    try KeyMap(try JSONValue(parsing: Array(text.utf8)), path: "map.json")
  }

  @Test func `folds only names whose numbers moved alike`() {
    func fold(_ changes: [(String, String)]) -> [String] {
      RenamePattern.fold(changes.map { Renaming.Change(from: $0.0, to: $0.1) })
        .map { "\($0.from) = \($0.to)" }
    }
    #expect(fold([("a.0.w", "a.1.w"), ("a.1.w", "a.0.w")]) == ["a.0.w = a.1.w", "a.1.w = a.0.w"])
    #expect(fold([("a.0.w", "b.0.w"), ("a.1.w", "b.1.w")]) == ["a.{0..1}.w = b.{0..1}.w"])
    #expect(fold([("a.1.w", "a.0.w"), ("a.2.w", "a.1.w")]) == ["a.{1..2}.w = a.{0..1}.w"])
  }

  @Test func `applies each rule to the result of the one before`() throws {
    let renaming = try map("^a=b", "^b=c", "x=y").renaming(of: ["a.1", "b.1", "d"])
    #expect(renaming.results == ["c.1", "c.1", "d"])
    #expect(renaming.ruleCounts == [1, 2, 0])
  }

  /// Loaders that take a map fail at a group that found nothing.
  @Test func `leaves out what only an adapter has from the map of a model`() throws {
    let rules = try map(
      #"^(base_model\.model\.)?visual\.=\1model.visual."#,
      #"^(base_model\.model\.)?(a|b)\.model\.=\1model.\2."#, "^x=y")
    let plain = try map(#"^visual\.=model.visual."#, #"^(a|b)\.model\.=model.\1."#, "^x=y")
    #expect(rules.ofModel(["visual.w", "a.model.w"]) == plain)
    #expect(rules.ofModel(["base_model.model.visual.w"]) == rules)
  }

  @Test func `puts every name in one bucket`() throws {
    let renaming = try map("^a$=b", "^gone$=", "^c$=d").renaming(of: ["a", "b", "gone", "c", "e"])
    #expect(renaming.kept == ["e"])
    #expect(renaming.renamed == [Renaming.Change(from: "c", to: "d")])
    #expect(renaming.clashes == [Renaming.Clash(name: "b", from: ["a", "b"])])
    #expect(renaming.emptied == ["gone"])
  }

  @Test func `tells names that become one or none`() throws {
    let clash = #expect(throws: CheckpointError.self) {
      try map("^a$=b").renaming(of: ["a", "b"]).requireDistinct(path: "m")
    }
    #expect(
      clash?.description
        == "m: 2 names would become 1; expected a name of its own for each tensor")
    #expect(clash?.details == ["a, b → b"])
    let empty = #expect(throws: CheckpointError.self) {
      try map("^a$=").renaming(of: ["a", "b"]).requireDistinct(path: "m")
    }
    #expect(empty?.description == #"m: tensor "a": nothing would be left of its name"#)
  }

  @Test func `names that only look alike do not clash`() throws {
    let renaming = try map("^x$=\u{E9}").renaming(of: ["x", "e\u{301}"])
    #expect(renaming.clashes.isEmpty)
    #expect(renaming.renamed.count == 1 && renaming.kept.count == 1)
  }

  @Test func `groups changes by pattern`() throws {
    let names = (0..<12).flatMap { ["h.\($0).a.w", "h.\($0).b.w"] } + ["norm.w"]
    let patterns = try map(#"^h\.=layers."#, #"^norm=ln"#).renaming(of: names).patterns
    #expect(
      patterns.map { "\($0.from) > \($0.to) ×\($0.count)" } == [
        "h.{0..11}.a.w > layers.{0..11}.a.w ×12", "h.{0..11}.b.w > layers.{0..11}.b.w ×12",
        "norm.w > ln.w ×1",
      ])
    #expect(patterns[0].examples.map(\.from) == ["h.0.a.w", "h.1.a.w", "h.2.a.w"])
  }

  @Test func `reads and writes a map in its own order`() throws {
    let text = #"{"^b\\.":"a.","^a\\.":"c."}"#
    let map = try map(json: text)
    #expect(map.rules.map(\.description) == [#"^b\.=a."#, #"^a\.=c."#])
    var writer = JSONWriter()
    writer.value(map.json)
    #expect(String(decoding: writer.bytes, as: UTF8.self) == text)
  }

  @Test func `writes a rule that stands there twice so that both count`() throws {
    let twice = try map("^a=aa", "b=c", "^a=x")
    let again = try KeyMap(twice.json, path: "again")
    #expect(again.rules.count == 3)
    #expect(try again.renaming(of: ["a"]).results == ["xa"])
    #expect(try twice.renaming(of: ["a"]).results == ["xa"])
  }

  static let faults = [
    ("[1]", "map.json: the file holds a list of 1; expected an object of expressions and texts"),
    ("{}", "map.json: the file holds no rules"),
    (#"{"a": 1}"#, #"map.json: the rule "a" gives the number 1; expected a string"#),
    (#"{"a": "b", "a": "c"}"#, #"map.json: the rule "a" stands there twice"#),
    (#"{"a": "\\1"}"#, #"map.json: the replacement "\1" names group 1, but "a" has 0"#),
  ]

  @Test(arguments: faults)
  func `refuses a map that is none`(text: String, message: String) {
    let error = #expect(throws: CheckpointError.self) { try map(json: text) }
    #expect(error?.description == message)
  }
}
