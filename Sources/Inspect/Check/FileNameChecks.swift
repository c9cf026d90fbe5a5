import Formats

/// Files of tensors under names by which programs look for something else.
enum FileNameChecks {
  static func findings(_ checkpoint: Checkpoint, _ adapter: Adapter?) -> [Finding] {
    [wrongEnding(checkpoint), adapter.flatMap { unknownName(checkpoint, $0) }].compactMap(\.self)
  }

  /// Tenon goes by what a file holds, other programs by the end of its name.
  private static func wrongEnding(_ checkpoint: Checkpoint) -> Finding? {
    guard checkpoint.format != .safetensors,
      let name = checkpoint.shards.first?.name, name.hasSuffix(".safetensors")
    else { return nil }
    return Finding(
      .warning, .archiveMismatch,
      "\(name.quoted) is no safetensors file: its format is \(checkpoint.format.rawValue), and "
        + "programs that go by the name cannot read it",
      fix: "tenon convert \(shellQuoted(checkpoint.path)) -o OUT")
  }

  private static let peft = ["adapter_model.safetensors", "adapter_model.bin"]

  /// PEFT looks for two names alone.
  static func unknownName(_ checkpoint: Checkpoint, _ adapter: Adapter) -> Finding? {
    guard adapter.kind == .peftAdapter,
      checkpoint.sideFile(AdapterSurvey.configurationName) != nil,
      checkpoint.shards.count == 1, let shard = checkpoint.shards.first,
      // A file that was given by its own name is looked for by nobody.
      shard.file.path != checkpoint.path, !peft.contains(shard.name),
      let ending = endings[checkpoint.format]
    else { return nil }
    let name = "adapter_model\(ending)"
    let directory = shard.file.path.dropLast(shard.name.count)
    return Finding(
      .warning, .missingSideFile,
      "the tensors lie in \(shard.name.quoted), but PEFT looks for \(peft[0]) and \(peft[1]) alone "
        + "and finds no weights: the file has to be called \(name)",
      fix: "mv \(shellQuoted(shard.file.path)) \(shellQuoted(directory + name))")
  }

  private static let endings: [FileFormat: String] = [
    .safetensors: ".safetensors", .pytorchZip: ".bin", .pytorchLegacy: ".bin",
  ]
}
