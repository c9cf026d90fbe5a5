import Glibc
import Synchronization

/// Ctrl-C and its kin: work stops at the next block and cleans up after itself.
public enum Interruption {
  /// The signal that came, or 0.
  private static let signal = Atomic<Int32>(0)

  /// From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT ask for a stop instead of killing.
  /// A second one of the same kind kills at once.
  public static func listen() {
    // The first access initialises the global, which a handler must not do.
    signal.store(0, ordering: .relaxed)
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
      // What the caller ignores stays ignored: `nohup` means it.
      var present = sigaction()
      guard unsafe sigaction(number, nil, &present) == 0,
        !isIgnored(present)
      else { continue }
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        Interruption.signal.store(number, ordering: .relaxed)
      }
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_RESTART
      _ = unsafe sigaction(number, &action, nil)
    }
    // A file-size limit is to be an error of `pwrite`, not a signal.
    _ = Glibc.signal(SIGXFSZ, SIG_IGN)
  }

  private static func isIgnored(_ action: sigaction) -> Bool {
    guard let handler = unsafe action.__sigaction_handler.sa_handler else { return false }
    // The two are addresses by which the system names a behaviour.
    let ignoring = unsafe unsafeBitCast(SIG_IGN, to: Int.self)
    return unsafe unsafeBitCast(handler, to: Int.self) == ignoring
  }

  /// Throws if a signal asked for a stop.
  public static func check() throws(CheckpointError) {
    guard signal.load(ordering: .relaxed) == 0 else {
      throw CheckpointError("interrupted; nothing was written")
    }
  }

  /// Ends the process by the signal that came, if one did, as a shell expects.
  public static func resignal() {
    let number = signal.load(ordering: .relaxed)
    guard number != 0 else { return }
    _ = Glibc.signal(number, SIG_DFL)
    raise(number)
  }
}
