/// Placeholder until the reader lands.
public enum PyTorchReader {
  static func recognises(_ file: InputFile) throws(CheckpointError) -> Bool { false }
  static func read(_ file: InputFile, root: [String]? = nil) throws(CheckpointError) -> TensorFile {
    throw CheckpointError("not yet")
  }
}
