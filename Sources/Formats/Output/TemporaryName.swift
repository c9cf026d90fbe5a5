import Glibc
import SystemPackage

/// The name of the temporary sibling of an output: hidden, with the process in it.
struct TemporaryName {
  private let start: String

  /// `output` is the last component of the output's path.
  init(of output: String) { start = ".\(output.prefix(200)).tenon-" }

  /// A name that no other run has.
  func unique() -> String { "\(start)\(getpid())-\(UInt32.random(in: 0 ... .max))" }

  /// The process that gave the name; nil for any other name, such as the one under which
  /// what an output replaces is put aside.
  func process(of name: String) -> pid_t? {
    guard name.hasPrefix(start) else { return nil }
    let numbers = name.dropFirst(start.count).split(
      separator: "-", omittingEmptySubsequences: false)
    guard numbers.count == 2, Self.isNumber(numbers[0]), Self.isNumber(numbers[1]) else {
      return nil
    }
    return pid_t(numbers[0]).flatMap { $0 > 0 ? $0 : nil }
  }

  private static func isNumber(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
  }

  /// Removes what earlier runs for the same output left behind, as only a kill does.
  func removeStale(in directory: String) {
    guard let listing = try? DirectoryListing(path: directory, includesHidden: true) else { return }
    for name in listing.files + listing.directories {
      guard let process = process(of: name), !isAlive(process) else { continue }
      let path = listing.path(of: name)
      // A process of that number elsewhere, in another container or on another machine,
      // holds the lock.
      guard isOwn(path), TemporaryLock(path) != nil else { continue }
      removeTree(path)
    }
  }
}

/// A lock on a temporary output, which goes when its process does.
final class TemporaryLock {
  private let descriptor: Int32

  /// Nil where another holds it, or the file system knows no locks.
  init?(_ path: String) {
    descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      return nil
    }
  }

  deinit { close(descriptor) }
}

private func isAlive(_ process: pid_t) -> Bool { kill(process, 0) == 0 || errno != ESRCH }

/// Whether a file or directory, no link, belongs to the user.
private func isOwn(_ path: String) -> Bool {
  var status = stat()
  guard unsafe lstat(path, &status) == 0, status.st_uid == geteuid() else { return false }
  return [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
}
