import Formats
import Testing

@testable import Inspect

@Suite struct KeyLiteralTests {
  struct Case: CustomTestStringConvertible {
    let text: String
    let names: [String]?
    var shapes: [[Int]?] = [nil, nil]
    var testDescription: String { text }
  }

  static let cases = [
    Case(text: "odict_keys(['a.w', 'b'])", names: ["a.w", "b"]),
    Case(
      text: ">>> model.state_dict().keys()\ndict_keys([\"a.w\", 'b'])\n>>> ", names: ["a.w", "b"]),
    Case(text: "['a.w', 'b']", names: ["a.w", "b"]),
    Case(text: " {'a.w',\n 'b',\n}", names: ["a.w", "b"]),
    Case(text: "('a.w', 'b')", names: ["a.w", "b"]),
    Case(text: "\"a.w\",\n\"b\",\n", names: ["a.w", "b"]),
    Case(text: #"['it\'s.w', "b"]"#, names: ["it's.w", "b"]),
    Case(
      text: "{'a.w': torch.Size([4, 2]), 'b': torch.Size([])}", names: ["a.w", "b"],
      shapes: [[4, 2], []]),
    Case(text: "{'a.w': (4, 2), 'b': (4,)}", names: ["a.w", "b"], shapes: [[4, 2], [4]]),
    // Shortened, a sentence, values, no names.
    Case(text: "['a.w', ..., 'b']", names: nil),
    Case(text: "[rank0]: missing keys 'a.w', 'b'", names: nil),
    Case(text: "{'a.w': tensor([1.0]), 'b': 2}", names: nil),
    Case(text: "['a w', 'b']", names: nil),
    Case(text: "[]", names: nil),
    Case(text: "a.w\nb", names: nil),
    Case(text: "", names: nil),
  ]

  @Test(arguments: cases)
  func `reads what Python prints of names`(row: Case) {
    let list = KeyList(literal: row.text, path: "t")
    #expect(list?.names == row.names)
    if let list { #expect(list.entries.map(\.shape) == row.shapes) }
  }

  @Test func `names may come from standard input`() throws {
    let list = try KeySource(standardInput: Array("a.w [2, 2]\nb\n".utf8)).keys
    #expect(list.names == ["a.w", "b"])
    let wrapped = Checkpoint(
      path: "x", format: .safetensors, records: ["module.a.w", "b"].map { tensor($0) })
    let report = try CheckpointCheck(wrapped).report(against: .expected(list), readsValues: false)
    #expect(report.load.missing == ["a.w"])
    for text in ["", "\u{1}\u{2}"] {
      let error = #expect(throws: CheckpointError.self) {
        try KeySource(standardInput: Array(text.utf8))
      }
      #expect(
        error?.description == "standard input: lists no names; expected a text with one a line, as "
          + "tenon inspect --keys prints")
    }
  }
}
