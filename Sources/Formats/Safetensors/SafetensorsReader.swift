/// Reads the header of a safetensors file, as strictly as its rules allow.
///
/// The container is an unsigned 64-bit length N, N bytes of JSON, and the data,
/// which the tensors must cover without a hole or an overlap. Beyond the checks
/// of the reference reader, duplicate names (compared after undoing escapes)
/// and a `dtype` that is no string are refused.
public enum SafetensorsReader {
  /// The longest header, which is the limit of the reference implementation.
  public static let maximumHeaderByteCount = 100_000_000

  /// Reads the header of `file`.
  public static func read(_ file: InputFile) throws(CheckpointError) -> TensorFile {
    do {
      return try parse(file)
    } catch {
      throw error.with(path: file.path)
    }
  }

  private static func parse(_ file: InputFile) throws(CheckpointError) -> TensorFile {
    guard file.size >= 8 else {
      throw CheckpointError(
        "has \(file.size) bytes, but a safetensors file starts with 8 bytes that give the length of its header"
      )
    }
    var cursor = ByteCursor(try file.read(8, at: 0))
    let length = try cursor.uint64("the header length")
    guard length <= maximumHeaderByteCount else {
      throw CheckpointError(
        offset: 0,
        "the header claims \(length) bytes; at most \(maximumHeaderByteCount) are allowed")
    }
    guard Int(length) <= file.size - 8 else {
      throw CheckpointError(
        offset: 0,
        "the header claims \(length) bytes, but only \(file.size - 8) follow; the file is cut off")
    }
    let dataStart = 8 + Int(length)
    var header = SafetensorsHeader(file: file, dataStart: dataStart)
    try header.parse(try file.read(Int(length), at: 8), base: 8)
    try header.checkTiling()
    var result = TensorFile(
      format: .safetensors, records: header.records, metadata: header.metadata)
    result.statesMetadata = true
    return result
  }
}
