import ArgumentParser
import Formats

/// How an output is to be compressed, as it is typed: `gzip`, `zstd:19`, `none`.
struct CompressionName {
  /// Nil for none.
  let compression: ChunkCompression?

  /// What can be typed, with the levels that there are and the one that is taken.
  private static let table:
    [(
      name: String, levels: ClosedRange<Int>, usual: Int, make: @Sendable (Int) -> ChunkCompression
    )] = [
      ("gzip", 1...9, 4, { .deflate(level: $0) }), ("zstd", 1...22, 3, { .zstandard(level: $0) }),
    ]

  init(typed argument: String) throws {
    if argument == "none" {
      compression = nil
      return
    }
    let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let row = Self.table.first(where: { $0.name == parts[0] }) else {
      let names = Self.table.map(\.name).joined(separator: ", ")
      throw ValidationError("expected \(names) or none")
    }
    let level = parts.count == 2 ? Int(parts[1]) : row.usual
    guard let level, row.levels.contains(level) else {
      throw ValidationError(
        "expected a level of \(row.name) from \(row.levels.lowerBound) to \(row.levels.upperBound)")
    }
    compression = row.make(level)
  }
}
