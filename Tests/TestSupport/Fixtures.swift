import Foundation

/// The committed files that the tests read.
public enum Fixtures {
  /// The top of the repository.
  public static let repository = #filePath.split(
    separator: "/", omittingEmptySubsequences: false
  ).dropLast(3).joined(separator: "/")

  /// The path of a file or directory below `fixtures`.
  public static func path(_ name: String) -> String { "\(repository)/fixtures/\(name)" }

  /// The whole of a file.
  public static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(filePath: path(name))))
  }

  /// The names of the files in a folder that have this suffix, without it, sorted.
  public static func names(in folder: String, suffix: String) -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: path(folder))) ?? []
    return files.filter { $0.hasSuffix(suffix) }
      .map { String($0.dropLast(suffix.count)) }.sorted()
  }
}
