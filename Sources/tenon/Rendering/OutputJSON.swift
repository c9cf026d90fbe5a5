import Formats

extension JSONWriter {
  /// Writes the names of the files of tensors; a single file has the name that the user
  /// gave it.
  mutating func files(_ names: [String], of output: String?) {
    guard let output, OutputTransaction.kind(of: output) == .file, names.count == 1 else {
      return strings("files", names)
    }
    strings("files", [String(output.split(separator: "/").last ?? "")])
  }
}
