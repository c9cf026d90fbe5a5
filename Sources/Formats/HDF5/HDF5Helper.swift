import Glibc
import SystemPackage

/// The program that asks libhdf5 what a file holds, in a process of its own.
///
/// Files that are damaged at random crash or hang libhdf5; there that is an ordinary
/// error. What the helper answers is taken for as hostile as the file.
enum HDF5Helper {
  static let programName = "tenon-hdf5"
  /// The helper stops itself earlier; this is for one that cannot.
  private static let timeLimit = 9
  /// Enough for a million datasets with names as long as they come.
  private static let maximumAnswer = 512 << 20

  /// The bytes with which the helper answers what is in `file`.
  static func index(_ file: InputFile) throws(CheckpointError) -> [UInt8] {
    let program = try path(asking: file)
    // The helper opens what we have open, whatever the path leads to by now.
    let run = try ChildProcess.run(
      program, arguments: ["index", "/proc/self/fd/\(ChildProcess.inheritedDescriptor)"],
      inheriting: file.descriptor, maximumOutput: maximumAnswer, timeLimit: timeLimit)
    // What a library says as it gives up stands before the last words of the helper.
    let lines = String(decoding: run.errorOutput.prefix(1000), as: UTF8.self)
      .split(separator: "\n").map { String($0).printable }
    let place = lines.last.map { " at \($0)" } ?? ""
    switch run.end {
    case .exit(0): return run.output
    case .exit(1): throw failure(file, lines.joined(separator: ": "))
    case .exit(let status): throw failure(file, "\(programName) ended with status \(status)")
    case .signal(SIGXCPU), .signal(SIGALRM), .timeLimit:
      throw failure(file, "took more than its time\(place)")
    case .signal(let number):
      let words = lines.dropLast().map { ": \($0)" }.joined()
      throw failure(file, "crashed\(place), signal \(number)\(words)")
    case .outputLimit: throw failure(file, "more than \(maximumAnswer) bytes of answer")
    }
  }

  static func failure(_ file: InputFile, _ reason: String) -> CheckpointError {
    let isOpen = isMarkedOpen(file)
    return CheckpointError(
      path: file.path,
      "libhdf5 could not read this file (\(reason))"
        + (isOpen ? "; a program that writes it has not closed it" : ""),
      fix: isOpen ? "h5clear -s --increment=0 \(shellQuoted(file.path))" : nil)
  }

  /// Whether the superblock says that a program has the file open for writing.
  static func isMarkedOpen(_ file: InputFile) -> Bool {
    guard let offset = try? Recognition.offsetOfHDF5(in: file),
      let head = try? file.read(12, at: offset)
    else { return false }
    // The versions before have no such flags.
    return head[8] >= 3 && head[11] != 0
  }

  /// The helper's path: it is installed beside the program that runs.
  private static func path(asking file: InputFile) throws(CheckpointError) -> String {
    let own = try? FilePath("/proc/self/exe").readingLink()
    let path = own?.removingLastComponent().appending(programName).string
    guard let path, fileKind(path) == .regular else {
      throw CheckpointError(
        path: file.path,
        "is HDF5, which \(programName) reads, but that program is not installed beside tenon"
          + (path.map { " (\($0.printable))" } ?? ""),
        fix: "make install")
    }
    return path
  }
}

extension FilePath {
  /// What the symbolic link leads to.
  fileprivate func readingLink() throws(CheckpointError) -> FilePath {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(string, &buffer, buffer.count)
    guard count > 0 else { throw CheckpointError(path: string, systemMessage(errno)) }
    return FilePath(
      String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }
}
