import Formats

/// Heads that the base has not got, or has for another number of labels.
extension AdapterBaseChecks {
  /// Modules that the base has not got and the trained model had.
  var addedModules: [AdapterReplacement] {
    guard adapter.kind == .peftAdapter else { return [] }
    return adapter.replacements.filter {
      $0.kind != .tokenRows && positions[$0.target] == nil && adapter.mayAdd($0)
        && !EmbeddingNames.isOutput($0.target) && tiedWeights?.knows($0.target) != true
    }
  }

  /// Whether it brings modules that no class tells of that the adapter names.
  var addsForeignModules: Bool { !adapter.trainedClass.hasOwnHead && !addedModules.isEmpty }

  func added() -> [Finding] {
    let modules = addedModules
    guard !modules.isEmpty else { return [] }
    let trained = adapter.trainedClass
    let names = modules.map(\.target)
    let they = Wording.verb(names.count, "it", "them")
    let new =
      "\(FoldedKeys.summary(of: names, "tensor")) \(Wording.verb(names.count, "is", "are")) new, as "
      + "the base \(base.path.printable) has no such tensor: "
    let known = trained.words.map { " (\($0))" } ?? ""
    guard trained.hasOwnHead else {
      return [
        Finding(
          .warning, .configMismatch, tensors: modules.map(\.record.name),
          new
            + "PEFT loads \(they) only into the class of model that was trained\(known), and drops "
            + "\(they) without a word in any other")
      ]
    }
    let labels = labelCount(of: modules).map { ", with num_labels \($0)" } ?? ""
    return [
      Finding(
        .note, .configMismatch, tensors: modules.map(\.record.name),
        new + "PEFT loads \(they) into the class of model that was trained\(known)\(labels), and a "
          + "merge writes \(they)")
    ]
  }

  /// The number of labels of new heads, where it is not the base's.
  private func labelCount(of modules: [AdapterReplacement]) -> Int? {
    guard adapter.trainedClass.hasLabels, let configuration,
      let head = modules.first(where: { LabelLayer.isOfLabels($0.target) }),
      let count = head.record.shape.first, count != configuration.labelCount
    else { return nil }
    return count
  }

  /// Heads of another number of labels than the base's.
  func labels() -> [Finding] {
    let heads = adapter.replacements.filter { replacement in
      guard let position = positions[replacement.target] else { return false }
      return LabelLayer.isOther(
        replacement.record.shape, base.records[position].shape, name: replacement.target)
    }
    guard let first = heads.first, let position = positions[first.target],
      let count = first.record.shape.first, let old = base.records[position].shape.first
    else { return [] }
    let names = heads.map(\.record.name)
    return [
      Finding(
        .warning, .configMismatch, tensors: names,
        "\(FoldedKeys.summary(of: names, "tensor")): \(count) rows where the base has \(old): the "
          + "number of labels was changed in training; PEFT loads "
          + "\(Wording.verb(names.count, "it", "them")) into a base that is loaded with num_labels "
          + "\(count) and ignore_mismatched_sizes, and a merge takes the whole head and the number of "
          + "labels from the adapter",
        fix: FixCommands.merge(base: original.path, adapter: adapter.path))
    ]
  }
}
