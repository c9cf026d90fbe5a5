import Formats
import Inspect
import Testing

@Suite struct ModulePatternsTests {
  struct Case: CustomTestStringConvertible {
    let key: String
    let path: String
    let matches: Bool
    var testDescription: String { "\(key) \(matches ? "=" : "≠") \(path)" }

    init(_ key: String, _ path: String, _ matches: Bool) {
      self.key = key
      self.path = path
      self.matches = matches
    }
  }

  static let cases = [
    Case("q_proj", "model.layers.0.self_attn.q_proj", true),
    Case("q_proj", "q_proj", true),
    Case("proj", "model.layers.0.self_attn.q_proj", false),
    Case("q_proj", "model.q_proj.lora", false),
    Case("layers.1.self_attn.q_proj", "model.layers.1.self_attn.q_proj", true),
    Case("layers.1.self_attn.q_proj", "model.layers.11.self_attn.q_proj", false),
    Case("1.self_attn.q_proj", "model.layers.11.self_attn.q_proj", false),
    Case("a.b", "aXb", true),
    Case("a.b", "x.aXb", true),
    Case("a.b", "aXXb", false),
    Case("a.b", "éb.aéb", true),
    Case(#"a\.b"#, "aXb", false),
    Case(#"a\.b"#, "c.a.b", true),
    Case("^model.layers.0.q", "model.layers.0.q", true),
    Case("^layers.0.q", "model.layers.0.q", false),
    Case(#".*\.gate_up_proj"#, "model.layers.0.mlp.gate_up_proj", true),
    Case(#".*\.gate_up_proj"#, "gate_up_proj", false),
    Case("(q|v)_proj", "a.v_proj", true),
    Case("(q|v)_proj", "a.k_proj", false),
    Case(#"layers\.[0-3]\..*"#, "model.layers.2.q_proj", true),
    Case(#"layers\.\d+\.q"#, "model.layers.12.q", true),
    Case("q|v", "x.q_proj", false),
    Case("q_proj$", "a.q_proj", true),
    Case("a)|(.*b", "x.b", true),
    Case("[[:alpha:]]+", "x.abc", false),
    Case(#"q\b_proj"#, "q_proj", false),
    Case(#"(?!k)\w_proj"#, "a.q_proj", true),
    Case(#"(?!k)\w_proj"#, "a.k_proj", false),
    Case("a_very_long_module_name", "x.another_very_long_module_name", false),
    Case("a_very_long_module_name", "x.a_very_long_module_name", true),
  ]

  @Test(arguments: cases)
  func `matches module paths as PEFT does`(row: Case) throws {
    let patterns = ModulePatterns([.init(row.key, 4)])
    let matcher = try ModulePatternMatcher(patterns, field: "rank_pattern")
    #expect(matcher.value(for: row.path) == (row.matches ? 4 : nil))
  }

  @Test func `the first key in the order of the file wins`() throws {
    let patterns = ModulePatterns([
      .init("nothing", 1), .init("layers.0.q_proj", 2), .init(".*q_proj", 3), .init("q_proj", 4),
      .init("k_proj", 5), .init("layers.0.k_proj", 6),
    ])
    let matcher = try ModulePatternMatcher(patterns, field: "rank_pattern")
    #expect(matcher.value(for: "model.layers.0.q_proj") == 2)
    #expect(matcher.value(for: "model.layers.1.q_proj") == 3)
    #expect(matcher.value(for: "model.layers.0.k_proj") == 5)
    #expect(matcher.value(for: "model.layers.0.v_proj") == nil)
  }

  @Test func `a key that would make a backtracking engine hang finishes`() throws {
    let key = "(.*.*.*.*)*x"
    let matcher = try ModulePatternMatcher(ModulePatterns([.init(key, 1)]), field: "rank_pattern")
    #expect(matcher.value(for: String(repeating: "a.", count: 250)) == nil)
    #expect(matcher.value(for: String(repeating: "a.", count: 250) + "x") == 1)
  }

  @Test(arguments: [
    (
      "(q",
      #"alpha_pattern has the key "(q"; it is no regular expression: a "(" without ")" "#
        + "at character 1"
    ),
    (
      "*",
      #"alpha_pattern has the key "*"; it is no regular expression: a "*" with nothing to "#
        + "repeat at character 1"
    ),
    (
      #"(q)\1"#,
      #"alpha_pattern has the key "(q)\1"; it has a backreference at character 4, "#
        + "which is not supported in patterns"
    ),
    (
      "(?i)q",
      #"alpha_pattern has the key "(?i)q"; it has flags at character 1, which is not "#
        + "supported in patterns"
    ),
  ])
  func `names a key that cannot be compiled`(key: String, message: String) throws {
    let error = #expect(throws: CheckpointError.self) {
      try ModulePatternMatcher(ModulePatterns([.init(key, 1)]), field: "alpha_pattern")
    }
    #expect(error?.message == message)
  }
}
