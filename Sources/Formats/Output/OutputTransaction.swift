import Glibc
import SystemPackage

/// An output that appears complete or not at all.
///
/// Everything is written to a temporary sibling of the output path; `commit`
/// syncs it, unless that is not wanted, and renames it into place. If `commit` is not
/// reached, the sibling is removed and the output path is as it was.
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
  /// What tells other runs that the sibling is at work.
  private var lock: TemporaryLock?
  private var files: [OutputFile] = []
  /// The directories inside the output, by their names.
  private var directories: [String] = []
  /// Whether there is something at `path` that the output takes the place of.
  let replaces: Bool
  /// Whether `commit` waits until the output is on the disk.
  private let isSynced: Bool

  /// Checks that `path` can be written: that it does not exist (or may be
  /// replaced), that it is none of the inputs and holds none of them.
  ///
  /// `kind` is what the name asks for, unless it is given. An output that is not
  /// `isSynced` appears at once all the same, but a loss of power may spoil it.
  public init(
    path: String, kind: Kind? = nil, force: Bool, inputs: [String], isSynced: Bool = true
  ) throws(CheckpointError) {
    self.isSynced = isSynced
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

  /// Makes sure of the space and creates the temporary sibling.
  public func begin(byteCount: Int) throws(CheckpointError) {
    // Until now a signal may kill at once: there is nothing to clean up.
    Interruption.listen()
    let parent = Self.parent(of: path)
    let name = TemporaryName(of: FilePath(path).lastComponent?.string ?? "output")
    name.removeStale(in: parent)
    var status = statvfs()
    if unsafe statvfs(parent, &status) == 0 {
      let (free, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(
        by: UInt64(status.f_frsize))
      if !overflow, free < UInt64(byteCount) {
        throw CheckpointError(
          path: path, "needs \(byteCount) bytes, but only \(free) are free on its file system")
      }
    }
    let sibling = FilePath(parent).appending(name.unique()).string
    if kind == .directory {
      guard unsafe mkdir(sibling, 0o777) == 0 else {
        throw CheckpointError(path: path, systemMessage(errno))
      }
      lock = TemporaryLock(sibling)
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
      creating: target, shownAs: final, byteCount: byteCount, isSparse: isSparse,
      isSynced: isSynced)
    files.append(file)
    if kind == .file { lock = TemporaryLock(target) }
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

  /// Syncs everything, if that is asked for, and puts it in place.
  public func commit() throws(CheckpointError) {
    guard let temporary else { preconditionFailure("commit before begin") }
    if isSynced { try synchronise(temporary) }
    try Interruption.check()
    try moveIntoPlace(temporary)
    self.temporary = nil
    lock = nil
    files = []
    if isSynced { synchroniseDirectory(Self.parent(of: path)) }
  }

  /// Waits until the files and the names of the output are on the disk.
  private func synchronise(_ temporary: String) throws(CheckpointError) {
    for file in files { try file.synchronise() }
    for name in directories { synchroniseDirectory(FilePath(temporary).appending(name).string) }
    if kind == .directory { synchroniseDirectory(temporary) }
  }

  private func removeTemporary() {
    files = []
    if let temporary { removeTree(temporary) }
    temporary = nil
    lock = nil
  }
}

/// Whether there is anything at `path`, if only a broken link.
private func linkExists(_ path: String) -> Bool {
  var status = stat()
  return unsafe lstat(path, &status) == 0
}
