import CLinux
import Glibc

/// A program that is run to its end while its output is read.
struct ChildProcess {
  /// The descriptor under which the child has the file that it is given.
  static let inheritedDescriptor: Int32 = 3
  private static let maximumErrorOutput = 1 << 16

  /// How it ended.
  enum End: Equatable {
    case exit(Int32)
    case signal(Int32)
    /// It was killed because of what it took.
    case timeLimit
    case outputLimit
  }

  var end: End
  var output: [UInt8]
  var errorOutput: [UInt8]

  /// Runs `program`, which can read the open file `inheriting` and knows nothing of our
  /// environment, for at most `timeLimit` seconds.
  static func run(
    _ program: String, arguments: [String], inheriting: Int32, maximumOutput: Int, timeLimit: Int
  ) throws(CheckpointError) -> ChildProcess {
    let output = try Pipe()
    let errors = try Pipe()
    // Where standard input or output is closed, the file itself has the number of one.
    let inherited = try clear(inheriting)
    defer { close(inherited) }
    let process = try spawn(program, arguments, inherited, output, errors)
    output.closeWritingEnd()
    errors.closeWritingEnd()
    var child = ChildProcess(end: .exit(0), output: [], errorOutput: [])
    let stopped = child.read(output, errors, maximumOutput, timeLimit)
    if stopped != nil { kill(process, SIGKILL) }
    child.end = wait(for: process)
    if let stopped { child.end = stopped }
    return child
  }

  /// Reads both until they end; returns why it had to stop before, if so.
  private mutating func read(
    _ output: Pipe, _ errors: Pipe, _ maximumOutput: Int, _ timeLimit: Int
  ) -> End? {
    let deadline = ContinuousClock.now + .seconds(timeLimit)
    var isOpen = [true, true]
    while isOpen.contains(true) {
      let left = (deadline - .now).components
      let milliseconds = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000
      guard milliseconds > 0 else { return .timeLimit }
      var events = [
        pollfd(fd: isOpen[0] ? output.reading : -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: isOpen[1] ? errors.reading : -1, events: Int16(POLLIN), revents: 0),
      ]
      guard unsafe poll(&events, 2, Int32(milliseconds)) > 0 else { continue }
      if events[0].revents != 0 { isOpen[0] = output.read(into: &self.output) }
      if events[1].revents != 0 { isOpen[1] = errors.read(into: &errorOutput) }
      guard self.output.count <= maximumOutput, errorOutput.count <= Self.maximumErrorOutput
      else { return .outputLimit }
    }
    return nil
  }

  /// A copy of a descriptor that is clear of the numbers which the child is given, lest one
  /// overwrites another.
  private static func clear(_ descriptor: Int32) throws(CheckpointError) -> Int32 {
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, inheritedDescriptor + 1)
    guard copy >= 0 else { throw CheckpointError(systemMessage(errno)) }
    return copy
  }

  private static func wait(for process: pid_t) -> End {
    var status: Int32 = 0
    while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
    // The macros of <sys/wait.h> are not imported: seven bits of signal, then the status.
    let signal = status & 0x7F
    return signal == 0 ? .exit(status >> 8 & 0xFF) : .signal(signal)
  }

  private static func spawn(
    _ program: String, _ arguments: [String], _ inheriting: Int32, _ output: Pipe, _ errors: Pipe
  ) throws(CheckpointError) -> pid_t {
    // The C interface wants addresses; all of them outlive the call.
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_adddup2(&actions, output.writing, 1)
    unsafe posix_spawn_file_actions_adddup2(&actions, errors.writing, 2)
    unsafe posix_spawn_file_actions_adddup2(&actions, inheriting, inheritedDescriptor)
    var words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
    let variables = childEnvironment
    var environment = unsafe variables.map { unsafe strdup($0) } + [nil]
    defer {
      for index in 0..<arguments.count + 1 { unsafe free(words[index]) }
      for index in 0..<variables.count { unsafe free(environment[index]) }
    }
    var process: pid_t = 0
    let code = unsafe posix_spawn(&process, program, &actions, nil, &words, &environment)
    guard code == 0 else { throw CheckpointError(path: program, systemMessage(code)) }
    return process
  }

  /// No variable of ours but where libraries lie reaches the child.
  private static var childEnvironment: [String] {
    guard let libraries = unsafe getenv("LD_LIBRARY_PATH") else { return [] }
    return unsafe ["LD_LIBRARY_PATH=\(String(cString: libraries))"]
  }

  /// A pipe, of which the child gets the writing end.
  private final class Pipe {
    let reading: Int32
    let writing: Int32
    private var isWritingOpen = true

    init() throws(CheckpointError) {
      var ends: [Int32] = [0, 0]
      guard unsafe linux_pipe(&ends) == 0 else {
        throw CheckpointError(systemMessage(errno))
      }
      defer { for end in ends { close(end) } }
      reading = try clear(ends[0])
      writing = try clear(ends[1])
    }

    deinit {
      close(reading)
      closeWritingEnd()
    }

    func closeWritingEnd() {
      if isWritingOpen { close(writing) }
      isWritingOpen = false
    }

    /// Adds what there is; false at the end.
    func read(into bytes: inout [UInt8]) -> Bool {
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      let count = unsafe Glibc.read(reading, &piece, piece.count)
      if count > 0 { bytes += piece[..<count] }
      return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN))
    }
  }
}
