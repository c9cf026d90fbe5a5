import Formats
import Glibc

/// What is piped into the command.
enum StandardInput {
  private static let blockByteCount = 1 << 16

  /// Reads up to the end, which must come within `limit` bytes.
  static func readAll(limit: Int) throws(CheckpointError) -> [UInt8] {
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: blockByteCount)
    while true {
      let count = unsafe block.withUnsafeMutableBytes { buffer in
        unsafe read(STDIN_FILENO, buffer.baseAddress, buffer.count)
      }
      if count == 0 { return bytes }
      guard count > 0 else {
        if errno == EINTR {
          try Interruption.check()
          continue
        }
        throw CheckpointError(path: "standard input", "cannot be read")
      }
      bytes += block[..<count]
      guard bytes.count <= limit else {
        throw CheckpointError(path: "standard input", "has more than \(limit) bytes")
      }
    }
  }
}
