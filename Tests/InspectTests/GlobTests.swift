import Formats
import Inspect
import Testing

@Suite struct GlobTests {
  struct Case: CustomTestStringConvertible {
    let pattern: String
    let matching: [String]
    let other: [String]
    var testDescription: String { pattern }

    init(_ pattern: String, _ matching: [String], not other: [String]) {
      self.pattern = pattern
      self.matching = matching
      self.other = other
    }
  }

  static let cases = [
    Case("lm_head.weight", ["lm_head.weight"], not: ["lm_head.weights", "a.lm_head.weight", ""]),
    Case(
      "model.layers.*.mlp.*.weight", ["model.layers.10.mlp.up_proj.weight"],
      not: ["model.layers.1.mlp.experts.0.up_proj.weight", "model.layers.1.mlp.weight"]),
    Case("*", ["a", "", "lm_head"], not: ["a.b"]),
    Case("**", ["a", "", "a.b.c"], not: []),
    Case(
      "**.q_proj.**", ["model.layers.0.q_proj.weight", ".q_proj."],
      not: ["q_proj.weight", "a.q_proj"]),
    Case("**{q,k,v}_proj.weight", ["a.q_proj.weight", "v_proj.weight"], not: ["a.o_proj.weight"]),
    Case("{a,b{c,d*},}.w", ["a.w", "bc.w", "bdd.w", ".w"], not: ["b.w", "ad.w", "bd.d.w"]),
    Case("layers.[0-3].w", ["layers.0.w", "layers.3.w"], not: ["layers.4.w", "layers.10.w"]),
    Case("layers.[!0-3].w", ["layers.4.w", "layers.x.w"], not: ["layers.3.w", "layers...w"]),
    Case("w[ab-]", ["wa", "w-"], not: ["wc", "w"]),
    Case("w?", ["w1", "wé"], not: ["w", "w.", "w12"]),
    Case(#"a\*\{b"#, ["a*{b"], not: ["ab{b", #"a\*{b"#]),
    Case("a,b]", ["a,b]"], not: ["a", "b"]),
    Case("l.{0..3,5..31}.w", ["l.0.w", "l.3.w", "l.31.w"], not: ["l.4.w", "l.32.w", "l.03.w"]),
    Case("l.{0...3}", ["l.0...3"], not: ["l.1"]),
    Case("{0..007}", ["0..007"], not: ["3"]),
  ]

  @Test(arguments: cases)
  func `matches whole names and nothing else`(row: Case) throws {
    let glob = try Glob(row.pattern)
    for name in row.matching { #expect(glob.matches(name), "\(name)") }
    for name in row.other { #expect(!glob.matches(name), "\(name)") }
  }

  @Test(arguments: [0...0, 0...9, 3...7, 8...31, 9...10, 10...99, 17...1203, 0...1000, 95...105])
  func `a numeric range takes exactly its numbers`(range: ClosedRange<Int>) throws {
    let glob = try Glob("a{\(range.lowerBound)..\(range.upperBound)}")
    for number in 0...1300 {
      #expect(glob.matches("a\(number)") == range.contains(number), "\(number)")
    }
  }

  @Test(arguments: [
    ("", #"the pattern "" is empty; "**" matches every name"#),
    ("a[0-9", #"the pattern "a[0-9" has a "[" without "]" at character 2"#),
    ("a[", #"the pattern "a[" has a "[" without "]" at character 2"#),
    ("a[9-0]", #"the pattern "a[9-0]" has the class range 9-0 backwards"#),
    ("[]", #"the pattern "[]" has an empty class at character 1"#),
    ("x{a,b", #"the pattern "x{a,b" has a "{" without "}" at character 2"#),
    ("{a,{b}", #"the pattern "{a,{b}" has a "{" without "}" at character 1"#),
    ("a}", #"the pattern "a}" has a "}" without "{" at character 2"#),
    (#"a\"#, #"the pattern "a\" ends in a single "\""#),
    ("{31..0}", #"the pattern "{31..0}" has the range 31..0 backwards"#),
  ])
  func `says what is wrong with a malformed pattern`(pattern: String, message: String) throws {
    let error = #expect(throws: CheckpointError.self) { try Glob(pattern) }
    #expect(error?.message == message)
  }

  @Test func `refuses patterns that are too long or nest too deep`() {
    let long = #expect(throws: CheckpointError.self) {
      try Glob(String(repeating: "a", count: 4097))
    }
    #expect(long?.message.hasSuffix("has 4097 characters; at most 4096 are allowed") == true)
    let deep = #expect(throws: CheckpointError.self) {
      try Glob(String(repeating: "{", count: 65))
    }
    #expect(deep?.message.hasSuffix("nests braces deeper than 64") == true)
  }

  @Test func `does not backtrack`() throws {
    // Forty stars over forty letters take ages where each star is tried in turn.
    let name = String(repeating: "a", count: 2000)
    #expect(try !Glob(String(repeating: "a*", count: 400) + "b").matches(name))
    #expect(try !Glob(String(repeating: "{a,a}", count: 400) + "b").matches(name))
    #expect(try Glob(String(repeating: "**a", count: 400)).matches(name))
  }

  @Test func `a filter takes what is included and not excluded`() throws {
    let filter = try NameFilter(include: ["**.weight", "**.bias"], exclude: ["lm_head.*"])
    #expect(filter.accepts("a.weight"))
    #expect(filter.accepts("a.b.bias"))
    #expect(!filter.accepts("lm_head.weight"))
    #expect(!filter.accepts("a.scale"))
    #expect(try NameFilter().accepts("anything"))
    #expect(try NameFilter().isEmpty)
  }

  @Test(arguments: ["a.b", "[0]", "a*?{x,y}\\", "[an object of _codecs.encode]"])
  func `a name can be written so that it matches itself alone`(name: String) throws {
    let glob = try Glob(Glob.literal(name))
    #expect(glob.matches(name))
    #expect(!glob.matches(name + "x"))
    #expect(!glob.matches("x" + name.dropFirst()))
  }

  static let coverings: [(names: [String], others: [String], globs: [String])] = [
    (["a*"], ["ab"], [#"a\*"#]),
    (["l.0.q", "l.1.q"], ["l.2.q"], ["l.{0..1}.q"]),
    (["q0", "q1", "q2"], ["w"], ["q**"]),
    (["ax", "axx"], ["a"], ["ax**"]),
    (["a", "b"], ["c"], ["a", "b"]),
  ]

  @Test(arguments: coverings) func `many names are covered by few globs`(
    _ names: [String], _ others: [String], _ globs: [String]
  ) {
    #expect(Glob.covering(names, without: others) == globs)
  }
}
