import Compute
import Formats
import Inspect
import Synchronization

/// Finds the tensors that are in the other checkpoint under another name.
///
/// Only tensors that have no equal under their own name are looked at, and of
/// these only those whose type and shape some tensor of the other side has.
/// Fingerprints choose the candidates; what is told was compared byte for byte.
struct MovedTensors {
  let threads: Int
  private let a: [TensorRecord]
  private let b: [TensorRecord]

  init(_ difference: CheckpointDifference, threads: Int) {
    self.threads = threads
    let changed = difference.different
    let a = difference.onlyInA + changed.map { $0.a.named($0.name) }
    let b = difference.onlyInB + changed.map { $0.b.named($0.name) }
    let common = Set(a.map(Form.init)).intersection(b.map(Form.init))
    func isCandidate(_ record: TensorRecord) -> Bool {
      record.bytes != nil && record.elementCount > 0 && common.contains(Form(record))
    }
    self.a = a.filter(isCandidate)
    self.b = b.filter(isCandidate)
  }

  /// What makes it worth looking into two tensors.
  private struct Form: Hashable {
    let type: TensorType
    let shape: [Int]

    init(_ record: TensorRecord) {
      type = record.type
      shape = record.shape
    }
  }

  private struct Content: Hashable {
    let form: Form
    let fingerprint: UInt64
  }

  /// The most tensors with the content of one that are named: a model can hold
  /// thousands of tensors of ones.
  private static let maximumPlaceCount = 8

  /// Each tensor of A with the tensors of B that hold the same.
  func find() throws(CheckpointError) -> [CheckpointDifference.Move] {
    let aContents = try contents(of: a)
    let bContents = try contents(of: b)
    var places: [Content: [TensorRecord]] = [:]
    for (record, content) in zip(b, bContents) { places[content, default: []].append(record) }
    var moves: [CheckpointDifference.Move] = []
    var scratch = DifferenceScratch()
    for (record, content) in zip(a, aContents) {
      // Lazily: thousands may hold the same.
      let candidates = (places[content] ?? []).lazy.filter { $0.name != record.name }
      for candidate in candidates.prefix(Self.maximumPlaceCount) {
        guard try Self.isSame(record, candidate, &scratch) else { continue }
        moves.append(CheckpointDifference.Move(a: record.name, b: candidate.name))
      }
    }
    return moves
  }

  private static func isSame(
    _ a: TensorRecord, _ b: TensorRecord, _ scratch: inout DifferenceScratch
  ) throws(CheckpointError) -> Bool {
    let pair = try ValuePair(a, b, tolerance: .exact)
    for index in 0..<pair.blockCount {
      guard try pair.isSame(block: index, &scratch) else { return false }
    }
    return true
  }

  /// What each tensor holds, in their order.
  private func contents(of records: [TensorRecord]) throws(CheckpointError) -> [Content] {
    let next = Atomic<Int>(0)
    let found = Mutex<[Int: UInt64]>([:])
    try Workers.run(threads) { (failure) throws(CheckpointError) in
      var scratch = DifferenceScratch()
      while case let position = next.add(1, ordering: .relaxed).oldValue, position < records.count {
        try failure.check()
        let fingerprint = try Self.fingerprint(of: records[position], &scratch)
        found.withLock { $0[position] = fingerprint }
      }
    }
    let fingerprints = found.withLock { $0 }
    return records.indices.map {
      Content(form: Form(records[$0]), fingerprint: fingerprints[$0] ?? 0)
    }
  }

  private static func fingerprint(
    of record: TensorRecord, _ scratch: inout DifferenceScratch
  ) throws(CheckpointError) -> UInt64 {
    let data = try TensorData(record)
    var fingerprint: UInt64 = 0
    let step = ValuePair.maximumBlockByteCount
    for offset in stride(from: 0, to: data.byteCount, by: step) {
      let count = min(step, data.byteCount - offset)
      try scratch.a.withMutablePrefix(count) { (bytes) throws(CheckpointError) in
        try data.read(into: &bytes, at: offset)
      }
      fingerprint = scratch.a.withPrefix(count) {
        ByteComparison.fingerprint(of: $0, after: fingerprint)
      }
    }
    return fingerprint
  }
}

extension TensorRecord {
  fileprivate func named(_ name: String) -> TensorRecord {
    var record = self
    record.name = name
    return record
  }
}
