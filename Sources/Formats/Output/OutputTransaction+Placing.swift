import CLinux
import Glibc
import SystemPackage

extension OutputTransaction {
  /// Renames the finished sibling to the output, in one step where the system can.
  func moveIntoPlace(_ temporary: String) throws(CheckpointError) {
    var code: Int32 = 0
    if replaces, kind == .directory {
      guard unsafe linux_rename_exchange(temporary, path) != 0 else { return removeTree(temporary) }
      code = errno
      if code == EINVAL { code = replaceStepwise(temporary) }
    } else if replaces {
      code = unsafe Glibc.rename(temporary, path) == 0 ? 0 : errno
    } else {
      // Without --force nothing is overwritten, even if it appeared meanwhile.
      code = unsafe linux_rename_new(temporary, path) == 0 ? 0 : errno
      // Some file systems know no such flag; the check at the start has to do.
      if code == EINVAL { code = unsafe Glibc.rename(temporary, path) == 0 ? 0 : errno }
    }
    guard code == 0 else {
      throw CheckpointError(
        path: path, code == EEXIST ? "appeared while the output was written" : systemMessage(code))
    }
  }

  /// Puts the new directory in place where the file system cannot swap two.
  private func replaceStepwise(_ temporary: String) -> Int32 {
    let aside = temporary + "-old"
    guard unsafe Glibc.rename(path, aside) == 0 else { return errno }
    guard unsafe Glibc.rename(temporary, path) == 0 else {
      let code = errno
      _ = unsafe Glibc.rename(aside, path)
      return code
    }
    removeTree(aside)
    return 0
  }
}

/// Removes a file, or a directory of files.
func removeTree(_ path: String) {
  if unsafe unlink(path) == 0 { return }
  guard let directory = unsafe opendir(path) else { return }
  while let entry = unsafe readdir(directory) {
    let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
      unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
    }
    if name == "." || name == ".." { continue }
    removeTree(FilePath(path).appending(name).string)
  }
  unsafe closedir(directory)
  _ = unsafe rmdir(path)
}

/// Makes the names in a directory durable, where its file system can.
func synchroniseDirectory(_ path: String) {
  let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { return }
  _ = fsync(descriptor)
  close(descriptor)
}
