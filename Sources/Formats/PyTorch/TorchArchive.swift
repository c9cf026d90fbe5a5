/// A torch file in a zip archive: `torch.save` since 1.6, and TorchScript.
struct TorchArchive {
  /// The versions that torch reads.
  private static let versions = 1...10
  /// The bytes of a version or byte order record; both are a word.
  private static let maximumWordSize = 64
  /// The pickles beside the one of the archive that are looked at for globals.
  static let maximumHiddenPickles = 4
  /// The bytes of each of them.
  static let maximumHiddenSize = 16 << 20

  let archive: ZipArchive
  /// The name of the directory that all entries are in, with its slash.
  let prefix: String
  let pickle: ZipArchive.Entry

  init(_ archive: ZipArchive) throws(CheckpointError) {
    self.archive = archive
    let path = archive.file.path
    guard let first = archive.entries.first else {
      throw CheckpointError(path: path, "the zip archive is empty; expected a PyTorch checkpoint")
    }
    // torch takes what stands before the first slash of the first entry.
    let directory = first.name.prefix { $0 != "/" }
    prefix = directory + "/"
    let folded = prefix.asciiLowercased
    let outside = archive.entries.first { !$0.name.asciiLowercased.hasPrefix(folded) }
    guard let pickle = archive[prefix + "data.pkl"], outside == nil else {
      throw Self.exportRefusal(archive, prefix)
        ?? CheckpointError(path: path, Self.stranger(archive, prefix, outside))
    }
    self.pickle = pickle
  }

  /// The refusal of what `torch.export` wrote, nil for anything else.
  private static func exportRefusal(_ archive: ZipArchive, _ prefix: String) -> CheckpointError? {
    // The last is that of torch before 2.8.
    let marks = [
      "\(prefix)archive_format", "\(prefix)models/model.json", "serialized_exported_program.json",
    ]
    guard marks.contains(where: { archive[$0] != nil }) else { return nil }
    let path = archive.file.path
    let script =
      "import sys, torch; torch.save(torch.export.load(sys.argv[1]).state_dict, sys.argv[2])"
    return CheckpointError(
      path: path,
      "is a torch.export archive (.pt2), which is not supported; "
        + "expected the state dict, as torch.save writes it",
      fix: "python -c \(shellWord(script)) \(shellQuoted(path)) out.pt")
  }

  /// Why the archive is no torch checkpoint.
  private static func stranger(
    _ archive: ZipArchive, _ prefix: String, _ outside: ZipArchive.Entry?
  ) -> String {
    if archive[prefix + "model.json"] != nil {
      return "is a TorchScript archive of torch 1.0 or 1.1, which is not supported; "
        + "expected one with a data.pkl record"
    }
    if let outside, archive[prefix + "data.pkl"] != nil {
      return "the zip entry \(outside.name.quoted) lies outside of \(prefix.quoted), "
        + "where a PyTorch checkpoint has all its records"
    }
    return "the zip archive has no data.pkl record in a directory; it is not a PyTorch checkpoint"
  }

  func entry(_ name: String) -> ZipArchive.Entry? { archive[prefix + name] }

  var isTorchScript: Bool { entry("constants.pkl") != nil }

  /// The places of the storages, and in which byte order they are.
  func storages() throws(CheckpointError) -> TorchStorages {
    try checkVersion()
    return try storages(in: "data/")
  }

  /// The places of the storages whose records are in a directory of the archive.
  func storages(in directory: String) throws(CheckpointError) -> TorchStorages {
    var storages = TorchStorages()
    storages.isBigEndian = try isBigEndian()
    storages.places.reserveCapacity(archive.entries.count)
    let directory = (prefix + directory).asciiLowercased
    for entry in archive.entries where !entry.isDirectory {
      let name = entry.name.asciiLowercased
      guard name.hasPrefix(directory) else { continue }
      storages.places[String(name.dropFirst(directory.count))] = .init(
        extent: entry.data, codec: entry.codec, byteCount: entry.size)
    }
    return storages
  }

  private func checkVersion() throws(CheckpointError) {
    guard let entry = entry("version") ?? entry(".data/version") else {
      throw CheckpointError(path: archive.file.path, "the archive has no version record")
    }
    var word = try self.word(entry)[...]
    while let last = word.last, last.isWhitespace { word.removeLast() }
    guard let version = Int(word), Self.versions.contains(version) else {
      throw CheckpointError(
        path: archive.file.path, offset: entry.headerOffset,
        "the archive has version \(String(word).quoted); expected a number from 1 to 10")
    }
  }

  private func isBigEndian() throws(CheckpointError) -> Bool {
    guard let entry = entry("byteorder") else { return false }
    switch try word(entry) {
    case "little": return false
    case "big": return true
    case let other:
      throw CheckpointError(
        path: archive.file.path, offset: entry.headerOffset,
        "the byteorder record says \(other.quoted); expected \"little\" or \"big\"")
    }
  }

  private func word(_ entry: ZipArchive.Entry) throws(CheckpointError) -> String {
    String(decoding: try entry.contents(limit: Self.maximumWordSize), as: UTF8.self)
  }

  /// Where the positions in the pickle are counted from: the file, or for a
  /// deflated record the decoded bytes.
  var pickleBase: Int { pickle.method == .stored ? pickle.data.offset : 0 }

  private var pickleLimit: Int {
    pickle.method == .stored ? PickleSource.maximumSize : PickleSource.maximumInflatedSize
  }

  /// Runs the pickle of the archive.
  func run() throws(CheckpointError) -> Pickle {
    do throws(CheckpointError) {
      let bytes = try pickle.contents(limit: pickleLimit)
      do throws(CheckpointError) {
        return try PickleMachine.run(PickleSource(bytes, base: pickleBase))
      } catch {
        var error = error
        error.message = "data.pkl: \(error.message)"
        throw error
      }
    } catch {
      throw error.with(path: archive.file.path)
    }
  }
}
