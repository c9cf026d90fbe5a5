import Compute
import Formats
import OrderedCollections
import TestSupport
import Testing

struct SafetensorsLayoutTests {
  /// Files of the reference writer with at most one metadata entry, whose order
  /// is therefore its only possible one.
  static let referenceFiles = [
    "every-type", "scalar", "zero-size", "written-order", "empty-reference",
  ]

  @Test(arguments: referenceFiles) func `the bytes are those of the reference writer`(
    name: String
  ) throws {
    let path = "safetensors/good/\(name).safetensors"
    let original = try Fixtures.bytes(path)
    let checkpoint = try Checkpoint.open(Fixtures.path(path))
    // The order in which tensors are given must not matter.
    let records = Array(checkpoint.records.reversed())
    let layout = try SafetensorsLayout.layout(
      records.map {
        OutputTensor(name: $0.name, type: $0.type, shape: $0.shape, byteCount: $0.byteCount)
      }, metadata: checkpoint.metadata)
    var written = [UInt8](repeating: 0, count: layout.byteCount)
    for part in layout.fixed {
      written.replaceSubrange(part.offset..<part.offset + part.bytes.count, with: part.bytes)
    }
    for (record, offset) in zip(records, layout.offsets) {
      let extent = try #require(record.plainExtent)
      written.replaceSubrange(
        offset..<offset + extent.count, with: original[extent.offset..<extent.offset + extent.count]
      )
    }
    #expect(written == original)
  }

  @Test func `metadata keeps its order`() throws {
    let layout = try SafetensorsLayout.layout([], metadata: ["b": "2", "a": "1"])
    #expect(
      String(decoding: layout.fixed[0].bytes.dropFirst(8), as: UTF8.self)
        == #"{"__metadata__":{"b":"2","a":"1"}}      "#)
  }

  @Test func `a tensor cannot have the name of the metadata`() {
    let tensor = OutputTensor(
      name: "__metadata__", type: .element(.f32), shape: [1], byteCount: 4)
    let error = #expect(throws: CheckpointError.self) {
      try SafetensorsLayout.layout([tensor], metadata: [:])
    }
    #expect(
      error?.description
        == #"tensor "__metadata__": safetensors keeps this name for its metadata, "#
        + "so no tensor can have it")
  }

  @Test func `a type that safetensors does not have is refused by name`() {
    let tensor = OutputTensor(
      name: "z", type: .foreign(name: "complex128", bitWidth: 128), shape: [1], byteCount: 16)
    let error = #expect(throws: CheckpointError.self) {
      try SafetensorsLayout.layout([tensor], metadata: [:])
    }
    #expect(error?.description == #"tensor "z": safetensors has no type for complex128"#)
    // No --dtype would help: it concerns the types of float alone.
    #expect(error?.fix == "leave the tensor out with --exclude")
  }
}
