import Testing

@testable import Compute

@Suite struct AlignedBufferTests {
  @Test func `is aligned, zero at first, and keeps what is written`() {
    var buffer = AlignedBuffer(byteCount: 100)
    let address = buffer.withBytes { bytes in
      unsafe bytes.withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
    }
    #expect(address % AlignedBuffer.alignment == 0)
    #expect(
      buffer.withFloats(count: 25) { floats in floats.indices.allSatisfy { floats[$0] == 0 } })
    buffer.withMutableFloats(count: 25) { floats in floats[24] = 1 }
    buffer.withMutableBytes { bytes in bytes.storeBytes(of: 7, as: UInt8.self) }
    #expect(buffer.withFloats(count: 25) { $0[24] } == 1)
    #expect(buffer.withBytes { $0.byteCount } == 100)
  }

  @Test func `an empty buffer is fine`() {
    let buffer = AlignedBuffer(byteCount: 0)
    #expect(buffer.withBytes { $0.byteCount } == 0)
  }
}
