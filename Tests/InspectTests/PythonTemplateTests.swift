import Formats
import Inspect
import Testing

@Suite struct PythonTemplateTests {
  @Test(arguments: [
    (#"(\d)"#, #"\g<1>0"#, "a1b2", "a10b20"),
    (#"(a)(b)?"#, #"\2\1-"#, "abac", "ba-a-c"),
    (#"(?P<first>\w)(?P<last>\w)"#, #"\g<last>\g<first>"#, "abcd", "badc"),
    ("b", #"\\[\g<0>]"#, "abc", #"a\[b]c"#),
    ("x*", "-", "abxd", "-a-b--d-"),
    ("^", "model.", "a", "model.a"),
    ("$", ".weight", "a", "a.weight"),
    ("é", "e\u{301}", "éa", "e\u{301}a"),
    ("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)", #"\10\1"#, "abcdefghij", "ja"),
  ])
  func `replaces as re.sub does`(
    source: String, template: String, text: String, result: String
  ) throws {
    let pattern = try PythonPattern(source)
    let replaced = pattern.replacing(in: text, with: try PythonTemplate(template, for: pattern))
    #expect(replaced.map { Array($0.utf8) } == Array(result.utf8))
  }

  @Test func `nothing is replaced where nothing matches`() throws {
    let pattern = try PythonPattern("a")
    let template = try PythonTemplate("b", for: pattern)
    #expect(pattern.replacing(in: "xyz", with: template) == nil)
    #expect(template.plainText == "b")
    #expect(try PythonTemplate(#"\g<0>"#, for: pattern).plainText == nil)
  }

  static let expected =
    #"; expected \1 to \99, \g<name> or \\, and everything else as it is"#

  @Test(arguments: [
    ("(a)", #"\2"#, #"the replacement "\2" names group 2, but "(a)" has 1"#),
    (
      "a", #"\g<99999999999999999999>"#,
      #"the replacement "\g<99999999999999999999>" names group 9223372036854775807, but "a" has 0"#
    ),
    ("a", #"\g<b>"#, #"the replacement "\g<b>" names the group "b", which "a" does not have"#),
    ("a", #"b\.c"#, #"the replacement "b\.c" holds \."# + expected),
    ("a", #"\0"#, #"the replacement "\0" holds \0"# + expected),
    ("(a)", #"\101"#, #"the replacement "\101" holds \1"# + expected),
    ("a", #"b\"#, #"the replacement "b\" holds \ at its end"# + expected),
    (
      "(?=(a))", #"\1"#,
      #"the replacement "\1" names group 1, which lies in a look-around of "(?=(a))" and is "#
        + "not recorded"
    ),
  ])
  func `refuses a template that means nothing`(
    source: String, template: String, message: String
  ) throws {
    let pattern = try PythonPattern(source)
    let error = #expect(throws: CheckpointError.self) {
      try PythonTemplate(template, for: pattern)
    }
    #expect(error?.message == message)
  }
}
