import Foundation
import TestSupport

/// One tensor of a safetensors file, read without any code of the tool.
struct TestTensor: Equatable {
  var type: String
  var shape: [Int]
  var bytes: Data
}

/// What makes a file no safetensors file, for these tests.
struct NoSafetensors: Error {}

/// The tensors of a safetensors file.
func tensors(in file: Data) throws -> [String: TestTensor] {
  let header = try header(of: file)
  let start = file.startIndex + 8 + header.count
  let json = try JSONSerialization.jsonObject(with: header) as? [String: [String: Any]]
  var tensors: [String: TestTensor] = [:]
  for (name, entry) in json ?? [:] where name != "__metadata__" {
    guard let type = entry["dtype"] as? String, let shape = entry["shape"] as? [Int],
      let offsets = entry["data_offsets"] as? [Int], offsets.count == 2
    else { throw NoSafetensors() }
    tensors[name] = TestTensor(
      type: type, shape: shape, bytes: Data(file[(start + offsets[0])..<(start + offsets[1])]))
  }
  return tensors
}

/// The JSON text before the data.
private func header(of file: Data) throws -> Data {
  guard file.count >= 8 else { throw NoSafetensors() }
  let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
  guard file.count >= 8 + length else { throw NoSafetensors() }
  return file.dropFirst(8).prefix(length)
}

/// A safetensors file of these tensors.
func safetensors(_ tensors: [(name: String, tensor: TestTensor)]) -> Data {
  let header = safetensorsHeader(
    tensors.map { ($0.name, $0.tensor.type, $0.tensor.shape, $0.tensor.bytes.count) })
  return tensors.reduce(Data(header)) { $0 + $1.tensor.bytes }
}

/// 16-bit words, least significant byte first.
func words(_ bytes: Data) -> [UInt16] {
  stride(from: bytes.startIndex, to: bytes.endIndex - 1, by: 2).map {
    UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8
  }
}

/// The bits of float32 values, least significant byte first.
func floatBits(_ bytes: Data) -> [UInt32] {
  let halves = words(bytes)
  return stride(from: 0, to: halves.count - 1, by: 2).map {
    UInt32(halves[$0]) | UInt32(halves[$0 + 1]) << 16
  }
}

/// Random matrices, the same for the same seed.
struct RandomTensors {
  private var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// Finite float32 or BF16 values around one.
  mutating func matrix(_ type: String, _ rows: Int, _ columns: Int) -> TestTensor {
    var bytes: [UInt8] = []
    for _ in 0..<(rows * columns) {
      // Sign and fraction are random, the exponent is that of one.
      let bits = UInt32.random(in: 0 ... .max, using: &generator) & 0x807F_FFFF | 0x3F00_0000
      let skipped = type == "BF16" ? 2 : 0
      for index in skipped..<4 { bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * index))) }
    }
    return TestTensor(type: type, shape: [rows, columns], bytes: Data(bytes))
  }
}
