extension PyTorchReader {
  /// The checksums that a zip archive states of its entries; a file of another
  /// form has none.
  public static func storedChecksums(_ file: InputFile) throws(CheckpointError)
    -> [StoredChecksum]
  {
    guard try form(of: file) == .zip else { return [] }
    return try ZipArchive(file).entries.map(StoredChecksum.init)
  }

  /// Reads all of a zip archive and compares its checksums.
  public static func checksumFindings(
    _ file: InputFile, of records: [TensorRecord] = []
  ) throws(CheckpointError) -> [Finding] {
    do throws(CheckpointError) {
      var wrong: [(checksum: StoredChecksum, found: UInt32)] = []
      for checksum in try storedChecksums(file) {
        let found = try checksum.computed()
        if found != checksum.value { wrong.append((checksum, found)) }
      }
      return StoredChecksum.finding(wrong, of: records).map { [$0] } ?? []
    } catch {
      throw error.with(path: file.path)
    }
  }
}
