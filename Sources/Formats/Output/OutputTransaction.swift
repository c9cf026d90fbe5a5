import CLinux
import Glibc
import SystemPackage

/// An output that appears complete or not at all.
///
/// Everything is written to a temporary sibling of the output path; `commit`
/// syncs it and renames it into place. If `commit` is not reached, the sibling
/// is removed and the output path is as it was.
public final class OutputTransaction {
  /// Whether the output is one file or a directory.
  public enum Kind: Sendable {
    case file, directory
  }

  /// Suffixes of `-o` names that ask for a single file.
  private static let fileSuffixes = OutputFormat.allCases.flatMap(\.fileSuffixes)

  /// What the name of an output asks for.
  public static func kind(of path: String) -> Kind {
    let name = FilePath(path).lastComponent?.string ?? path
    if path.hasSuffix("/") { return .directory }
    return fileSuffixes.contains { name.hasSuffix($0) && name != $0 } ? .file : .directory
  }

  public let path: String
  public let kind: Kind
  /// The temporary sibling, or nil before `begin` and after the end.
  private var temporary: String?
  private var files: [OutputFile] = []
  /// The directories inside the output, by their names.
  private var directories: [String] = []
  private let replaces: Bool

  /// Checks that `path` can be written: that it does not exist (or may be
  /// replaced), that it is none of the inputs and holds none of them.
  ///
  /// `kind` is what the name asks for, unless it is given.
  public init(path: String, kind: Kind? = nil, force: Bool, inputs: [String])
    throws(CheckpointError)
  {
    let normalized = FilePath(path).lexicallyNormalized().string
    let trimmed = normalized.isEmpty ? "." : normalized
    self.path = trimmed
    self.kind = kind ?? Self.kind(of: path)
    let exists = linkExists(trimmed)
    replaces = exists
    try Self.checkNotInput(trimmed, exists: exists, inputs: inputs)
    if exists {
      guard force else {
        throw CheckpointError(path: path, "exists already", fix: "add --force to replace it")
      }
      try Self.checkReplaceable(trimmed, kind: self.kind, inputs: inputs)
    }
    let parent = Self.parent(of: trimmed)
    guard fileKind(parent) == .directory else {
      throw CheckpointError(
        path: path, "cannot be created: \(parent) is no directory",
        fix: "mkdir -p \(shellQuoted(parent))")
    }
  }

  deinit { removeTemporary() }

  private static func parent(of path: String) -> String {
    let parent = FilePath(path).removingLastComponent().string
    return parent.isEmpty ? "." : parent
  }

  /// Refuses an output that is an input, would replace a part of one or is a directory
  /// around one. A new name in the directory of an input takes nothing away.
  private static func checkNotInput(_ path: String, exists: Bool, inputs: [String])
    throws(CheckpointError)
  {
    guard let output = exists ? canonical(path) : canonicalName(path) else { return }
    for input in inputs {
      guard let source = canonical(input) else { continue }
      if exists, output.hasPrefix(source == "/" ? "/" : source + "/") {
        throw CheckpointError(
          path: path, "lies in the input \(input); an input is never modified",
          fix: "choose another output with -o")
      }
      if source == output || source.hasPrefix(output == "/" ? "/" : output + "/") {
        throw CheckpointError(
          path: path,
          source == output
            ? "is an input; an input is never modified"
            : "holds the input \(input); an input is never modified",
          fix: "choose another output with -o")
      }
    }
  }

  /// Refuses to replace any of these files, under whatever name, or a directory
  /// that holds one: inputs are never modified.
  public func protect(_ files: [String]) throws(CheckpointError) {
    guard replaces, let output = canonical(path) else { return }
    var status = stat()
    let identity =
      unsafe stat(path, &status) == 0
      ? FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)) : nil
    var seen = Set<String>()
    for file in files where seen.insert(file).inserted {
      guard let source = canonical(file) else { continue }
      var status = stat()
      let isSame =
        unsafe stat(file, &status) == 0
        && FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)) == identity
      guard isSame || source == output || source.hasPrefix(output + "/") else { continue }
      throw CheckpointError(
        path: path,
        isSame || source == output
          ? "is an input; an input is never modified"
          : "holds the input \(file); an input is never modified",
        fix: "choose another output with -o")
    }
  }

  /// Refuses to replace what was hardly meant: a directory that holds others, or
  /// others' files, a link to a directory, or a directory by a file.
  private static func checkReplaceable(_ path: String, kind: Kind, inputs: [String])
    throws(CheckpointError)
  {
    guard let found = fileKind(path) else { return }
    switch (kind, found) {
    case (_, .regular): return
    case (.directory, .directory):
      if isLink(path) {
        throw CheckpointError(
          path: path, "is a link to a directory; a directory would replace the link",
          fix: canonical(path).map { "name what it leads to: -o \(shellQuoted($0))" })
      }
      let listing = try DirectoryListing(path: path, includesHidden: true)
      // What an earlier run may have written.
      let parts = listing.directories.filter { name in
        (name == SideFile.templateDirectory || ModelDirectory.isPipeline(listing))
          && !holdsDirectories(listing.path(of: name))
      }
      if let directory = listing.directories.first(where: { !parts.contains($0) }) {
        throw CheckpointError(
          path: path, "holds the directory \(directory.quoted), so it is not replaced as a whole",
          fix: "remove it, or choose another output with -o")
      }
      try checkStrangers(in: listing, inputs: inputs)
      for name in parts {
        try checkStrangers(
          in: try DirectoryListing(path: listing.path(of: name), includesHidden: true),
          inputs: inputs.map { FilePath($0).appending(name).string })
      }
    case (.file, _):
      throw CheckpointError(path: path, "is no regular file; a file would replace it")
    case (.directory, _):
      throw CheckpointError(path: path, "is no directory; a directory would replace it")
    }
  }

  /// Refuses to remove files that no earlier run can have written.
  private static func checkStrangers(in listing: DirectoryListing, inputs: [String])
    throws(CheckpointError)
  {
    let strangers = ModelDirectory.strangers(in: listing, inputs: inputs)
    guard let first = strangers.first else { return }
    throw CheckpointError(
      path: listing.path,
      strangers.count == 1
        ? "holds \(first.quoted), which is no file of a model, so it is not replaced as a whole"
        : "holds \(strangers.count) files that are none of a model, so it is not replaced as a "
          + "whole: \(TorchFindings.shortList(strangers.map(\.quoted)))",
      fix: "move \(strangers.count == 1 ? "it" : "them") away, or choose another output with -o")
  }

  /// Makes sure of the space and creates the temporary sibling.
  public func begin(byteCount: Int) throws(CheckpointError) {
    // Until now a signal may kill at once: there is nothing to clean up.
    Interruption.listen()
    let parent = Self.parent(of: path)
    var status = statvfs()
    if unsafe statvfs(parent, &status) == 0 {
      let (free, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(
        by: UInt64(status.f_frsize))
      if !overflow, free < UInt64(byteCount) {
        throw CheckpointError(
          path: path, "needs \(byteCount) bytes, but only \(free) are free on its file system")
      }
    }
    let name = FilePath(path).lastComponent?.string ?? "output"
    let unique = "\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let sibling = FilePath(parent).appending(".\(name.prefix(200)).tenon-\(unique)").string
    if kind == .directory, unsafe mkdir(sibling, 0o777) != 0 {
      throw CheckpointError(path: path, systemMessage(errno))
    }
    temporary = sibling
  }

  /// Creates one file of the output with its final size, and the directory that its
  /// name is in. For a single-file output `name` does not matter.
  public func create(_ name: String, byteCount: Int, isSparse: Bool = false)
    throws(CheckpointError) -> OutputFile
  {
    guard let temporary else { preconditionFailure("create before begin") }
    if kind == .directory { try makeDirectory(of: name) }
    let target = kind == .file ? temporary : FilePath(temporary).appending(name).string
    let final = kind == .file ? path : FilePath(path).appending(name).string
    let file = try OutputFile(
      creating: target, shownAs: final, byteCount: byteCount, isSparse: isSparse)
    files.append(file)
    return file
  }

  /// Creates a small file of the output with these bytes.
  public func write(_ bytes: [UInt8], to name: String) throws(CheckpointError) {
    try create(name, byteCount: bytes.count).write(bytes, at: 0)
  }

  /// Makes the directory inside the output that a file of this name is in, if any.
  private func makeDirectory(of name: String) throws(CheckpointError) {
    let directory = FilePath(name).removingLastComponent().string
    guard let temporary, !directory.isEmpty, !directories.contains(directory) else { return }
    try makeDirectory(of: directory)
    guard unsafe mkdir(FilePath(temporary).appending(directory).string, 0o777) == 0 else {
      throw CheckpointError(
        path: FilePath(path).appending(directory).string, systemMessage(errno))
    }
    directories.append(directory)
  }

  /// Copies a side file into the output.
  public func copy(_ side: SideFile) throws(CheckpointError) {
    let source = try InputFile(path: side.path)
    let target = try create(side.name, byteCount: source.size)
    let whole = Extent(file: source, offset: 0, count: source.size)
    if try target.copy(whole, to: 0) { return }
    let step = 1 << 20
    for offset in stride(from: 0, to: source.size, by: step) {
      try target.write(try source.read(min(step, source.size - offset), at: offset), at: offset)
    }
  }

  /// Syncs everything and puts it in place.
  public func commit() throws(CheckpointError) {
    guard let temporary else { preconditionFailure("commit before begin") }
    for file in files { try file.synchronise() }
    for name in directories { synchroniseDirectory(FilePath(temporary).appending(name).string) }
    if kind == .directory { synchroniseDirectory(temporary) }
    try Interruption.check()
    try rename(temporary)
    self.temporary = nil
    files = []
    synchroniseDirectory(Self.parent(of: path))
  }

  private func rename(_ temporary: String) throws(CheckpointError) {
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

  private func removeTemporary() {
    files = []
    if let temporary { removeTree(temporary) }
    temporary = nil
  }
}

/// Whether a directory cannot be told to hold files alone.
private func holdsDirectories(_ path: String) -> Bool {
  guard let listing = try? DirectoryListing(path: path, includesHidden: true) else { return true }
  return !listing.directories.isEmpty
}

/// Removes a file, or a directory of files.
private func removeTree(_ path: String) {
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
private func synchroniseDirectory(_ path: String) {
  let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { return }
  _ = fsync(descriptor)
  close(descriptor)
}

/// Whether there is anything at `path`, if only a broken link.
private func linkExists(_ path: String) -> Bool {
  var status = stat()
  return unsafe lstat(path, &status) == 0
}

/// Whether `path` itself is a symbolic link.
private func isLink(_ path: String) -> Bool {
  var status = stat()
  return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
}

/// The same of a path at which there is nothing yet.
private func canonicalName(_ path: String) -> String? {
  let parts = FilePath(path)
  let parent = parts.removingLastComponent()
  guard let name = parts.lastComponent, name.kind == .regular,
    let directory = canonical(parent.isEmpty ? "." : parent.string)
  else { return nil }
  return FilePath(directory).appending(name).string
}

/// The path without links and dots, or nil where it leads nowhere.
private func canonical(_ path: String) -> String? {
  guard let resolved = unsafe realpath(path, nil) else { return nil }
  defer { unsafe free(resolved) }
  return unsafe String(cString: resolved)
}
