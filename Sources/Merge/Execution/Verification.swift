import Formats
import Synchronization

/// Holds the checksums that the input states against its bytes.
///
/// Most are computed while the data is copied; those of data that does not go out
/// as it lies in the file are computed here, which reads it once more.
struct Verification {
  typealias Computed = (checksum: StoredChecksum, found: UInt32)

  let plan: MergePlan
  let threads: Int

  /// One finding for each file with wrong checksums; `seen` are those that were
  /// computed on the way.
  func findings(_ seen: [Computed]) throws(CheckpointError) -> [Finding] {
    let wrong = (seen + (try computed())).filter { $0.found != $0.checksum.value }
    var order: [FileIdentity] = []
    var files: [FileIdentity: [Computed]] = [:]
    for entry in wrong.sorted(by: { $0.checksum.extent.offset < $1.checksum.extent.offset }) {
      let identity = entry.checksum.extent.file.identity
      if files[identity] == nil { order.append(identity) }
      files[identity, default: []].append(entry)
    }
    return order.compactMap { StoredChecksum.finding(files[$0] ?? []) }
  }

  private func computed() throws(CheckpointError) -> [Computed] {
    let unread = plan.unreadChecksums
    guard !unread.isEmpty else { return [] }
    let work = Work(unread)
    try Workers.run(min(threads, unread.count)) { (failure) throws(CheckpointError) in
      while let checksum = work.next() {
        try failure.check()
        do throws(CheckpointError) {
          work.enter((checksum, try checksum.computed()))
        } catch {
          throw error.with(path: checksum.extent.file.path)
        }
      }
    }
    return work.computed
  }

  /// What is to be read, and what came of it.
  private final class Work: Sendable {
    private let unread: [StoredChecksum]
    private let position = Atomic<Int>(0)
    private let results = Mutex<[Computed]>([])

    init(_ unread: [StoredChecksum]) { self.unread = unread }

    func next() -> StoredChecksum? {
      let (position, _) = position.add(1, ordering: .relaxed)
      return unread.indices.contains(position) ? unread[position] : nil
    }

    func enter(_ result: Computed) { results.withLock { $0.append(result) } }

    var computed: [Computed] { results.withLock { $0 } }
  }
}
