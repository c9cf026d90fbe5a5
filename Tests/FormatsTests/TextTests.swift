import Formats
import Testing

@Suite struct TextTests {
  struct Case: CustomTestStringConvertible {
    let bytes: [UInt8]
    let text: String?
    var testDescription: String { "\(bytes)" }
  }

  static let cases = [
    Case(bytes: [], text: ""),
    Case(bytes: Array("aé\n".utf8), text: "aé\n"),
    Case(bytes: [0xEF, 0xBB, 0xBF] + Array("a".utf8), text: "a"),
    Case(bytes: [0xFF, 0xFE, 0x61, 0, 0xE9, 0], text: "aé"),
    Case(bytes: [0xFE, 0xFF, 0, 0x61, 0, 0xE9], text: "aé"),
    Case(bytes: [0xFF, 0xFE, 0x3D, 0xD8, 0x00, 0xDE], text: "\u{1F600}"),
    // A byte too few, half a character, no text, a NUL.
    Case(bytes: [0xFF, 0xFE, 0x61], text: nil),
    Case(bytes: [0xFF, 0xFE, 0x3D, 0xD8], text: nil),
    Case(bytes: [0x80, 0x61], text: nil),
    Case(bytes: [0x61, 0], text: nil),
    Case(bytes: [0xFE, 0xFF, 0, 0], text: nil),
  ]

  @Test(arguments: cases)
  func `reads text as it is written on every system`(row: Case) {
    #expect(String(text: row.bytes) == row.text)
  }
}
