import Formats
import TestSupport
import Testing

@testable import Inspect

@Suite struct RenamingRuleTests {
  struct Case: CustomTestStringConvertible {
    let rule: String
    let name: String
    /// Nil where the rule does not match.
    let result: String?
    var testDescription: String { "\(rule) on \(name)" }

    init(_ rule: String, _ name: String, _ result: String?) {
      self.rule = rule
      self.name = name
      self.result = result
    }
  }

  // The results are those of Python's re.sub.
  static let cases = [
    Case(
      #"^model\.=text.model."#, "model.norm.weight", "text.model.norm.weight"),
    Case(#"^model\.="#, "model.model.a", "model.a"),
    Case(#"^model\.=x."#, "a.model.b", nil),
    Case(#"\.attn\.=.self_attn."#, "a.attn.attn.b", "a.self_attn.attn.b"),
    Case(#"aa=b"#, "aaaaa", "bba"),
    Case(#"weight$=bias"#, "weight.weight", "weight.bias"),
    Case(#"^norm$=ln"#, "norm", "ln"),
    Case(#"^norm$=ln"#, "norm.norm", nil),
    Case("a.c=x", "abc.a.c", "x.x"),
    Case(#"layers\.(\d+)\.(\w+)=h.\1.\2"#, "model.layers.10.attn.q", "model.h.10.attn.q"),
    Case(#"(?P<head>\w+)\.(?P<tail>\w+)=\g<tail>.\g<head>"#, "one.two", "two.one"),
    Case(#"(a)(b)?=\1\2-"#, "abac", "ab-a-c"),
    Case(#"^=base_model.model."#, "a.b", "base_model.model.a.b"),
    Case(#"(\d)=\g<1>0"#, "a.1", "a.10"),
    Case(#"a\=b=c"#, "xa=by", "xcy"),
    Case("a=b=c", "a", "b=c"),
    Case(#"\.=\\"#, "a.b", #"a\b"#),
    Case("é=e", "cafe\u{301}.é", "cafe\u{301}.e"),
    Case("$=.weight", "a", "a.weight"),
    Case(#"q(?\=_proj)=query"#, "a.q_proj.q", "a.query_proj.q"),
  ]

  @Test(arguments: cases)
  func `replaces as re.sub does`(_ row: Case) throws {
    let rule = try RenameRule(argument: row.rule)
    let result = try RuleMatcher(rule).apply(to: row.name)
    #expect(result.map(ExactName.init) == row.result.map(ExactName.init))
    #expect(try RenameRule(argument: rule.description) == rule)
  }

  static let faults = [
    ("a", #"the rule "a" has no "="; expected REGEX=REPLACEMENT"#),
    (#"a\=b"#, #"the rule "a\=b" has no "="; expected REGEX=REPLACEMENT"#),
    ("=b", "a rule has an empty expression, which would match everywhere"),
    (
      #"(a)=\2"#, #"the replacement "\2" names group 2, but "(a)" has 1"#
    ),
    (
      #"a=\g<b>"#, #"the replacement "\g<b>" names the group "b", which "a" does not have"#
    ),
    (
      #"a=b\.c"#,
      #"the replacement "b\.c" holds \.; expected \1 to \99, \g<name> or \\, and everything else as it is"#
    ),
    (
      #"a=b\"#,
      #"the replacement "b\" holds \ at its end; expected \1 to \99, \g<name> or \\, and everything else as it is"#
    ),
  ]

  @Test(arguments: faults)
  func `refuses a rule that means nothing`(rule: String, message: String) {
    let error = #expect(throws: CheckpointError.self) { try RenameRule(argument: rule) }
    #expect(error?.description == message)
  }

  @Test func `names an expression that does not compile`() {
    let error = #expect(throws: CheckpointError.self) { try RenameRule(argument: "(a=b") }
    #expect(error?.description.hasPrefix(#""(a" is no regular expression"#) == true)
  }

  @Test(arguments: [("(?=a)=b", "(?"), ("x(?<=a)b=c", "x(?<")])
  func `tells that a group was cut at its sign of equality`(rule: String, left: String) {
    let error = #expect(throws: CheckpointError.self) { try RenameRule(argument: rule) }
    #expect(
      error?.description == "the rule \"\(rule)\" is split at its first \"=\", which leaves "
        + "\"\(left)\" as the expression; expected \\= for a \"=\" that belongs to it")
  }

  /// The bytes and the regular expression have to agree.
  @Test func `plain text gives what the same expression gives`() throws {
    let pieces = ["a", "b", ".", "aa", "_", "1"]
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<400 {
      func draw(_ count: Int) -> String {
        (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
      }
      let (needle, name, replacement) = (draw(2), draw(6), draw(2))
      for (start, end) in [("", ""), ("^", ""), ("", "$"), ("^", "$")] {
        let plain = start + RenameRule.escaped(needle) + end
        let literal = try RuleMatcher(RenameRule(pattern: plain, replacement: replacement))
        let regex = try RuleMatcher(
          RenameRule(pattern: "(?:\(plain))", replacement: replacement))
        #expect(literal.apply(to: name) == regex.apply(to: name), "\(plain) on \(name)")
      }
    }
  }
}
