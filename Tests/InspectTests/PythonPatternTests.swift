import Formats
import Inspect
import Testing

@Suite struct PythonPatternTests {
  /// What Python says about a pattern and a text.
  struct Answer: CustomTestStringConvertible {
    let pattern: String
    let text: String
    /// The places of the first match and its groups; -1 for those without a part.
    let places: String
    /// `m` where `re.match` finds it, `f` where `re.fullmatch` does.
    let flags: String
    /// The text with each match replaced by its groups in angle brackets.
    let replaced: String
    let isRefused: Bool
    var testDescription: String { "\(pattern) on \(text.quoted)" }

    init(
      _ pattern: String, _ text: String, _ places: String, _ flags: String, _ replaced: String
    ) {
      self.pattern = pattern
      self.text = text
      self.places = places
      self.flags = flags
      self.replaced = replaced
      isRefused = false
    }

    init(_ pattern: String, refused: Bool) {
      self.pattern = pattern
      (text, places, flags, replaced) = ("", "", "", "")
      isRefused = refused
    }
  }

  @Test(arguments: answers.filter { !$0.isRefused })
  func `answers as Python does`(row: Answer) throws {
    let pattern = try PythonPattern(row.pattern)
    let match = pattern.firstMatch(in: row.text)
    #expect(match.map { Self.places($0, pattern) } ?? "" == row.places)
    #expect(pattern.matchesPart(of: row.text) == !row.places.isEmpty)
    #expect(pattern.matchesPrefix(of: row.text) == row.flags.contains("m"))
    #expect(pattern.matchesWhole(row.text) == row.flags.contains("f"))
    let template = (0...pattern.groupCount).map { "<\\g<\($0)>>" }.joined()
    let replaced = pattern.replacing(
      in: row.text, with: try PythonTemplate(template, for: pattern))
    #expect((replaced == nil) == row.places.isEmpty)
    // Compared character by character, not by what canonically equals what.
    #expect(Array((replaced ?? row.text).utf8) == Array(row.replaced.utf8))
  }

  private static func places(_ match: PythonMatch, _ pattern: PythonPattern) -> String {
    (0...pattern.groupCount).map { group in
      guard let range = match.range(of: group) else { return "-1--1" }
      return "\(range.lowerBound)-\(range.upperBound)"
    }.joined(separator: " ")
  }

  @Test(arguments: answers.filter(\.isRefused))
  func `refuses what Python refuses`(row: Answer) {
    let error = #expect(throws: CheckpointError.self) { try PythonPattern(row.pattern) }
    #expect(error?.message.hasPrefix("\(row.pattern.quoted) is no regular expression: ") == true)
  }

  static let faults = [
    ("a)", #"is no regular expression: a ")" without "(" at character 2"#),
    ("x(?:a", #"is no regular expression: a "(" without ")" at character 2"#),
    ("a[^]", #"is no regular expression: a "[" without "]" at character 2"#),
    ("a|*", #"is no regular expression: a "*" with nothing to repeat at character 3"#),
    ("a{2}{3}", #"is no regular expression: a "{" after another repetition at character 5"#),
    ("a{3,2}", "is no regular expression: the bounds {3,2} backwards at character 2"),
    ("[b-a]", #"is no regular expression: the class range "b-a" at character 2"#),
    (#"[\w-z]"#, #"is no regular expression: the class range "\w-z" at character 2"#),
    (#"a\y"#, #"is no regular expression: the escape \y at character 2"#),
    (
      #"\xfg"#,
      #"is no regular expression: the escape "\xf", which is no character, at character 1"#
    ),
    (
      #"\ud800"#,
      #"is no regular expression: the escape "\ud800", which is no character, at character 1"#
    ),
    ("a\\", #"is no regular expression: a single "\" at character 2"#),
    ("(?<n>a)", "is no regular expression: an unknown kind of group at character 1"),
    ("(?P<n", #"is no regular expression: a group name without ">" at character 1"#),
    (
      "(?P<1>a)",
      #"is no regular expression: the group name "1", which is no identifier, at character 1"#
    ),
    (
      "(?P<n>a)(?P<n>b)",
      #"is no regular expression: a second group with the name "n" at character 9"#
    ),
    ("(?<=a+)b", "is no regular expression: a look-behind without a fixed width at character 1"),
    (#"(a)\1"#, "has a backreference at character 4, which is not supported in patterns"),
    ("(?P<n>a)(?P=n)", "has a backreference at character 9, which is not supported in patterns"),
    ("(a)?(?(1)b)", "has a condition at character 5, which is not supported in patterns"),
    ("a++", "has a possessive repetition at character 2, which is not supported in patterns"),
    ("(?>a)", "has an atomic group at character 1, which is not supported in patterns"),
    ("a(?#b)", "has a comment at character 2, which is not supported in patterns"),
    ("a(?i:b)", "has flags at character 2, which is not supported in patterns"),
    (#"\012"#, "has an octal escape at character 1, which is not supported in patterns"),
    (
      #"\N{DIGIT ONE}"#,
      "has a character by its name at character 1, which is not supported in patterns"
    ),
    (
      "a{1001}",
      "has a repetition of more than 1000 times at character 2; no more are taken"
    ),
    (
      "a{99999999999999999999}",
      "has a repetition of more than 1000 times at character 2; no more are taken"
    ),
    ("((a{99}){99}){99}", "takes more than 20000 steps; no more are taken"),
  ]

  @Test(arguments: faults)
  func `says what is wrong and where`(pattern: String, message: String) {
    let error = #expect(throws: CheckpointError.self) { try PythonPattern(pattern) }
    #expect(error?.message == "\(pattern.quoted) \(message)")
  }

  @Test(arguments: [
    (
      String(repeating: "a", count: 4097), "has 4097 characters; patterns of at most 4096 are taken"
    ),
    (String(repeating: "()", count: 101), "has more than 100 groups; no more are taken"),
    (String(repeating: "(?:", count: 101), "nests groups more than 100 deep; no more are taken"),
  ])
  func `names the limits`(pattern: String, message: String) {
    let error = #expect(throws: CheckpointError.self) { try PythonPattern(pattern) }
    #expect(error?.message == "\(pattern.quoted) \(message)")
  }

  @Test(arguments: [
    "(.*.*.*.*)*x", "(a*)*b", "((a|aa)+)+b", "(a?){300}a{600}", "((((((a*)*)*)*)*)*)*b",
    "(?=(?:a*)*b)(?:(?:a|aa)*c)*a", #"(\w+\s?)*x"#, "(?:(?:a{0,30}){0,30})*b",
  ])
  func `takes no more than the text times the pattern`(source: String) throws {
    let pattern = try PythonPattern(source)
    let text = String(repeating: "a", count: 500)
    #expect(!pattern.matchesPrefix(of: text))
    #expect(pattern.firstMatch(in: text) == nil)
  }

  @Test func `nesting up to the limit is read and matched`() throws {
    let depth = 100
    let source =
      String(repeating: "(?:", count: depth) + "a*" + String(repeating: ")*", count: depth)
    #expect(try PythonPattern(source).matchesWhole("aaa"))
    #expect(try !PythonPattern(source).matchesWhole("aab"))
  }

  @Test func `a search can start later, and still sees what lies before`() throws {
    #expect(try PythonPattern("a").firstMatch(in: "aba", from: 1)?.range == 2..<3)
    #expect(try PythonPattern("^a").firstMatch(in: "aa", from: 1) == nil)
    #expect(try PythonPattern(#"\b"#).firstMatch(in: "ab", from: 1)?.range == 2..<2)
    #expect(try PythonPattern("").firstMatch(in: "ab", from: 3) == nil)
    let match = try PythonPattern("(é)|(b)").firstMatch(in: "aéb")
    #expect(match?.text(of: 1) == "é" && match?.text(of: 2) == nil && match?.text(of: 3) == nil)
  }
}
