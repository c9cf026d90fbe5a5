import ArgumentParser

/// A number of bytes as typed: `5GB`, `64MiB`, `1.5 GB`, `4096`.
struct ByteSize: ExpressibleByArgument {
  let bytes: Int

  private static let units: [(suffix: String, factor: Double)] = [
    ("KIB", 1024), ("MIB", 1_048_576), ("GIB", 1_073_741_824), ("TIB", 1_099_511_627_776),
    ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1), ("", 1),
  ]

  init?(argument: String) {
    let text = argument.uppercased()
    guard let unit = Self.units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
    let digits = text.dropLast(unit.suffix.count).filter { $0 != " " }
    guard digits.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2E }),
      let number = Double(digits), let bytes = Int(exactly: (number * unit.factor).rounded(.down)),
      bytes > 0
    else { return nil }
    self.bytes = bytes
  }
}
