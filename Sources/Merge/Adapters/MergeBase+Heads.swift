import Formats
import Inspect

extension MergeBase {
  /// Brings the configuration in line with heads that the base has not got, or has for
  /// another number of labels.
  mutating func settleHeads(of adapters: [Adapter]) throws(CheckpointError) {
    let trained = adapters.filter { $0.kind == .peftAdapter }.map(\.trainedClass)
    let configuration = try ModelConfiguration(beside: checkpoint)
    settleLabels(trained, configuration)
    settleArchitecture(trained, configuration)
  }

  /// What the base has nothing of and what is no output for tokens, in natural order.
  private var newNames: [String] {
    NaturalOrder.sorted(
      originals.filter { $0.value.bytes == nil }.map(\.key.text)
        .filter { !EmbeddingNames.isOutput($0) })
  }

  private mutating func settleArchitecture(
    _ trained: [TrainedClass], _ configuration: ModelConfiguration?
  ) {
    let names = newNames
    guard !trained.isEmpty, !names.isEmpty else { return }
    let classes = Set(trained.compactMap { $0.architecture(of: configuration) })
    let summary = FoldedKeys.summary(of: names, "tensor")
    let new =
      "\(summary) \(names.count == 1 ? "is" : "are") new, as the base has no such tensor: "
    guard let configuration, classes.count == 1, let name = classes.first,
      name != configuration.architecture,
      trained.contains(where: \.isNamed) || holdsLabelLayer(names, configuration)
    else {
      note(
        Finding(
          .warning, .configMismatch, tensors: names,
          new + "the result loads as the class of model that was trained, which architectures of "
            + "config.json may not name"))
      return
    }
    edit(
      ConfigurationEdit(
        "architectures", .array([.string(name)]), isAdded: true, isOnTop: true),
      Finding(
        .note, .configMismatch, tensors: names,
        new + "architectures of config.json becomes \(name.printable), the class that was trained"))
  }

  /// Whether the new tensors are of a head as classes for a task have it; a head of one's own
  /// may have the same name, but has more layers, other sizes or a bias.
  private func holdsLabelLayer(_ names: [String], _ configuration: ModelConfiguration) -> Bool {
    guard !names.contains("score.bias"),
      let weight = checkpoint.records.first(where: {
        names.contains($0.name) && $0.name.hasSuffix(".weight") && LabelLayer.isOfLabels($0.name)
      })
    else { return false }
    return configuration.hiddenSize.map { $0 == weight.shape.last } ?? true
  }

  /// Sets the number of labels, which transformers takes from their names.
  private mutating func settleLabels(
    _ trained: [TrainedClass], _ configuration: ModelConfiguration?
  ) {
    guard let configuration, trained.allSatisfy(\.hasLabels) else { return }
    let heads = checkpoint.records.filter {
      originals[ExactName($0.name)] != nil && LabelLayer.isOfLabels($0.name)
    }
    guard let count = heads.first?.shape.first, (1...Self.maximumLabelCount).contains(count),
      heads.allSatisfy({ $0.shape.first == count }), count != configuration.labelCount
    else { return }
    let labels = (0..<count).map { "LABEL_\($0)" }
    let numbers = (0..<count).map(String.init)
    edit(
      ConfigurationEdit(
        "id2label", .object(zip(numbers, labels).map { JSONMember($0, .string($1)) }),
        isAdded: true, isOnTop: true))
    edit(
      ConfigurationEdit(
        "label2id", .object(zip(labels, numbers).map { JSONMember($0, .number($1)) }),
        isAdded: true, isOnTop: true))
    edit(
      ConfigurationEdit("num_labels", .number("\(count)"), isOnTop: true),
      Finding(
        .note, .configMismatch, tensors: heads.map(\.name),
        "the adapter brings a head of \(count) \(count == 1 ? "label" : "labels"), where the base has "
          + "\(configuration.labelCount): id2label and label2id of config.json become LABEL_0"
          + (count == 1 ? "" : " to LABEL_\(count - 1)") + ", as no file says their names"))
  }

  /// More than any model has; each gets a name.
  private static let maximumLabelCount = 1 << 20
}
