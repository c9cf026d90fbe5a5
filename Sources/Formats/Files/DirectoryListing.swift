import Glibc
import SystemPackage

/// The names in a directory, sorted, with what they lead to.
struct DirectoryListing {
  let path: String
  /// The regular files, symbolic links followed.
  private(set) var files: [String] = []
  private(set) var directories: [String] = []
  /// Everything else: links that lead nowhere, pipes, devices.
  private(set) var others: [String] = []

  /// Lists the directory; hidden names are left out unless asked for.
  init(path: String, includesHidden: Bool = false) throws(CheckpointError) {
    self.path = path
    guard let directory = unsafe opendir(path) else {
      throw CheckpointError(path: path, systemMessage(errno))
    }
    defer { unsafe closedir(directory) }
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name.hasPrefix("."), !includesHidden || name == "." || name == ".." { continue }
      switch fileKind(FilePath(path).appending(name).string) {
      case .regular: files.append(name)
      case .directory: directories.append(name)
      case .other, nil: others.append(name)
      }
    }
    files.sort()
    directories.sort()
    others.sort()
  }

  func contains(_ name: String) -> Bool { files.contains(name) }

  func path(of name: String) -> String { FilePath(path).appending(name).string }
}

/// What a path leads to.
enum FileKind {
  case regular, directory, other
}

/// What `path` leads to, symbolic links followed; nil where it leads nowhere.
func fileKind(_ path: String) -> FileKind? {
  var status = stat()
  guard unsafe stat(path, &status) == 0 else { return nil }
  switch status.st_mode & S_IFMT {
  case S_IFREG: return .regular
  case S_IFDIR: return .directory
  default: return .other
  }
}

/// Whether `path` leads to a directory; an error where it leads nowhere.
func isDirectory(_ path: String) throws(CheckpointError) -> Bool {
  var status = stat()
  guard unsafe stat(path, &status) == 0 else {
    if errno == ENOTDIR, EmbeddedFiles.contains(path) { return false }
    throw CheckpointError(path: path, systemMessage(errno))
  }
  return status.st_mode & S_IFMT == S_IFDIR
}
