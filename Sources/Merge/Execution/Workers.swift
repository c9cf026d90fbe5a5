import Formats
import Glibc
import Synchronization

/// Our own threads: as many as asked for, joined before `run` returns.
enum Workers {
  /// Runs `body` on `count` threads at once. The first error stops the others,
  /// which see it through `Failure.check`, and is thrown.
  static func run(
    _ count: Int, _ body: @escaping @Sendable (Failure) throws(CheckpointError) -> Void
  )
    throws(CheckpointError)
  {
    let failure = Failure()
    let work: @Sendable () -> Void = {
      do throws(CheckpointError) { try body(failure) } catch { failure.record(error) }
    }
    var threads: [pthread_t] = []
    for _ in 1..<max(count, 1) {
      var thread = pthread_t()
      let box = unsafe Unmanaged.passRetained(Job(work))
      let code = unsafe pthread_create(
        &thread, nil,
        { pointer in
          // The box was retained for exactly this call.
          if let pointer = unsafe pointer {
            unsafe Unmanaged<Job>.fromOpaque(pointer).takeRetainedValue().work()
          }
          return nil
        }, box.toOpaque())
      guard code == 0 else {
        // Fewer threads do the same work.
        unsafe box.release()
        break
      }
      threads.append(thread)
    }
    work()
    for thread in threads { pthread_join(thread, nil) }
    try failure.check()
  }

  private final class Job: Sendable {
    let work: @Sendable () -> Void
    init(_ work: @escaping @Sendable () -> Void) { self.work = work }
  }

  /// The first error of any worker.
  final class Failure: Sendable {
    private let failed = Atomic<Bool>(false)
    private let error = Mutex<CheckpointError?>(nil)

    /// Throws the first error, or that a signal asked for a stop.
    func check() throws(CheckpointError) {
      try Interruption.check()
      guard failed.load(ordering: .relaxed) else { return }
      if let first = error.withLock({ $0 }) { throw first }
    }

    func record(_ new: CheckpointError) {
      error.withLock { if $0 == nil { $0 = new } }
      failed.store(true, ordering: .relaxed)
    }
  }
}
