import Compute
import Formats
import Inspect
import TestSupport

@testable import Merge

extension Fixtures {
  static func checkpoint(_ name: String) throws -> Checkpoint {
    try Checkpoint.open(path(name))
  }

  static func adapter(_ name: String) throws -> Adapter { try Adapter(checkpoint(name)) }
}

/// A tensor without data.
func tensor(_ name: String, _ type: ElementType = .bf16, _ shape: [Int] = [2, 2]) -> TensorRecord {
  TensorRecord(name: name, type: .element(type), shape: shape, bytes: nil)
}

/// A tensor that goes out as it came in.
func planned(_ name: String, byteCount: Int) -> PlannedTensor {
  let record = tensor(name, .u8, [byteCount])
  return PlannedTensor(
    name: name, type: record.type, shape: record.shape, operation: .copy(record))
}

/// The values of a float32 tensor of a checkpoint.
func floats(_ name: String, of checkpoint: Checkpoint) throws -> [Float] {
  guard let record = checkpoint.records.first(where: { $0.name == name }) else { return [] }
  let data = try TensorData(record)
  var bytes = AlignedBuffer(byteCount: data.byteCount)
  try bytes.withMutableBytes { (span) throws(CheckpointError) in try data.read(into: &span, at: 0) }
  var floats = [Float](repeating: 0, count: record.elementCount)
  var span = floats.mutableSpan
  bytes.withBytes { Conversion.widen($0, of: .f32, into: &span) }
  return floats
}
