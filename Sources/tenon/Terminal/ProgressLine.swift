import Formats
import Glibc
import Merge
import Synchronization

/// One line on the terminal that tells how far a long work has come.
///
/// Shown only where standard error is a terminal and the work lasts over a
/// second; gone when the work ends.
final class ProgressLine: Sendable {
  private let progress: Progress
  private let isOver = Atomic<Bool>(false)

  /// Runs `work` while the line is shown.
  static func show<Value: Sendable>(
    _ progress: Progress, quiet: Bool, during work: () throws(CheckpointError) -> Value
  ) throws(CheckpointError) -> Value {
    guard !quiet, StandardError.isTerminal else { return try work() }
    let line = ProgressLine(progress)
    let thread = line.start()
    defer {
      line.isOver.store(true, ordering: .relaxed)
      if let thread { pthread_join(thread, nil) }
    }
    return try work()
  }

  private init(_ progress: Progress) { self.progress = progress }

  private func start() -> pthread_t? {
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(self)
    let code = unsafe pthread_create(
      &thread, nil,
      { pointer in
        // Retained for exactly this call.
        if let pointer = unsafe pointer {
          unsafe Unmanaged<ProgressLine>.fromOpaque(pointer).takeRetainedValue().loop()
        }
        return nil
      }, box.toOpaque())
    guard code == 0 else {
      unsafe box.release()
      return nil
    }
    return thread
  }

  private func loop() {
    let clock = ContinuousClock()
    let start = clock.now
    var shown = false
    while !isOver.load(ordering: .relaxed) {
      usleep(100_000)
      let elapsed = start.duration(to: clock.now) / .seconds(1)
      guard elapsed > 1, !isOver.load(ordering: .relaxed) else { continue }
      StandardError.write("\r\u{1B}[K" + text(after: elapsed))
      shown = true
    }
    if shown { StandardError.write("\r\u{1B}[K") }
  }

  private func text(after seconds: Double) -> String {
    let done = progress.done
    let rate = Double(done) / seconds
    let left = rate > 0 ? Double(max(0, progress.total - done)) / rate : 0
    var size = winsize()
    let columns = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 ? Int(size.ws_col) : 80
    let text =
      "\(readable(bytes: done)) of \(readable(bytes: progress.total))  \(readable(bytes: Int(rate)))/s  \(Int(left.rounded(.up))) s left  \(progress.current.printable)"
    return String(text.prefix(max(20, columns - 1)))
  }
}
