import Formats

/// Names under which a checkpoint holds a tensor of a base once more: the state dict of a
/// model in memory has a parameter under each of its names, the file of the base under one.
struct SecondNames {
  /// Each with the name that the base has for the tensor.
  private(set) var names: [(name: String, source: String)] = []

  /// The tensors that `held`, the names of the base, has not got and that are the same as one
  /// that it has: by their place in the file, or by what they hold where the base ties its
  /// embedding `input` to others.
  init(of checkpoint: Checkpoint, besides held: Set<ExactName>, input: String?) {
    let isKnown = { (record: TensorRecord) in held.contains(ExactName(record.name)) }
    let others = checkpoint.records.filter { !isKnown($0) && $0.bytes != nil }
    guard !others.isEmpty else { return }
    var sources: [Place: String] = [:]
    for record in checkpoint.records where isKnown(record) {
      if let place = Place(record) { sources[place] = record.name }
    }
    let embedding = checkpoint.records.first { $0.name == input && $0.bytes != nil }
    for record in others {
      if let source = Place(record).flatMap({ sources[$0] }) {
        names.append((record.name, source))
      } else if let embedding, (try? ValueChecks.isSame(record, embedding)) == true {
        names.append((record.name, embedding.name))
      }
    }
  }

  /// Where the elements of a tensor lie.
  private struct Place: Hashable {
    let path: String
    let offset: Int
    let type: TensorType
    let shape: [Int]
    let view: StridedView?

    /// Nil where it lies in parts, or has no elements.
    init?(_ record: TensorRecord) {
      guard record.elementCount > 0, let bytes = record.bytes, let extent = bytes.extents.only
      else { return nil }
      path = extent.file.path
      offset = extent.offset
      type = record.type
      shape = record.shape
      view = bytes.view
    }
  }
}
