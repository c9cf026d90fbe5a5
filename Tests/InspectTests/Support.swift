import Compute
import Formats
import TestSupport

/// A tensor without data.
func tensor(_ name: String, _ shape: [Int] = [2, 2], _ type: ElementType = .bf16) -> TensorRecord {
  TensorRecord(name: name, type: .element(type), shape: shape, bytes: nil)
}

extension TemporaryDirectory {
  /// Writes a file that lies beside a checkpoint.
  func sideFile(_ path: String, _ text: String) throws -> SideFile {
    SideFile(
      name: String(path.split(separator: "/").last ?? ""), path: try write(text, to: path))
  }
}
