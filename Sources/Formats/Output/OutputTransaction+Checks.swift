import Glibc
import SystemPackage

/// What an output must not be or replace.
extension OutputTransaction {
  /// Refuses an output that is an input, would replace a part of one or is a directory
  /// around one. A new name in the directory of an input takes nothing away.
  static func checkNotInput(_ path: String, exists: Bool, inputs: [String])
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
  static func checkReplaceable(_ path: String, kind: Kind, inputs: [String])
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
      let known = [SideFile.templateDirectory] + SideFile.moduleDirectories(in: listing)
      let parts = listing.directories.filter { name in
        (known.contains(name) || ModelDirectory.isPipeline(listing))
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
}

/// Whether a directory cannot be told to hold files alone.
private func holdsDirectories(_ path: String) -> Bool {
  guard let listing = try? DirectoryListing(path: path, includesHidden: true) else { return true }
  return !listing.directories.isEmpty
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

extension Checkpoint {
  /// The path without links and dots; as it is where it leads nowhere.
  public static func realPath(of path: String) -> String { canonical(path) ?? path }
}

/// The path without links and dots, or nil where it leads nowhere.
private func canonical(_ path: String) -> String? {
  guard let resolved = unsafe realpath(path, nil) else { return nil }
  defer { unsafe free(resolved) }
  return unsafe String(cString: resolved)
}
