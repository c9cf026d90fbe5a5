import Compute
import Formats
import Testing

@Suite struct TensorDataTests {
  /// 24 bytes, each its own position.
  let counting = (0..<24).map { UInt8($0) }

  func data(
    _ type: TensorType, _ shape: [Int], view: StridedView? = nil,
    transforms: ElementTransforms = [], limit: Int = TensorData.defaultLimit,
    extents: [Range<Int>] = [0..<24]
  ) throws -> [UInt8] {
    try withFile(holding: counting) { file in
      let bytes = TensorBytes(
        extents: extents.map { Extent(file: file, offset: $0.lowerBound, count: $0.count) },
        view: view, transforms: transforms)
      let record = TensorRecord(name: "t", type: type, shape: shape, bytes: bytes)
      return try TensorData.bytes(of: record, limit: limit)
    }
  }

  @Test func `a dense tensor is its extents one after the other`() throws {
    #expect(
      try data(.element(.u8), [6], extents: [20..<22, 3..<6, 9..<10]) == [20, 21, 3, 4, 5, 9])
  }

  @Test func `a strided tensor is gathered in row-major order`() throws {
    let transposed = StridedView(offset: 1, strides: [1, 3])
    #expect(
      try data(.element(.u16), [3, 2], view: transposed)
        == [2, 3, 8, 9, 4, 5, 10, 11, 6, 7, 12, 13])
  }

  @Test func `a repeated element is repeated`() throws {
    let expanded = StridedView(offset: 4, strides: [0])
    #expect(try data(.element(.u8), [3], view: expanded) == [4, 4, 4])
    #expect(throws: CheckpointError.self) {
      try data(.element(.u8), [300], view: expanded, limit: 200)
    }
  }

  @Test func `a scalar in the middle of a storage is one element`() throws {
    #expect(
      try data(.element(.f32), [], view: StridedView(offset: 2, strides: [])) == [8, 9, 10, 11])
  }

  @Test func `byte order is turned by element and by half of a complex one`() throws {
    #expect(
      try data(.element(.u32), [1], transforms: .swapBytes, extents: [0..<4]) == [3, 2, 1, 0])
    #expect(
      try data(.element(.c64), [1], transforms: .swapBytes, extents: [0..<8])
        == [3, 2, 1, 0, 7, 6, 5, 4])
  }

  @Test func `lazy bits flip signs after the bytes are turned`() throws {
    let all: ElementTransforms = [.swapBytes, .negate, .conjugate]
    #expect(
      try data(.element(.c64), [1], transforms: all, extents: [0..<8])
        == [3, 2, 1, 0x80, 7, 6, 5, 4])
    #expect(throws: CheckpointError.self) {
      try data(.element(.i32), [1], transforms: .negate, extents: [0..<4])
    }
  }

  @Test func `any range of bytes equals that range of the whole`() throws {
    try withFile(holding: counting) { file in
      let bytes = TensorBytes(
        extents: [Extent(file: file, offset: 0, count: 24)],
        view: StridedView(offset: 11, strides: [-1, -4]), transforms: .swapBytes)
      // Strides may not be negative in a file, but the walk does not care.
      let record = TensorRecord(
        name: "t", type: .element(.u16), shape: [1, 1], bytes: bytes)
      #expect(try TensorData.bytes(of: record) == [23, 22])
      var wide = record
      wide.shape = [3, 2, 2]
      wide.bytes?.view = StridedView(offset: 0, strides: [1, 3, 6])
      let whole = try TensorData.bytes(of: wide)
      let data = try TensorData(wide)
      for start in 0...whole.count {
        for end in start...whole.count {
          #expect(try data.read(start..<end) == Array(whole[start..<end]))
        }
      }
    }
  }
}
