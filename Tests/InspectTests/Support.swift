import Compute
import Formats

/// A tensor without data.
func tensor(_ name: String, _ shape: [Int] = [2, 2], _ type: ElementType = .bf16) -> TensorRecord {
  TensorRecord(name: name, type: .element(type), shape: shape, bytes: nil)
}
