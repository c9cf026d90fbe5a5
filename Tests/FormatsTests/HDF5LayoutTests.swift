import Compute
import Foundation
import OrderedCollections
import TestSupport
import Testing

@testable import Formats

@Suite struct HDF5LayoutTests {
  @Test func `every type comes back with its bytes`() throws {
    let tensors = ElementType.allCases.flatMap { type in
      [[4, 6], [8], [0, 3]].map { tensor("\(type.name).\($0)", .element(type), $0) }
    }
    let data = tensors.map { tensor in
      (0..<tensor.byteCount).map { UInt8(truncatingIfNeeded: $0 * 37 + tensor.name.utf8.count) }
    }
    let directory = TemporaryDirectory()
    let checkpoint = try read(tensors, data, in: directory)
    #expect(checkpoint.records.map(\.name) == tensors.map(\.name))
    for (record, (tensor, bytes)) in zip(checkpoint.records, zip(tensors, data)) {
      #expect(record.type == tensor.type, "\(tensor.name)")
      #expect(record.shape == tensor.shape, "\(tensor.name)")
      #expect(try TensorData.bytes(of: record) == bytes, "\(tensor.name)")
    }
  }

  @Test func `the order of the names is kept, not that of the data`() throws {
    var tensors = ["z", "a", "m"].map { tensor($0, .element(.f32), [2]) }
    for (position, order) in [2, 0, 1].enumerated() { tensors[position].order = order }
    let directory = TemporaryDirectory()
    let checkpoint = try read(
      tensors, tensors.map { _ in [UInt8](repeating: 1, count: 8) }, in: directory)
    #expect(checkpoint.records.map(\.name) == ["a", "m", "z"])
  }

  /// A count of tensors for each height of the tree over their names.
  @Test(arguments: [0, 1, 64, 65, 2048, 2049]) func `any number of tensors is found`(
    _ count: Int
  ) throws {
    let tensors = (0..<count).map { tensor("layer.\($0).weight", .element(.u8), [1]) }
    let data = (0..<count).map { [UInt8(truncatingIfNeeded: $0)] }
    let directory = TemporaryDirectory()
    let checkpoint = try read(tensors, data, in: directory)
    #expect(checkpoint.records.map(\.name) == tensors.map(\.name))
    for position in stride(from: 0, to: count, by: max(1, count / 10)) {
      #expect(try TensorData.bytes(of: checkpoint.records[position]) == data[position])
    }
  }

  @Test func `metadata and documents come back`() throws {
    let metadata: OrderedDictionary = ["z": "last", "a": "é\n", "": ""]
    let long = String(repeating: "x", count: 100_000)
    let documents = [
      HDF5Layout.Document(name: "additional_chat_templates/a%b.jinja", bytes: [0x7B]),
      HDF5Layout.Document(name: "config.json", bytes: Array("{\"a\": \"\(long)\"}".utf8)),
      HDF5Layout.Document(name: "empty.json", bytes: []),
      // No text: a NUL, and what is no UTF-8.
      HDF5Layout.Document(name: "nul.model", bytes: [1, 0, 2, 0]),
      HDF5Layout.Document(name: "other.model", bytes: [0xFF]),
    ]
    let directory = TemporaryDirectory()
    let layout = try HDF5Layout.layout([], metadata: metadata, documents: documents)
    let path = try directory.write(filled(layout, with: []), to: "x.h5")
    let checkpoint = try Checkpoint.open(path)
    #expect(checkpoint.metadata == metadata)
    #expect(Array(checkpoint.metadata.keys) == ["z", "a", ""])
    #expect(checkpoint.statesMetadata)
    #expect(checkpoint.sideFiles.map(\.name) == documents.map(\.name))
    for (file, document) in zip(checkpoint.sideFiles, documents) {
      #expect(file.path == "\(path)/__files__/\(document.name)")
      #expect(try InputFile(path: file.path).readAll(limit: 1 << 20) == document.bytes)
    }
  }

  @Test(arguments: [
    "..", "../config.json", "/etc/passwd", "a//b", "a/../../b", "", "a/", "./a", "a\0b",
    "model.safetensors.index.json",
  ]) func `a file is not taken for one at a place where it cannot be`(_ name: String) throws {
    let documents = [HDF5Layout.Document(name: name, bytes: Array("{}".utf8))]
    let directory = TemporaryDirectory()
    let layout = try HDF5Layout.layout([], metadata: [:], documents: documents)
    let path = try directory.write(filled(layout, with: []), to: "x.h5")
    #expect(try Checkpoint.open(path).sideFiles.isEmpty)
  }

  @Test func `a long text is no attribute, and every structure one of HDF5 1.8`() throws {
    let metadata: OrderedDictionary = ["key": String(repeating: "ü", count: 1 << 17)]
    let tensors = (0..<3000).map { tensor("layer.\($0)", .element(.bf16), [1]) }
    for compression in [nil, ChunkCompression.deflate(level: 1)] {
      let layout = try HDF5Layout.layout(tensors, metadata: metadata, compression: compression)
      let bytes = try #require(layout.fixed.first?.bytes)
      // Superblock, free space, root group and shared headers have version 0.
      #expect(Array(bytes[..<12]) == [0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10, 0, 0, 0, 0])
      let root = HDF5Layout.superblockByteCount
      let header = Array(bytes[root..<root + 12])
      #expect(header[0] == 1, "the version of an object header")
      // The size of the messages of the root group, among them its attributes.
      #expect(header[8] < 0xFF && header[9..<12] == [0, 0, 0])
    }
  }

  @Test func `names of one tensor lead to the same data`() throws {
    var shared = tensor("embed", .element(.f32), [2])
    shared.aliases = [OutputTensor.Alias(name: "head", order: 1)]
    let directory = TemporaryDirectory()
    let checkpoint = try read([shared], [[1, 2, 3, 4, 5, 6, 7, 8]], in: directory)
    #expect(checkpoint.records.map(\.name) == ["embed", "head"])
    #expect(Set(checkpoint.records.compactMap { $0.plainExtent?.offset }).count == 1)
  }

  static let links: [(name: String, link: String)] = [
    ("model.layers.0.weight", "model.layers.0.weight"), ("a/b", "a%2Fb"), ("a%2Fb", "a%252Fb"),
    ("", "%"), ("%", "%25"), (".", "%2E"), ("..", ".."), ("a\u{0}", "a%00"), ("ü", "ü"),
    ("__metadata__", "%5F_metadata__"), ("__files__", "%5F_files__"), ("__files", "__files"),
  ]

  @Test(arguments: links) func `a name and its link stand for each other`(
    _ pair: (name: String, link: String)
  ) {
    #expect(HDF5Convention.link(ofName: pair.name) == pair.link)
    #expect(HDF5Convention.name(ofLink: pair.link) == pair.name)
  }

  @Test(arguments: ["%2", "a%", "%GG", "%2f", "%FF"]) func `a link that nobody wrote has no name`(
    _ link: String
  ) {
    #expect(HDF5Convention.name(ofLink: link) == nil)
  }

  static let refusals: [(type: TensorType, shape: [Int], text: String)] = [
    (
      .foreign(name: "qint8", bitWidth: 8), [2],
      "is qint8, which is not written as HDF5"
    ),
    (
      .element(.f32), [Int](repeating: 1, count: 33), "has 33 axes; HDF5 allows 32"
    ),
  ]

  @Test(arguments: refusals) func `what HDF5 cannot hold is refused`(
    _ refusal: (type: TensorType, shape: [Int], text: String)
  ) {
    let error = #expect(throws: CheckpointError.self) {
      _ = try HDF5Layout.layout([tensor("t", refusal.type, refusal.shape)], metadata: [:])
    }
    #expect(error?.message == refusal.text)
  }

  private func tensor(_ name: String, _ type: TensorType, _ shape: [Int]) -> OutputTensor {
    let record = TensorRecord(name: name, type: type, shape: shape, bytes: nil)
    return OutputTensor(name: name, type: type, shape: shape, byteCount: record.byteCount)
  }

  private func read(
    _ tensors: [OutputTensor], _ data: [[UInt8]], in directory: TemporaryDirectory
  ) throws -> Checkpoint {
    let layout = try HDF5Layout.layout(tensors, metadata: [:])
    let path = try directory.write(filled(layout, with: data), to: "x.h5")
    return try Checkpoint.open(path)
  }

  /// The file of a layout with the data of its tensors.
  private func filled(_ layout: OutputLayout, with data: [[UInt8]]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: layout.byteCount)
    for part in layout.fixed {
      bytes.replaceSubrange(part.offset..<part.offset + part.bytes.count, with: part.bytes)
    }
    for (offset, part) in zip(layout.offsets, data) {
      bytes.replaceSubrange(offset..<offset + part.count, with: part)
    }
    return bytes
  }
}
