import Synchronization

/// How far an execution has come; written by the workers, read by whoever
/// shows it.
public final class Progress: Sendable {
  /// The bytes of output that there will be.
  public let total: Int
  private let count = Atomic<Int>(0)
  private let name = Mutex<String>("")

  public init(total: Int) { self.total = total }

  /// The bytes written so far.
  public var done: Int { count.load(ordering: .relaxed) }
  /// The tensor that was begun last.
  public var current: String { name.withLock { $0 } }

  public func add(_ bytes: Int) { count.add(bytes, ordering: .relaxed) }
  public func begin(_ tensor: String) { name.withLock { $0 = tensor } }
}
