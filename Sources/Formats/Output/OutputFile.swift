import CLinux
import Glibc

/// A file that is being written: positional writes from any thread.
public final class OutputFile: Sendable {
  /// The path as it is to be shown: where the file is going to be.
  public let path: String
  private let descriptor: Int32
  /// Whether the file is going to be waited for, so that its writing begins early.
  private let isSynced: Bool

  /// The bytes that one call to the kernel copies, so that Ctrl-C is heard.
  private static let copyStep = 64 << 20
  /// The blocks that a file system can let two files share.
  public static let blockSize = 4096
  /// The bytes that the disk is given at a time: each time costs the same.
  private static let writebackStep = 8 << 20

  /// Creates the file, which must not exist, with its final size.
  /// One that `isSparse` gets its space as it is filled.
  init(
    creating place: String, shownAs path: String, byteCount: Int, isSparse: Bool = false,
    isSynced: Bool = true
  ) throws(CheckpointError) {
    let descriptor = unsafe open(place, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw CheckpointError(path: path, systemMessage(errno)) }
    // Space that is reserved at once lies together and is quicker to fill, and a disk
    // that is full says so before anything is written.
    let isReserved = !isSparse && linux_reserve(descriptor, Int64(byteCount)) == 0
    let isFull = !isReserved && !isSparse && errno == ENOSPC
    guard isReserved || (!isFull && ftruncate(descriptor, off_t(byteCount)) == 0) else {
      let code = errno
      close(descriptor)
      throw CheckpointError(path: path, systemMessage(code))
    }
    self.path = path
    self.descriptor = descriptor
    self.isSynced = isSynced
  }

  deinit { close(descriptor) }

  /// Writes all of `bytes` at `offset`.
  public func write(_ bytes: RawSpan, at offset: Int) throws(CheckpointError) {
    let descriptor = self.descriptor
    let code = unsafe bytes.withUnsafeBytes { (bytes) -> Int32 in
      var done = 0
      while done < bytes.count {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
        let count = unsafe pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
        if count > 0 {
          done += count
        } else if count == 0 {
          return ENOSPC
        } else if errno != EINTR {
          return errno
        }
      }
      return 0
    }
    guard code == 0 else { throw CheckpointError(path: path, systemMessage(code)) }
  }

  public func write(_ bytes: [UInt8], at offset: Int) throws(CheckpointError) {
    // Bytes are bytes: nothing is reinterpreted.
    try unsafe write(bytes.span.bytes, at: offset)
  }

  /// The `count` bytes at `offset`, which were written before.
  func read(_ count: Int, at offset: Int) throws(CheckpointError) -> [UInt8] {
    let descriptor = self.descriptor
    var code: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count, code == 0 {
        let part = unsafe pread(
          descriptor, buffer.baseAddress.map { unsafe $0 + filled }, count - filled,
          off_t(offset + filled))
        if part > 0 {
          filled += part
        } else if part == 0 {
          code = EIO
        } else if errno != EINTR {
          code = errno
        }
      }
    }
    guard code == 0 else { throw CheckpointError(path: path, systemMessage(code)) }
    return bytes
  }

  /// Ends the file here.
  func truncate(to byteCount: Int) throws(CheckpointError) {
    guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
      throw CheckpointError(path: path, systemMessage(errno))
    }
  }

  /// Asks the kernel to copy `source` to `offset` without passing through this
  /// process; file systems that can let the files share whole blocks do that. Returns
  /// false where the two files do not allow it; then some of the bytes may have been
  /// written.
  public func copy(_ source: Extent, to offset: Int) throws(CheckpointError) -> Bool {
    var from = Int64(source.offset)
    var to = Int64(offset)
    var rest = source.count
    let isAligned = (source.offset - offset) % Self.blockSize == 0
    while rest > 0 {
      try Interruption.check()
      // What stands before the first whole block goes by itself.
      let part = Int(from) % Self.blockSize
      let step = isAligned && part != 0 ? Self.blockSize - part : Self.copyStep
      let count = unsafe linux_copy_file_range(
        source.file.descriptor, &from, descriptor, &to, min(rest, step))
      if count > 0 {
        rest -= count
      } else if count == 0 {
        throw CheckpointError(
          path: source.file.path, offset: Int(from),
          "the file ends here; it had \(source.file.size) bytes when it was opened")
      } else if errno == EINTR {
        continue
      } else if [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EBADF, EPERM, ETXTBSY].contains(errno) {
        return false
      } else {
        throw CheckpointError(path: path, systemMessage(errno))
      }
    }
    return true
  }

  /// Has the disk begin in the background with what was written before `range`, which
  /// was written last, so that the final wait is short. Only a hint.
  public func startWriteback(behind range: Range<Int>) {
    // Blocks come nearly in order, but other workers may still be busy in the last
    // step that is full; the one before is complete.
    let full = range.upperBound / Self.writebackStep
    let first = max(0, range.lowerBound / Self.writebackStep - 1)
    guard isSynced, full - 1 > first, range.lowerBound / Self.writebackStep < full else { return }
    _ = linux_start_writeback(
      descriptor, Int64(first * Self.writebackStep),
      Int64((full - 1 - first) * Self.writebackStep))
  }

  /// Waits until the file is on the disk.
  func synchronise() throws(CheckpointError) {
    guard fsync(descriptor) == 0 else { throw CheckpointError(path: path, systemMessage(errno)) }
  }
}
