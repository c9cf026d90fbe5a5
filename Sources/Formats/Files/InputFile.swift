import CLinux
import Glibc

/// A regular file opened for reading, read by position.
///
/// Nothing is mapped into memory: a file that another program truncates while
/// we read is an error here, not a signal.
public final class InputFile: Sendable {
  /// The path as it is to be shown.
  public let path: String
  /// The size in bytes when the file was opened.
  public let size: Int
  /// What tells two paths to one file.
  public let identity: FileIdentity
  let descriptor: Int32

  /// Opens `path`, which must lead to a regular file, or to one inside an opened file.
  public convenience init(path: String) throws(CheckpointError) {
    // O_NONBLOCK: opening a pipe must not wait for a writer.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0, errno == ENOTDIR, let bytes = try EmbeddedFiles.bytes(at: path) {
      try self.init(holding: bytes, name: path)
    } else {
      try self.init(descriptor, path: path)
    }
  }

  /// Takes over what was opened, or tells why that failed.
  private init(_ descriptor: Int32, path: String) throws(CheckpointError) {
    guard descriptor >= 0 else { throw CheckpointError(path: path, systemMessage(errno)) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      let code = errno
      close(descriptor)
      throw CheckpointError(path: path, systemMessage(code))
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      let isDirectory = status.st_mode & S_IFMT == S_IFDIR
      throw CheckpointError(
        path: path, isDirectory ? "is a directory; expected a file" : "is not a regular file")
    }
    self.path = path
    self.size = Int(status.st_size)
    self.identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    self.descriptor = descriptor
  }

  /// A file that lies in memory alone, for data that no input holds; `name` is
  /// shown in its place.
  public init(holding bytes: [UInt8], name: String) throws(CheckpointError) {
    let descriptor = unsafe linux_memory_file(name)
    guard descriptor >= 0 else { throw CheckpointError(path: name, systemMessage(errno)) }
    self.path = name
    self.size = bytes.count
    self.descriptor = descriptor
    var status = stat()
    _ = unsafe fstat(descriptor, &status)
    identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes[done...].withUnsafeBytes { rest in
        unsafe pwrite(descriptor, rest.baseAddress, rest.count, off_t(done))
      }
      guard count > 0 || errno == EINTR else {
        throw CheckpointError(path: name, systemMessage(errno))
      }
      done += max(0, count)
    }
  }

  deinit { close(descriptor) }

  /// Fills `buffer` with the bytes from `offset` on.
  public func read(into buffer: inout MutableRawSpan, at offset: Int) throws(CheckpointError) {
    let descriptor = self.descriptor
    let code = unsafe buffer.withUnsafeMutableBytes { (bytes) -> Int32? in
      unsafe fill(bytes, from: descriptor, at: offset)
    }
    if let code { throw shortRead(buffer.byteCount, at: offset, code) }
  }

  /// The error for a read that failed with `code`, or met the end of the file.
  private func shortRead(_ count: Int, at offset: Int, _ code: Int32) -> CheckpointError {
    CheckpointError(
      path: path, offset: offset,
      code == 0
        ? "the file ends before \(count) bytes could be read; "
          + "it had \(size) bytes when it was opened"
        : systemMessage(code))
  }

  /// The `count` bytes from `offset` on, which must lie inside the file.
  public func read(_ count: Int, at offset: Int) throws(CheckpointError) -> [UInt8] {
    guard count >= 0, offset >= 0, offset <= size, count <= size - offset else {
      throw CheckpointError(
        path: path, offset: offset, "\(count) bytes expected here, but the file has \(size)")
    }
    var code: Int32?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      unsafe adviseLargePages(UnsafeMutableRawBufferPointer(buffer))
      code = unsafe fill(UnsafeMutableRawBufferPointer(buffer), from: descriptor, at: offset)
      filled = code == nil ? count : 0
    }
    if let code { throw shortRead(count, at: offset, code) }
    return bytes
  }

  /// The whole file, which must be no longer than `limit` bytes.
  public func readAll(limit: Int) throws(CheckpointError) -> [UInt8] {
    guard size <= limit else {
      throw CheckpointError(path: path, "has \(size) bytes; at most \(limit) are read")
    }
    return try read(size, at: 0)
  }
}

/// The device and inode of a file.
public struct FileIdentity: Sendable, Hashable {
  public let device: UInt64
  public let inode: UInt64
}

/// Asks for large pages where `bytes` holds some: a header of many megabytes would
/// else be put into memory four kilobytes at a time. Only a hint.
private func adviseLargePages(_ bytes: UnsafeMutableRawBufferPointer) {
  let large = 2 << 20
  guard bytes.count >= 2 * large, let start = bytes.baseAddress else { return }
  let first = unsafe start.alignedUp(toMultipleOf: large)
  let end = unsafe (start + bytes.count).alignedDown(toMultipleOf: large)
  _ = unsafe madvise(first, end - first, MADV_HUGEPAGE)
}

/// Reads until `bytes` is full. Returns nil when it is, 0 at the end of the
/// file, or the error number.
private func fill(_ bytes: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int)
  -> Int32?
{
  var done = 0
  while done < bytes.count {
    let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[done...])
    let count = unsafe pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
    if count > 0 {
      done += count
    } else if count == 0 {
      return 0
    } else if errno != EINTR {
      return errno
    }
  }
  return nil
}

/// The system's words for an error number, in lower case as our messages are.
public func systemMessage(_ code: Int32) -> String {
  let text = unsafe String(cString: strerror(code))
  return text.prefix(1).lowercased() + text.dropFirst()
}
