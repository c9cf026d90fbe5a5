import Foundation

/// A directory that is gone when the test is over.
public final class TemporaryDirectory: Sendable {
  public let path: String

  /// Where it cannot be made, the first file that is to be written there says so.
  public init() {
    path =
      FileManager.default.temporaryDirectory
      .appending(path: "tenon-tests-\(UInt64.random(in: 0 ... .max))").path
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  public func path(_ name: String) -> String { path + "/" + name }

  /// Writes a file, in a folder of the directory if its name has one, and returns its path.
  @discardableResult
  public func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
    let file = URL(filePath: path(name))
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
    return path(name)
  }

  @discardableResult
  public func write(_ text: String, to name: String) throws -> String {
    try write(text.utf8, to: name)
  }
}
