import OrderedCollections
import TestSupport
import Testing

@testable import Formats

/// Files that h5py wrote, one property each, and what h5py says is in them.
@Suite struct HDF5FixtureTests {
  static let expected: [String: JSONValue] = {
    guard let bytes = try? Fixtures.bytes("hdf5/expected.json"),
      let members = try? JSONValue(parsing: bytes).object
    else { return [:] }
    return Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value) })
  }()

  @Test func `there are fixtures`() { #expect(Self.expected.count > 15) }

  @Test(arguments: expected.keys.sorted()) func `a file holds what h5py put into it`(
    _ name: String
  ) throws {
    let checkpoint = try open(name)
    let tensors = try #require(Self.expected[name]?.object)
    #expect(checkpoint.format == .hdf5)
    #expect(Set(checkpoint.records.map(\.name)) == Set(tensors.map(\.key)))
    let positions = checkpoint.positions()
    for (key, tensor) in tensors.map({ ($0.key, $0.value) }) {
      guard let position = positions[key] else { continue }
      let record = checkpoint.records[position]
      #expect(record.type.name == tensor["dtype"]?.string, "\(key)")
      #expect(record.shape == tensor["shape"]?.array?.compactMap(\.int), "\(key)")
      #expect(try hex(TensorData.bytes(of: record)) == tensor["hex"]?.string, "\(key)")
    }
  }

  @Test(arguments: expected.keys.sorted()) func `any range of a tensor can be read`(
    _ name: String
  ) throws {
    for record in try open(name).records {
      let whole = try TensorData.bytes(of: record)
      let data = try TensorData(record)
      for start in stride(from: 0, to: whole.count, by: max(1, whole.count / 7)) {
        let end = min(whole.count, start + 1 + whole.count / 3)
        #expect(try data.read(start..<end) == Array(whole[start..<end]), "\(record.name)")
      }
    }
  }

  static let refusals: [(file: String, text: String)] = [
    (
      "ambiguous-names", #"tensor "a.b": is the name of two datasets, "/a.b" and "/a/b""#
    )
  ]

  @Test(arguments: refusals) func `what cannot be read is refused in words`(
    _ refusal: (file: String, text: String)
  ) throws {
    let error = try #require(throws: CheckpointError.self) { _ = try open(refusal.file) }
    #expect(error.description == "\(path(refusal.file)): \(refusal.text)")
  }

  static let unreadable: [(file: String, name: String, reason: String)] = [
    (
      "shape-beyond-count", "none-of-many",
      "the shape [1099511627776, 1099511627776, 0] stands for more bytes than there can be"
    ),
    (
      "libver-latest", "a.weight", "it cannot be opened: bad version number for layout message"
    ),
    (
      "float4-without-shape", "packed",
      #"is F4 in bytes, but has no attribute "shape" of whole numbers"#
    ),
    (
      "deep-groups", [String](repeating: "g", count: 64).joined(separator: "."),
      "it lies more than 64 groups deep"
    ),
  ]

  @Test(arguments: unreadable) func `what cannot be read is told and stays in the list`(
    _ row: (file: String, name: String, reason: String)
  ) throws {
    let checkpoint = try open(row.file)
    let finding = try #require(checkpoint.findings.first { $0.tensors == [row.name] })
    #expect(finding.severity == .error)
    #expect(finding.code == .unreadableObject)
    #expect(finding.message == "\(row.name.quoted) cannot be read: \(row.reason)")
    let record = try #require(checkpoint.records.first { $0.name == row.name })
    #expect(record.bytes == nil)
    #expect(record.type.name == "unreadable: \(row.reason)")
  }

  static let bombs: [(file: String, text: String)] = [
    (
      "shape-bomb", "claims 4398046511104 bytes, of which 4089 are stored; that is hardly meant"
    ),
    (
      "shape-bomb-empty",
      "claims 4398046511104 bytes, of which 0 are stored; that is hardly meant"
    ),
  ]

  @Test(arguments: bombs) func `what claims more than it can mean is listed but not read`(
    _ bomb: (file: String, text: String)
  ) throws {
    let record = try #require(try open(bomb.file).records.first)
    #expect(record.byteCount == 1 << 42)
    let error = #expect(throws: CheckpointError.self) { _ = try TensorData(record) }
    #expect(error?.message == bomb.text)
  }

  @Test func `numbers that no tensor can have are told`() throws {
    let checkpoint = try open("unsupported-numbers")
    let findings = checkpoint.findings
    #expect(findings.allSatisfy { $0.severity == .warning && $0.code == .unsupportedType })
    #expect(
      findings.map(\.message).sorted() == [
        #""array" is left out, as no tensor can be of its type (array)"#,
        #""bits" is left out, as no tensor can be of its type (bit field)"#,
        #""extended" is left out, as no tensor can be of its type (float of 80 bits in 16 bytes)"#,
        #""swapped" is left out, as no tensor can be of its type (compound of i, r)"#,
        #""three-bytes", "three-bytes-too" are left out, as no tensor can be of their type (integer of 3 bytes)"#,
        #""twelve-bits" is left out, as no tensor can be of its type (integer of 12 bits in 2 bytes)"#,
      ])
    // Their bytes can be compared.
    let twelve = try #require(checkpoint.unsupported.first { $0.name == "twelve-bits" })
    #expect(twelve.shape == [3, 2])
    #expect(try TensorData.bytes(of: twelve) == [0, 0, 1, 0, 2, 0])
  }

  @Test func `a filter that is not known is told when the data is read`() throws {
    let record = try #require(try open("chunks-lzf").records.first)
    let error = #expect(throws: CheckpointError.self) { _ = try TensorData.bytes(of: record) }
    #expect(
      error?.message
        == #"a chunk is encoded by "lzf", which tenon does not decode; h5py for Python does"#)
  }

  @Test func `another separator tells names apart`() throws {
    var options = Checkpoint.OpeningOptions()
    options.hdf5Separator = "/"
    let checkpoint = try Checkpoint.open(path("ambiguous-names"), options: options)
    #expect(Set(checkpoint.records.map(\.name)) == ["a.b", "a/b"])
  }

  @Test func `attributes are metadata`() throws {
    let metadata = try open("attributes").metadata
    #expect(
      metadata == [
        "bytes": "fixed", "list": "[1.5,2]", "names": #"["a","b"]"#, "number": "7",
        "opaque": "616263", "text": "größe", "weight@unit": "m",
      ])
  }

  @Test func `attributes of every type are metadata or told`() throws {
    let checkpoint = try open("attribute-types")
    #expect(
      checkpoint.metadata == [
        "bool": "true", "bools": "[true,false]", "complex": #"{"r":1.5,"i":-2}"#,
        "complexes": #"[{"r":0,"i":1}]"#, "empty": "null", "enum": "3", "f16": "0.5",
        "matrix": "[[1,2,3],[4,5,6]]", "nan": "NaN", "none": "[]",
        "not-finite": "[Infinity,-Infinity,1]",
        "opaques": #"["6162","6300"]"#, "record": #"{"n":-7,"x":{"y":2.5,"z":true}}"#,
        "weight@x": "of the root",
        "words": #"[["a","b"],["c","d"]]"#, "weight@dtype": "unheard-of", "weight@shape": "[7]",
      ])
    #expect(
      checkpoint.findings.map(\.message) == [
        #"the metadata key "weight@x" is the name of more than one value; the first is kept"#,
        #"2 attributes are of a type that metadata does not have; left out: "lists" "#
          + #"(variable-length), "reference" (reference)"#,
      ])
  }

  @Test func `links that lead by name are told and not followed`() throws {
    #expect(
      try open("links").findings.map(\.message) == [
        #"2 soft links are not followed: "/dangling" to "/nowhere", "/soft" to "/weight""#,
        #"1 hard link is not followed: "/group/around" to "a group around it""#,
        #"1 external link is not followed: "/outside" to "/weight in other.h5""#,
      ])
    #expect(
      try open("elsewhere").findings.map(\.message) == [
        #""external" is external storage, whose data this file does not hold; it is left out"#,
        #""virtual" is a virtual dataset, whose data this file does not hold; it is left out"#,
      ])
  }

  @Test func `what is no tensor is listed`() throws {
    let others = try open("no-tensors").others.map { "\($0.path): \($0.description)" }
    #expect(
      others.sorted() == [
        "lists: variable-length [1]", "nothing: no elements", "reference: reference",
        "table: compound of n, x [1]", "text: string",
      ])
  }

  private func open(_ name: String) throws -> Checkpoint { try Checkpoint.open(path(name)) }

  private func path(_ name: String) -> String { Fixtures.path("hdf5/\(name).h5") }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
