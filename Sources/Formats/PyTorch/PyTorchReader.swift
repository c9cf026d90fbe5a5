/// Reads what `torch.save` wrote, without running any of it.
public enum PyTorchReader {
  /// The forms of PyTorch file, each recognised by its first bytes.
  public enum Form: Sendable, Hashable {
    /// A zip archive: torch 1.6 and later, and TorchScript.
    case zip
    /// Several pickles and raw data in a row: torch before 1.6.
    case legacy
    /// A tar archive of four members: torch 0.1.
    case tar
    /// A pickle alone, which is not a PyTorch file.
    case pickle
  }

  /// The bytes of a file that `form(ofHead:)` wants to see.
  public static let headSize = 512

  /// What a file that begins with these bytes is, or nil where it is no form of
  /// PyTorch file.
  public static func form(ofHead head: [UInt8]) -> Form? {
    if head.starts(with: [0x50, 0x4B, 3, 4]) || head.starts(with: [0x50, 0x4B, 5, 6]) {
      return .zip
    }
    if head.starts(with: legacyMagic) { return .legacy }
    if head.count >= 262, head[257..<262].elementsEqual("ustar".utf8) { return .tar }
    if head.count >= 2, head[0] == 0x80, head[1] <= PickleMachine.maximumProtocol {
      return .pickle
    }
    return nil
  }

  /// The pickle of torch's magic number, the same in every legacy file.
  static let legacyMagic: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  /// What `file` is by its content, or nil where it is no form of PyTorch file.
  public static func form(of file: InputFile) throws(CheckpointError) -> Form? {
    form(ofHead: try file.read(min(headSize, file.size), at: 0))
  }

  /// Reads the tensors of a file: where they are, not their data.
  ///
  /// `root` are the keys that lead to the container with the tensors; without it
  /// the container is chosen by content.
  public static func read(_ file: InputFile, root: [String]? = nil) throws(CheckpointError)
    -> TensorFile
  {
    do throws(CheckpointError) {
      switch try form(of: file) {
      case .zip: return try readZip(file, root: root)
      case .legacy: return try readLegacy(file, root: root)
      case .tar: return try readTar(file, root: root)
      // Other protocols write the magic number in other ways.
      case .pickle where TorchLegacy.begins(file): return try readLegacy(file, root: root)
      case .pickle, nil:
        throw barePickle(file) ?? CheckpointError("is not a PyTorch file")
      }
    } catch {
      throw GlobalSurvey.completed(error, of: file).with(path: file.path)
    }
  }

  private static func readZip(_ file: InputFile, root: [String]?) throws(CheckpointError)
    -> TensorFile
  {
    let archive = try TorchArchive(ZipArchive(file))
    let storages = try archive.storages()
    let pickle = try archive.run()
    var result = try read(
      pickle, storages, format: archive.isTorchScript ? .torchscript : .pytorchZip, root: root,
      globals: pickle.globals + archive.hiddenGlobals(pickle))
    result.findings += archive.findings(pickle)
    if archive.isTorchScript { archive.addConstants(to: &result) }
    if let metadata = try TorchMetadata.read(archive) {
      result.metadata = metadata
      result.statesMetadata = true
    }
    return result
  }

  private static func readLegacy(_ file: InputFile, root: [String]?) throws(CheckpointError)
    -> TensorFile
  {
    let legacy = try TorchLegacy(file)
    var result = try read(
      legacy.pickle, legacy.storages, format: .pytorchLegacy, root: root,
      globals: legacy.globals)
    let rest = file.size - legacy.end
    if rest > 0 {
      result.findings.append(
        Finding(
          .warning, .trailingData, "\(TorchFindings.bytes(rest)) the data of the last storage"))
    }
    return result
  }

  private static func readTar(_ file: InputFile, root: [String]?) throws(CheckpointError)
    -> TensorFile
  {
    let tar = try TorchTar(file)
    return try read(
      tar.pickle, tar.storages, format: .pytorchTar, root: root, globals: tar.globals)
  }

  /// The error for a file that is a pickle but nothing that torch reads, with the
  /// globals that it names, or nil for any other file. Pickles of the first
  /// protocols begin like any text, so this is also for files of no known form.
  static func barePickle(_ file: InputFile) -> CheckpointError? {
    var globals: [TorchGlobal] = []
    var position = 0
    var pickles = 0
    // A payload may hide in a second pickle.
    while position < file.size, pickles < 4 {
      let found = PickleMachine.survey(PickleSource(file, at: position))
      globals += found.globals
      guard let end = found.end else { break }
      pickles += 1
      position = end
    }
    let uses = TorchFindings.globals(globals)
    // Any text can look like a pickle for some bytes; only a real one is named so.
    guard pickles > 0 || uses.contains(where: { $0.hazard == .dangerous }) else {
      return nil
    }
    let words = pickles > 0 ? "is a bare pickle" : "is a damaged pickle"
    let names = uses.map { use in
      use.hazard == .harmless ? use.name : "\(use.name) (\(use.hazard))"
    }
    return CheckpointError(
      path: file.path,
      "\(words), not a PyTorch file"
        + (names.isEmpty ? "" : "; it names the globals \(TorchFindings.shortList(names))"))
  }

  /// Puts together what a pickle and its storages say.
  static func read(
    _ pickle: Pickle, _ storages: TorchStorages, format: FileFormat, root keys: [String]?,
    globals: [TorchGlobal]? = nil
  ) throws(CheckpointError) -> TensorFile {
    let tree = TorchTree(TorchTensors(pickle: pickle, storages: storages))
    let root =
      if let keys { try TorchRoot(following: keys, in: tree) } else { TorchRoot(choosingIn: tree) }
    let walk = try TorchWalk(tree, root: root)
    let contents = walk.contents
    let globals = TorchFindings.globals(globals ?? pickle.globals)
    var findings = TorchFindings.unsafeGlobals(globals) + contents.findings
    findings += walk.tensors.findings
    if format != .torchscript, let refused = TorchFindings.refusedGlobals(globals) {
      findings.append(refused)
    }
    if let texts = TorchFindings.surrogates(pickle.surrogateTexts) { findings.append(texts) }
    if let shared = TorchFindings.sharedStorages(contents) { findings.append(shared) }
    var others = contents.others
    if contents.omittedOthers > 0 {
      others.append(
        OtherEntry(path: "…", description: "and \(contents.omittedOthers) more entries"))
    }
    return TensorFile(
      format: format, records: contents.records, findings: findings, others: others,
      rootPath: root.path, globals: globals)
  }
}

extension TorchTensors {
  /// What was odd about the storages.
  fileprivate var findings: [Finding] {
    var findings: [Finding] = []
    if !retyped.isEmpty {
      findings.append(
        Finding(
          .error, .archiveMismatch,
          "the pickle gives \(retyped.count == 1 ? "a storage" : "\(retyped.count) storages") two "
            + "element types (\(TorchFindings.shortList(retyped.sorted()))); torch would read all by the first"
        ))
    }
    if !ambiguous.isEmpty {
      findings.append(
        Finding(
          .warning, .archiveMismatch, tensors: ambiguous,
          "the file is big-endian, but these tensors are of untyped storages, whose byte order "
            + "torch leaves as it is: \(TorchFindings.shortList(ambiguous))"))
    }
    return findings
  }
}
