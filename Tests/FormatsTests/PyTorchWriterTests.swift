import Compute
import OrderedCollections
import Testing

@testable import Formats

@Suite struct PyTorchWriterTests {
  // Golden bytes.

  @Test func `an archive of one tensor has these bytes`() throws {
    let layout = try PyTorchLayout.layout([tensor("w", .f32, [2])], metadata: ["format": "pt"])
    let bytes = filled(layout, with: [[0, 0, 128, 63, 0, 0, 0, 64]])
    let expected =
      local("archive/data.pkl", crc: 0x76CC_D84F, size: 145, padding: 18)
      + pickleOfOneTensor
      + local("archive/byteorder", crc: 0x19E3_3D85, size: 6, padding: 0)
      + Array("little".utf8)
      + local("archive/data/0", crc: 0x2E3F_A576, size: 8, padding: 14)
      + [0, 0, 128, 63, 0, 0, 0, 64]
      + local("archive/version", crc: 0x5567_9ED1, size: 2, padding: 11) + Array("3\n".utf8)
    #expect(Array(bytes.prefix(expected.count)) == expected)
    #expect(layout.offsets == [320])
    #expect(bytes.count == 654)
  }

  /// `pickletools.dis` shows it as
  /// `{"w": _rebuild_tensor_v2(pers("storage", FloatStorage, "0", "cpu", 2), 0, (2,), (1,),
  /// False, OrderedDict())}`.
  private let pickleOfOneTensor: [UInt8] =
    [0x80, 2] + Array("}(".utf8) + text("w") + Array("ctorch._utils\n_rebuild_tensor_v2\n".utf8)
    + put(0) + Array("((".utf8) + text("storage") + put(1) + Array("ctorch\nFloatStorage\n".utf8)
    + put(2) + text("0") + text("cpu") + put(3) + [0x4B, 2] + Array("tQK".utf8) + [0, 0x4B, 2]
    + [0x85, 0x4B, 1, 0x85, 0x89] + Array("ccollections\nOrderedDict\n".utf8) + put(4)
    + Array(")RtRu.".utf8)

  /// A local header, padded under the tag `FB`.
  private func local(_ name: String, crc: UInt32, size: UInt32, padding: UInt16) -> [UInt8] {
    [0x50, 0x4B, 3, 4, 20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0] + little(crc) + little(size)
      + little(size) + little(UInt16(name.utf8.count)) + little(padding) + Array(name.utf8)
      + (padding == 0
        ? []
        : Array("FB".utf8) + little(padding - 4)
          + [UInt8](repeating: UInt8(ascii: "Z"), count: Int(padding) - 4))
  }

  // What the reader makes of it.

  static let types: [(ElementType, [Int])] = ElementType.allCases.compactMap { type in
    switch type {
    case .f4: (type, [3, 4])
    case .f6e2m3, .f6e3m2: nil
    default: (type, [3, 2])
    }
  }

  @Test(arguments: types) func `every type that torch has comes back`(
    _ type: ElementType, _ shape: [Int]
  ) throws {
    let tensor = tensor("t", type, shape)
    let data = (0..<tensor.byteCount).map { UInt8($0 * 37 & 0xFF) }
    let file = try read([tensor], data: [data])
    let record = try #require(file.records.first)
    #expect(record.name == "t")
    #expect(record.type == .element(type))
    #expect(record.shape == shape)
    #expect(record.plainExtent != nil)
    #expect(try TensorData.bytes(of: record) == data)
    #expect(file.findings.isEmpty)
  }

  @Test(arguments: [[], [0], [3, 0], [0, 3], [1, 1, 1, 1, 1]]) func `every shape comes back`(
    shape: [Int]
  ) throws {
    let tensor = tensor("t", .f32, shape)
    let file = try read([tensor], data: [[UInt8](repeating: 7, count: tensor.byteCount)])
    #expect(file.records.map(\.shape) == [shape])
  }

  @Test func `names come in their order and share a storage`() throws {
    var first = tensor("b", .f32, [1])
    first.order = 2
    first.aliases = [.init(name: "tied", order: 0), .init(name: "also", order: 3)]
    var second = tensor("a", .f32, [1])
    second.order = 1
    let file = try read([first, second], data: [[1, 2, 3, 4], [5, 6, 7, 8]])
    #expect(file.records.map(\.name) == ["tied", "a", "b", "also"])
    let places = file.records.map { $0.plainExtent?.offset }
    #expect(places[0] == places[2])
    #expect(places[0] == places[3])
    #expect(places[0] != places[1])
    #expect(file.findings.map(\.code) == [.sharedStorage])
  }

  @Test func `more tensors than a batch come back in order`() throws {
    let names = (0..<2500).map { "layer.\($0)" }
    let file = try read(names.map { tensor($0, .u8, [1]) }, data: names.map { _ in [9] })
    #expect(file.records.map(\.name) == names)
  }

  @Test func `an archive without tensors comes back`() throws {
    #expect(try read([], data: []).records.isEmpty)
  }

  @Test func `names are what they were, whatever they are`() throws {
    let names = ["", "ü\u{301}", "a\nb", "\u{1F9F0}", "\0", "é", "e\u{301}"]
    let file = try read(names.map { tensor($0, .u8, [1]) }, data: names.map { _ in [9] })
    // A tensor without a name gets one from the reader.
    let found = file.records.dropFirst().map { Array($0.name.utf8) }
    #expect(found == names.dropFirst().map { Array($0.utf8) })
  }

  // Metadata.

  static let metadata: [OrderedDictionary<String, String>] = [
    [:], ["format": "pt"], ["format": "np"], ["zoë": "\"\\\n", "format": "pt"],
  ]

  @Test(arguments: metadata) func `metadata comes back`(
    _ metadata: OrderedDictionary<String, String>
  ) throws {
    let file = try read([tensor("t", .u8, [1])], data: [[1]], metadata: metadata)
    let isUsual = metadata == ["format": "pt"]
    #expect(file.statesMetadata == !isUsual)
    #expect(file.metadata == (isUsual ? [:] : metadata))
  }

  // Refusals.

  static let refusals: [(TensorType, [Int], String)] = [
    (.element(.f6e2m3), [4], "is F6_E2M3, for which PyTorch has no type"),
    (
      .element(.f4), [2, 3], "is F4 of shape [2, 3]; PyTorch holds F4 in pairs along the last axis"
    ),
    (.element(.f4), [], "is F4 of shape []; PyTorch holds F4 in pairs along the last axis"),
    (
      .foreign(name: "qint8", bitWidth: 8), [4],
      "is qint8, whose scale would be lost; quantised tensors are not written"
    ),
  ]

  @Test func `a type that is only listed is not said to be none of PyTorch`() {
    #expect(
      PyTorchLayout.refusal(.foreign(name: "sparse_coo F32", bitWidth: 32), shape: [2])
        == "is sparse_coo F32, which is listed but not written")
  }

  @Test func `pairs of 4-bit floats that were read as pairs may be odd`() {
    let pairs = TensorType.foreign(name: "float4_e2m1fn_x2", bitWidth: 8)
    #expect(PyTorchLayout.refusal(pairs, shape: [5, 5]) == nil)
    #expect(PyTorchLayout.refusal(pairs, shape: []) == nil)
  }

  @Test(arguments: refusals) func `what torch cannot hold is refused by name`(
    _ type: TensorType, _ shape: [Int], _ message: String
  ) {
    let error = #expect(throws: CheckpointError.self) {
      try PyTorchLayout.layout(
        [OutputTensor(name: "t", type: type, shape: shape, byteCount: 3)], metadata: [:])
    }
    #expect(error?.description == "tensor \"t\": \(message)")
  }

  @Test func `strides that torch cannot count are refused`() {
    let error = #expect(throws: CheckpointError.self) {
      try PyTorchLayout.layout([tensor("t", .f32, [0, 1 << 62, 4])], metadata: [:])
    }
    #expect(
      error?.description
        == "tensor \"t\": has the shape [0, 4611686018427387904, 4], whose strides torch cannot count"
    )
  }

  // Helpers.

  private func tensor(_ name: String, _ type: ElementType, _ shape: [Int]) -> OutputTensor {
    OutputTensor(
      name: name, type: .element(type), shape: shape,
      byteCount: TensorRecord(name: name, type: .element(type), shape: shape, bytes: nil).byteCount)
  }

  /// The file that the layout describes, with its data and checksums in place.
  private func filled(_ layout: OutputLayout, with data: [[UInt8]]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: layout.byteCount)
    for part in layout.fixed {
      bytes.replaceSubrange(part.offset..<part.offset + part.bytes.count, with: part.bytes)
    }
    for (position, data) in data.enumerated() {
      let offset = layout.offsets[position]
      bytes.replaceSubrange(offset..<offset + data.count, with: data)
      let checksum = Checksum.crc32(unsafe data.span.bytes)
      for place in layout.checksumOffsets[position] {
        bytes.replaceSubrange(place..<place + 4, with: little(checksum))
      }
    }
    return bytes
  }

  private func read(
    _ tensors: [OutputTensor], data: [[UInt8]],
    metadata: OrderedDictionary<String, String> = ["format": "pt"]
  ) throws -> TensorFile {
    let layout = try PyTorchLayout.layout(tensors, metadata: metadata)
    #expect(layout.offsets.allSatisfy { $0 % 64 == 0 })
    return try withFile(holding: filled(layout, with: data)) { file in
      #expect(try PyTorchReader.checksumFindings(file).isEmpty)
      return try PyTorchReader.read(file)
    }
  }
}

private func little<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
  (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

private func text(_ text: String) -> [UInt8] {
  [0x58] + little(UInt32(text.utf8.count)) + Array(text.utf8)
}

private func put(_ place: UInt8) -> [UInt8] { [0x71, place] }
