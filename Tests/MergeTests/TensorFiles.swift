import Compute
import Formats
import TestSupport

@testable import Merge

/// A float32 matrix, or another tensor, to be written.
struct TestTensor: Sendable {
  let shape: [Int]
  let values: [Float]

  init(_ shape: [Int], _ values: [Float]) {
    self.shape = shape
    self.values = values
  }

  /// Numbers between -1 and 1 that a generator draws.
  init(_ shape: [Int], using generator: inout some RandomNumberGenerator) {
    self.shape = shape
    values = (0..<shape.reduce(1, *)).map { _ in .random(in: -1...1, using: &generator) }
  }

  var columnCount: Int { shape.dropFirst().reduce(1, *) }

  subscript(row: Int, column: Int) -> Double { Double(values[row * columnCount + column]) }
}

extension TemporaryDirectory {
  /// Writes float32 tensors as a safetensors file.
  func write(_ tensors: KeyValuePairs<String, TestTensor>, to name: String) throws {
    try write(tensors.map { ($0, $1) }, to: name)
  }

  /// Writes tensors of F32 or, without the lower half of each number, of BF16.
  func write(_ tensors: [(String, TestTensor)], as type: ElementType = .f32, to name: String) throws
  {
    let width = type.byteWidth ?? 0
    let header = safetensorsHeader(
      tensors.map { ($0, type.name, $1.shape, $1.values.count * width) })
    let data = tensors.flatMap { _, tensor in
      tensor.values.flatMap { value in
        littleEndian(UInt64(value.bitPattern) >> (32 - 8 * width), byteCount: width)
      }
    }
    try write(header + data, to: name)
  }

  private func littleEndian(_ value: UInt64, byteCount: Int) -> [UInt8] {
    (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
