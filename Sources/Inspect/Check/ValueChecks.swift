import Compute
import Formats

/// What the values of tensors show: NaN, infinity, and factors that are all zero.
enum ValueChecks {
  private static let blockByteCount = ValueStatistics.blockLength * 8 * 32

  /// Statistics of each tensor that has numbers, by position; others have none.
  static func statistics(_ record: TensorRecord) throws(CheckpointError) -> ValueStatistics? {
    guard record.bytes != nil, record.elementCount > 0, let type = record.type.element else {
      return nil
    }
    // Complex numbers are pairs.
    let kind = type == .c64 ? ElementType.f32 : type
    guard ValueStatistics.isNumeric(kind) else { return nil }
    let data = try TensorData(record)
    var statistics = ValueStatistics()
    var buffer = AlignedBuffer(byteCount: min(blockByteCount, data.byteCount))
    for start in stride(from: 0, to: data.byteCount, by: blockByteCount) {
      try Interruption.check()
      let count = min(blockByteCount, data.byteCount - start)
      try buffer.withMutablePrefix(count) { (bytes) throws(CheckpointError) in
        try data.read(into: &bytes, at: start)
      }
      buffer.withPrefix(count) { statistics.add($0, of: kind) }
    }
    return statistics
  }

  /// The tensors with values that are not finite; `willRead` is told of each before it is read.
  static func notFinite(
    _ records: [TensorRecord], willRead: (TensorRecord) -> Void = { _ in }
  ) throws(CheckpointError) -> [Finding] {
    var names: [String] = []
    var nan = 0
    var infinite = 0
    for record in records where canBeNotFinite(record.type) {
      willRead(record)
      guard let found = try statistics(record), found.nan + found.infinite > 0 else { continue }
      names.append(record.name)
      nan += found.nan
      infinite += found.infinite
    }
    return notFinite(names, nan: nan, infinite: infinite)
  }

  static func notFinite(_ names: [String], nan: Int, infinite: Int) -> [Finding] {
    guard !names.isEmpty else { return [] }
    let kinds = [(nan, "NaN"), (infinite, "infinite")].filter { $0.0 > 0 }.map { "\($0) \($1)" }
    return [
      Finding(
        .error, .notFinite, tensors: names,
        "\(Wording.count(names.count, "tensor")) \(Wording.verb(names.count, "holds", "hold")) "
          + "values that are not finite (\(kinds.joined(separator: ", "))): "
          + Wording.folded(names))
    ]
  }

  static func canBeNotFinite(_ type: TensorType) -> Bool {
    guard let element = type.element else { return false }
    return element.kind == .float || element.kind == .complex
  }

  /// Whether two tensors hold the same bytes.
  static func isSame(_ a: TensorRecord, _ b: TensorRecord) throws(CheckpointError) -> Bool {
    guard a.type == b.type, a.shape == b.shape else { return false }
    guard a.bytes != nil, b.bytes != nil else { return true }
    let first = try TensorData(a)
    let second = try TensorData(b)
    for start in stride(from: 0, to: first.byteCount, by: blockByteCount) {
      let range = start..<min(first.byteCount, start + blockByteCount)
      if try first.read(range) != second.read(range) { return false }
    }
    return true
  }
}
