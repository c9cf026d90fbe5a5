import Formats

extension KnownFailure {
  /// Where the sentence speaks of damage, and the file at hand shows none: what that file
  /// shows instead.
  func doubt(of checkpoint: Checkpoint, with alone: [Finding]) -> Finding? {
    // A file under the name of another format fails as a damaged one does.
    guard let kind = Self.kinds[code],
      !alone.contains(where: { $0.code == code || $0.code == .archiveMismatch })
    else { return nil }
    let format = checkpoint.format
    return Finding(
      .warning, code,
      "\(message); but \(checkpoint.path.printable) "
        + (kind.formats.contains(format)
          ? kind.state : "is no \(kind.name) (its format is \(format.rawValue))")
        + ": the log is about another file, or about another copy of this one")
  }

  /// What a file is where nothing is wrong with it.
  private struct Kind: Sendable {
    let formats: Set<FileFormat>
    let name: String
    let state: String
  }

  private static let zips: Set<FileFormat> = [.pytorchZip, .torchscript]

  /// By the code of the damage.
  private static let kinds: [Finding.Code: Kind] = [
    .checksumMismatch: Kind(
      formats: zips, name: "zip archive",
      state: "is whole: its archive is read to its end, and every checksum is right"),
    .indexMismatch: Kind(
      formats: [.safetensors], name: "safetensors file",
      state: "is whole: its header is read, and its length is what the header says"),
    .unsafeGlobal: Kind(
      formats: zips.union([.pytorchLegacy, .pytorchTar, .deepspeed]), name: "pickle",
      state: "names no such global"),
  ]
}
