import Formats
import Foundation
import Inspect
import Merge
import Testing

/// The page about JSON has every word that the program writes, and no other.
@Suite struct ManualJSONTests {
  private static let page = "tenon-json.5"

  private func section(_ heading: String, of page: String = page) throws -> [String] {
    try ManualTests().section(heading, of: page)
  }

  /// The lines of an item of a list, from one heading to the next.
  private func item(_ name: String, in heading: String) throws -> [String] {
    let lines = try section(heading)
    let start = try #require(
      lines.firstIndex { $0.hasPrefix(".It ") && words(after: "Va", on: $0).contains(name) },
      "\(name)")
    return Array(lines[(start + 1)...].prefix { !$0.hasPrefix(".It ") && !$0.hasPrefix(".El") })
  }

  /// The words that a macro marks on a line of mdoc.
  private func words(after macro: String, on line: String) -> [String] {
    var found: [String] = []
    var isMarked = false
    for word in line.split(separator: " ").map(String.init) {
      let bare = word.hasPrefix(".") ? String(word.dropFirst()) : word
      if bare == macro {
        isMarked = true
      } else if ["No", "It", "Pq", "Xr", "Fl", "Ql"].contains(bare) {
        isMarked = false
      } else if isMarked, word.contains(where: { $0.isLetter }) {
        found.append(word)
      }
    }
    return found
  }

  @Test func `the page has every code of a finding once, and no other`() throws {
    let named = try section("CODES").filter { $0.hasPrefix(".It ") }
      .flatMap { words(after: "Cm", on: $0) }
    #expect(named.sorted() == Finding.Code.allCases.map(\.rawValue).sorted())
  }

  @Test(arguments: [
    ("kind", "INSPECT", CheckpointKind.allCases.map(\.rawValue)),
    ("format", "INSPECT", FileFormat.allCases.map(\.rawValue)),
    ("conclusion", "VERIFY", VerificationConclusion.allCases.map(\.rawValue)),
    ("numerics", "VERIFY", RecognisedNumerics.allCases.map(\.rawValue)),
    ("targets", "VERIFY", Verdict.allCases.map(\.rawValue)),
    ("changes", "VERIFY", VerificationReport.Change.Reason.allCases.map(\.rawValue)),
    ("different", "DIFF", TensorDifference.Reason.allCases.map(\.rawValue)),
    ("format", "CONVERT", OutputFormat.allCases.map(\.rawValue)),
  ])
  func `a member that is one of a few words has them all`(
    member: String, heading: String, values: [String]
  ) throws {
    let named = try item(member, in: heading).flatMap { words(after: "Ql", on: $0) }
    #expect(named.sorted() == values.sorted())
  }

  /// The members that the code writes, by the calls of its writer.
  private func written() throws -> Set<String> {
    let folder = Sandbox.repository.appending(path: "Sources/tenon")
    let files = try #require(FileManager.default.enumerator(atPath: folder.path))
    let call =
      /(?:string|strings|integer|integers|double|bool|key|shape|header|patterns)\(\s*"([A-Za-z0-9_]+)"/
    var members: Set<String> = []
    for case let file as String in files where file.hasSuffix(".swift") {
      let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
      members.formUnion(text.matches(of: call).map { String($0.output.1) })
    }
    return members
  }

  @Test func `the page has every member that the program writes, and no other`() throws {
    let lines = try String(
      contentsOf: ManualTests.folder.appending(path: Self.page), encoding: .utf8
    ).split(separator: "\n").map(String.init)
    let named = Set(lines.flatMap { words(after: "Va", on: $0) })
    let ofAll: Set<String> = ["schema", "error", "findings"]
    let members = try written()
    #expect(members.subtracting(named.union(ofAll)).sorted() == [])
    #expect(named.subtracting(members).sorted() == [])
    #expect(ofAll.isSubset(of: members))
  }

  @Test func `the page of remap has every preset once, and no other`() throws {
    let lines = try section("DESCRIPTION", of: "tenon-remap.1")
    let start = try #require(lines.firstIndex(of: ".Ss Presets"))
    let named = lines[start...].filter { $0.hasPrefix(".It Cm ") }
      .flatMap { words(after: "Cm", on: $0) }
    #expect(named.sorted() == RenamePreset.table.map(\.name).sorted())
  }
}
