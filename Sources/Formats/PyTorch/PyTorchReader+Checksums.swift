extension PyTorchReader {
  /// Reads all of a zip archive and compares its checksums; a file of another
  /// form has none.
  ///
  /// torch never checks them and can be told to write wrong ones, so a wrong
  /// checksum is a finding and no error.
  public static func checksumFindings(_ file: InputFile) throws(CheckpointError) -> [Finding] {
    guard try form(of: file) == .zip else { return [] }
    do throws(CheckpointError) {
      var wrong: [(entry: ZipArchive.Entry, found: UInt32)] = []
      for entry in try ZipArchive(file).entries {
        let found = try Checksum.of(entry)
        if found != entry.checksum { wrong.append((entry, found)) }
      }
      guard let (entry, found) = wrong.first else { return [] }
      let names = TorchFindings.shortList(wrong.map(\.entry.name.quoted))
      let example =
        "\(entry.name.quoted) has 0x\(String(found, radix: 16)), "
        + "but its entry says 0x\(String(entry.checksum, radix: 16))"
      return [
        Finding(
          .warning, .checksumMismatch,
          wrong.count == 1
            ? "the checksum of one zip entry is wrong: \(example)"
            : "the checksums of \(wrong.count) zip entries are wrong: \(names); \(example)")
      ]
    } catch {
      throw error.with(path: file.path)
    }
  }
}
