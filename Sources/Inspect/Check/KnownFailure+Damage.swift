import Formats

/// Files that programs could not read, in the words of old and new versions.
extension KnownFailure {
  static let damage = [
    KnownFailure(
      ["Weights only load failed", "Unsupported operand"], .archiveMismatch, noPickle),
    KnownFailure(["invalid load key"], .archiveMismatch, noPickle),
    KnownFailure(
      ["Weights only load failed"], unless: "Unsupported operand", .unsafeGlobal,
      "the pickle names globals that torch.load does not allow with weights_only=True"),
    KnownFailure(
      ["PytorchStreamReader failed"], .checksumMismatch,
      "the zip archive is damaged or cut short: compare its size with the original's"),
    KnownFailure(
      ["unexpected EOF, expected", "more bytes"], .archiveMismatch,
      "the file of an old torch is cut short: compare its size with the original's"),
    KnownFailure(
      ["EOFError"], .archiveMismatch,
      "the file ends before its pickle does: it is empty or cut short"),
    KnownFailure(["MetadataIncompleteBuffer"], .indexMismatch, cut),
    KnownFailure(["incomplete metadata, file not fully covered"], .indexMismatch, cut),
    KnownFailure(["HeaderTooLarge"], .indexMismatch, noHeader),
    KnownFailure(["deserializing header: header too large"], .indexMismatch, noHeader),
    KnownFailure(["HeaderTooSmall"], .indexMismatch, empty),
    KnownFailure(["deserializing header: header too small"], .indexMismatch, empty),
    KnownFailure(["InvalidHeader"], .indexMismatch, garbled),
    KnownFailure(["deserializing header: invalid"], .indexMismatch, garbled),
  ]

  private static let noPickle =
    "the file is no pickle: often a Git LFS pointer or an error page in place of it, or a "
    + "safetensors file under another name"
  private static let cut =
    "the file is shorter or longer than its header says: a download or a copy was cut short"
  private static let noHeader =
    "the file does not begin with a safetensors header: often a Git LFS pointer or an error page "
    + "in place of the file"
  private static let empty = "the file is empty, or all but empty: a download was cut short"
  private static let garbled = "the header of the safetensors file is damaged"
}
