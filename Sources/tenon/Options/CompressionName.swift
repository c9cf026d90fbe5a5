import ArgumentParser
import Formats

/// How an output is to be compressed, as it is typed: `gzip`, `zstd:19`, `none`.
struct CompressionName: ExpressibleByArgument {
  /// Nil for none.
  let compression: ChunkCompression?

  /// What can be typed, with the levels that there are and the one that is taken.
  private static let table:
    [(
      name: String, levels: ClosedRange<Int>, usual: Int, make: @Sendable (Int) -> ChunkCompression
    )] = [
      ("gzip", 1...9, 4, { .deflate(level: $0) }), ("zstd", 1...22, 3, { .zstandard(level: $0) }),
    ]

  init?(argument: String) {
    if argument == "none" {
      compression = nil
      return
    }
    let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let row = Self.table.first(where: { $0.name == parts[0] }) else { return nil }
    let level = parts.count == 2 ? Int(parts[1]) : row.usual
    guard let level, row.levels.contains(level) else { return nil }
    compression = row.make(level)
  }
}
