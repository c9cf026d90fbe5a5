/// A path as a word of a shell command, which can be pasted as it stands: one that begins
/// with a dash would be taken for an option.
public func shellQuoted(_ path: String) -> String {
  shellWord(path.hasPrefix("-") ? "./\(path)" : path)
}

/// A text as a word of a shell command, in quotes where it needs them.
public func shellWord(_ text: String) -> String {
  let plain = text.utf8.allSatisfy { byte in
    (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5A)
      || (byte >= 0x61 && byte <= 0x7A) || "/._-+=:,@%".utf8.contains(byte)
  }
  if plain, !text.isEmpty { return text }
  return "'"
    + text.split(separator: "'", omittingEmptySubsequences: false)
    .joined(separator: #"'\''"#) + "'"
}

/// Whether what helps is a command to type, and not advice in words: only then can a
/// script run it.
public func isCommand(_ fix: String) -> Bool {
  programs.contains { fix.hasPrefix("\($0) ") } && !fix.contains(", and ")
}

private let programs = ["tenon", "python", "git lfs", "mkdir -p", "make", "h5clear"]
