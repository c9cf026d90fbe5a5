/// A file that an index names and that could not be read, with what is known of it.
public struct AbsentShard: Sendable {
  /// The file name as the index has it.
  public let name: String
  /// The tensors that the index says to be in it.
  public let tensors: [String]
  /// Why it could not be read.
  public let reason: CheckpointError

  /// The same file as one of a model in a directory of a pipeline.
  func within(_ directory: String) -> AbsentShard {
    AbsentShard(
      name: "\(directory)/\(name)", tensors: tensors.map { "\(directory).\($0)" }, reason: reason)
  }

  /// The same as something worth telling.
  var finding: Finding {
    let count = tensors.count == 1 ? "1 tensor is" : "\(tensors.count) tensors are"
    let advice = reason.fix.flatMap { isCommand($0) ? nil : $0 }
    return Finding(
      .error, .indexMismatch, tensors: tensors,
      "\(name.printable): \(reason.message), and \(count) to be in it"
        + (advice.map { "; \($0)" } ?? ""),
      fix: advice == nil ? reason.fix : nil)
  }
}
