import Formats

/// Programs that did not find the file that they looked for: what lies there instead says
/// why.
extension KnownFailure {
  static let files = [
    KnownFailure(
      ["Can't find 'adapter_config.json'"], .missingSideFile,
      "PEFT found no adapter_config.json there", proof: asAdapter),
    KnownFailure(
      ["Can't find weights for"], .missingSideFile,
      "PEFT found neither adapter_model.safetensors nor adapter_model.bin there", proof: asAdapter),
    KnownFailure(
      ["adapter model file not found in"], .missingSideFile,
      "transformers found no adapter_config.json there", proof: asAdapter),
    KnownFailure(
      ["Error no file named", "found in directory"], .missingSideFile,
      "transformers found no file of a model there", proof: asModel),
    KnownFailure(
      ["does not appear to have a file named"], .missingSideFile,
      "transformers did not find what makes a model there", proof: asModel),
    KnownFailure(
      ["Should have a `model_type` key"], .missingSideFile,
      "transformers found no config.json there that says what model it is", proof: asModel),
    KnownFailure(
      ["FileNotFoundError", "No such file or directory", "-of-0"], .missingSideFile,
      "a shard was not there when the model was loaded", proof: shards),
    KnownFailure(
      ["Repo id must be in the form"], .missingSideFile,
      "the path was taken for the name of a repository, as no directory has it, or as the file that "
        + "was looked for is not in it; a file inside of the directory is no path for PEFT or "
        + "transformers either", proof: otherName),
    KnownFailure(
      ["Cannot find the requested files in the disk cache"], .missingSideFile,
      "a file was looked for on the Hub, as no directory has the path that was given, or as the file "
        + "is not in it", proof: otherName),
  ]

  /// The shards that are there now.
  @Sendable
  private static func shards(_ inspection: Inspection) -> Proof? {
    let checkpoint = inspection.checkpoint
    guard checkpoint.absentShards.isEmpty else {
      let absent = checkpoint.absentShards.map(\.name)
      return Proof(
        text:
          "\(checkpoint.path.printable) lacks \(Wording.list(absent)) of those that its index names"
      )
    }
    return Proof(
      text: "\(checkpoint.path.printable) has all that it names, so that the log is about another "
        + "directory, or about an older state of this one")
  }

  /// A file that is there under a name by which nobody looks for it.
  @Sendable
  private static func otherName(_ inspection: Inspection) -> Proof? {
    let checkpoint = inspection.checkpoint
    guard let adapter = inspection.adapter, let name = checkpoint.shards.first?.name,
      FileNameChecks.unknownName(checkpoint, adapter) != nil
    else { return nil }
    return Proof(text: "\(checkpoint.path.printable) is there, with its tensors in \(name.quoted)")
  }

  /// What was given where PEFT looked for an adapter.
  @Sendable
  private static func asAdapter(_ inspection: Inspection) -> Proof? {
    let checkpoint = inspection.checkpoint
    let path = checkpoint.path
    guard inspection.adapter != nil else {
      return Proof(
        text: "\(path.printable) holds a model and no adapter; a merged model is loaded like any "
          + "other, without PEFT")
    }
    if inspection.kind == .wrappedCheckpoint {
      return Proof(
        text: "\(path.printable) holds base and adapter in one, which have to be merged",
        fix: "tenon merge \(shellQuoted(path)) -o OUT")
    }
    guard inspection.kind == .peftAdapter else { return otherFamily(inspection) }
    guard let file = checkpoint.sideFile(AdapterSurvey.configurationName) else {
      return Proof(
        text:
          "\(path.printable) holds an adapter without it; PEFT writes it beside the tensors, and "
          + "the run that made them has the values")
    }
    if isFile(path, beside: file.path) {
      return Proof(
        text: "it lies beside \(path.printable): give PEFT the directory and not the file in it")
    }
    guard let directory = subdirectory(of: path, holding: file.path) else {
      return Proof(
        text: "one lies at \(file.path.printable), so that the log is about another directory, or "
          + "PEFT was given a path relative to another one")
    }
    return Proof(
      text:
        "it lies in \(directory.quoted) of \(path.printable), one directory down: give PEFT the "
        + "path with it, or subfolder=\(directory.quoted)")
  }

  /// An adapter that other programs read.
  private static func otherFamily(_ inspection: Inspection) -> Proof {
    let path = inspection.checkpoint.path
    return Proof(
      text: "\(path.printable) holds an adapter of another family (\(inspection.kind.rawValue)), "
        + "which PEFT does not read: merge it, or rename its keys to those of PEFT",
      fix: FixCommands.merge(base: nil, adapter: path))
  }

  /// What was given where transformers looked for a model.
  @Sendable
  private static func asModel(_ inspection: Inspection) -> Proof? {
    guard let adapter = inspection.adapter, inspection.kind != .wrappedCheckpoint else {
      return nil
    }
    let path = inspection.checkpoint.path
    return Proof(
      text: "\(path.printable) holds an adapter alone, without its base"
        + (adapter.base.map { " (\($0.quoted))" } ?? "")
        + ": load it with PEFT onto that, or merge",
      fix: FixCommands.merge(base: nil, adapter: path))
  }

  /// Whether the path is that of another file of the same directory.
  private static func isFile(_ path: String, beside file: String) -> Bool {
    func directory(_ path: String) -> Substring {
      path.lastIndex(of: "/").map { path[..<$0] } ?? ""
    }
    return directory(path) == directory(file)
  }

  /// The directory of a file, where that is the one below `path`.
  private static func subdirectory(of path: String, holding file: String) -> String? {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard file.hasPrefix("\(path)/") else { return nil }
    let parts = file.dropFirst(path.count + 1).split(separator: "/")
    return parts.count == 2 ? String(parts[0]) : nil
  }
}
