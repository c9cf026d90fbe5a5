public import Formats

/// One run of a reader on bytes that a fuzzer made up.
public enum Trial {
  /// The bytes of a tensor that are looked at; a few lead through all of the code.
  private static let tensorLimit = 1 << 16
  /// The tensors of which data is read.
  private static let maximumTensors = 64

  /// The bytes that libFuzzer hands over.
  public static func bytes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
    // libFuzzer owns them until the run is over, so they are copied.
    unsafe Array(UnsafeBufferPointer(start: start, count: count))
  }

  /// Reads a file of these bytes, and the data of its tensors. An error is a good end;
  /// what must not happen is a trap, a hang or memory without bounds.
  public static func run(
    _ bytes: [UInt8], _ read: (InputFile) throws(CheckpointError) -> TensorFile
  ) {
    do throws(CheckpointError) {
      let file = try read(try InputFile(holding: bytes, name: "fuzzed"))
      for record in file.records.prefix(maximumTensors) { try? readData(of: record) }
    } catch {
      // The text is part of what has to work.
      precondition(!error.description.isEmpty)
    }
  }

  private static func readData(of record: TensorRecord) throws(CheckpointError) {
    let data = try TensorData(record, limit: tensorLimit)
    _ = try data.read(0..<min(data.byteCount, tensorLimit))
  }
}
