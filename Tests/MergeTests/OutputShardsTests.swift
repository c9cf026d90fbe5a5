import Formats
import OrderedCollections
import Testing

@testable import Merge

@Suite struct OutputShardsTests {
  /// The bytes of tensors, how they are cut, and the groups that come out.
  struct Case: CustomTestStringConvertible {
    let sizes: [Int]
    let cut: OutputShards.Cut
    let groups: [Range<Int>]
    var testDescription: String { "\(sizes) \(cut)" }

    init(_ sizes: [Int], _ cut: OutputShards.Cut, _ groups: [Range<Int>]) {
      self.sizes = sizes
      self.cut = cut
      self.groups = groups
    }
  }

  static let cases = [
    Case([4, 4, 4], .single, [0..<3]),
    Case([], .single, [0..<0]),
    Case([4, 4, 4], .size(12), [0..<3]),
    Case([4, 4, 4], .size(11), [0..<2, 2..<3]),
    Case([4, 4, 4], .size(1), [0..<1, 1..<2, 2..<3]),
    Case([4, 20, 4, 4], .size(8), [0..<1, 1..<2, 2..<4]),
    Case([20, 4], .size(8), [0..<1, 1..<2]),
    Case([0, 0, 8, 0, 0], .size(8), [0..<5]),
    Case([4, 4], .size(.max), [0..<2]),
    Case([], .size(8), [0..<0]),
    Case([4, 4, 4], .groups([0..<1, 1..<3]), [0..<1, 1..<3]),
    Case([4, 4, 4], .groups([0..<0, 0..<3]), [0..<3]),
    Case([], .groups([0..<0, 0..<0]), [0..<0]),
  ]

  @Test(arguments: cases)
  func `tensors are cut in order`(row: Case) {
    let tensors = row.sizes.enumerated().map { planned("t\($0.offset)", byteCount: $0.element) }
    #expect(
      OutputShards(tensors, cut: row.cut, stem: "model", format: .safetensors).groups == row.groups)
  }

  @Test func `shards are numbered with five digits, one alone is not`() {
    let tensors = (0..<12).map { planned("t\($0)", byteCount: 1) }
    let many = OutputShards(tensors, cut: .size(1), stem: "model", format: .safetensors).names
    #expect(many.first == "model-00001-of-00012.safetensors")
    #expect(many.last == "model-00012-of-00012.safetensors")
    let one = OutputShards(
      tensors, cut: .size(12), stem: "diffusion_pytorch_model", format: .safetensors
    ).names
    #expect(one == ["diffusion_pytorch_model.safetensors"])
  }

  @Test func `several files have an index as transformers writes it`() throws {
    let tensors = [
      planned("b", byteCount: 6), planned("a \"quoted\"", byteCount: 2), planned("a", byteCount: 3),
    ]
    let (files, index) = try OutputShards(
      tensors, cut: .size(8), stem: "model", format: .safetensors
    )
    .files(tensors, metadata: ["format": "pt"])
    #expect(
      files.map(\.name) == [
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
      ])
    let document = try #require(index)
    #expect(document.name == "model.safetensors.index.json")
    #expect(
      String(decoding: document.bytes, as: UTF8.self) == #"""
        {
          "metadata": {
            "total_parameters": 11,
            "total_size": 11
          },
          "weight_map": {
            "a": "model-00002-of-00002.safetensors",
            "a \"quoted\"": "model-00001-of-00002.safetensors",
            "b": "model-00001-of-00002.safetensors"
          }
        }

        """#)
  }

  @Test func `one file has no index`() throws {
    let tensors = [planned("a", byteCount: 3)]
    let index = try OutputShards(tensors, cut: .single, stem: "model", format: .safetensors)
      .files(tensors, metadata: [:]).index
    #expect(index == nil)
  }

  @Test func `the tensors of a file lie one after the other up to its end`() throws {
    let tensors = [
      planned("c", byteCount: 5), planned("a", byteCount: 0), planned("b", byteCount: 7),
    ]
    let file = try #require(
      try OutputShards(tensors, cut: .single, stem: "model", format: .safetensors)
        .files(tensors, metadata: [:]).files.first)
    var end = try #require(file.layout.offsets.first)
    for (tensor, offset) in zip(file.tensors, file.layout.offsets) {
      #expect(offset == end, "\(tensor.name)")
      end = offset + tensor.byteCount
    }
    #expect(end == file.layout.byteCount)
    #expect(file.layout.fixed.map(\.offset) == [0])
    #expect(file.layout.fixed.first?.bytes.count == file.layout.offsets.first)
  }
}
