/// The globals that the pickles of a file name, as far as each can be followed.
///
/// For files that cannot be read: a payload does its work before the fault behind
/// it is met, so whoever is told of the fault has to be told of the payload too.
enum GlobalSurvey {
  /// The pickles that are looked at; a legacy file has five.
  static let maximumPickles = 16

  /// The error with lines for the globals of `file` that are not harmless.
  static func completed(_ error: CheckpointError, of file: InputFile) -> CheckpointError {
    var error = error
    let findings = TorchFindings.unsafeGlobals(TorchFindings.globals(globals(of: file)))
    error.details += findings.map { finding in
      "\(finding.severity.rawValue): \(finding.message) [\(finding.code.rawValue)]"
    }
    return error
  }

  private static func globals(of file: InputFile) -> [TorchGlobal] {
    switch try? PyTorchReader.form(of: file) {
    case .zip: ofArchive(file)
    case .tar: ofMembers(file)
    case .legacy: inARow(file)
    // It begins with torch's magic number in another protocol, or the error names
    // the globals itself.
    case .pickle: TorchLegacy.begins(file) ? inARow(file) : []
    case nil: []
    }
  }

  private static func ofArchive(_ file: InputFile) -> [TorchGlobal] {
    guard let archive = try? ZipArchive(file) else { return behindLocalHeaders(file) }
    let pickles = archive.entries.filter { $0.name.asciiLowercased.hasSuffix(".pkl") }
    let isMain = { (entry: ZipArchive.Entry) in
      entry.name.asciiLowercased.hasSuffix("/data.pkl")
    }
    let sorted = pickles.filter(isMain) + pickles.filter { !isMain($0) }
    return sorted.prefix(maximumPickles).flatMap { entry in
      let limit =
        entry.method == .stored ? PickleSource.maximumSize : PickleSource.maximumInflatedSize
      guard let bytes = try? entry.contents(limit: limit) else { return [TorchGlobal]() }
      return PickleMachine.survey(PickleSource(bytes, base: 0)).globals
    }
  }

  private static func ofMembers(_ file: InputFile) -> [TorchGlobal] {
    guard let members = try? TarMembers(file) else { return [] }
    return members.all().flatMap { inARow(file, $0) }
  }

  /// The globals of pickles that follow each other, up to the first fault.
  static func inARow(_ file: InputFile, _ range: Range<Int>? = nil) -> [TorchGlobal] {
    var globals: [TorchGlobal] = []
    var position = range?.lowerBound ?? 0
    let end = range?.upperBound ?? file.size
    for _ in 0..<maximumPickles where position < end {
      let found = PickleMachine.survey(PickleSource(file, at: position))
      globals += found.globals
      guard let next = found.end else { break }
      position = next
    }
    return globals
  }
}
