/// The last layer of a head, which has a row for each label that the configuration of the
/// model counts.
public enum LabelLayer {
  private static let names: Set<Substring> = [
    "classifier", "score", "qa_outputs", "logits_proj", "cls_classifier", "distillation_classifier",
  ]
  /// Heads of several layers.
  private static let heads: Set<Substring> = ["classifier", "classification_head"]

  /// Whether the first axis of a tensor is of labels.
  public static func isOfLabels(_ name: String) -> Bool {
    let path = Array(name.dottedSegments.suffix(3))
    guard let leaf = path.last, leaf == "weight" || leaf == "bias" else { return false }
    guard path.count > 1, path[path.count - 2] == "out_proj" else {
      return path.count > 1 && names.contains(path[path.count - 2])
    }
    return path.count > 2 && heads.contains(path[0])
  }

  /// Whether the shapes of a tensor differ in the number of labels alone.
  public static func isOther(_ shape: [Int], _ original: [Int], name: String) -> Bool {
    isOfLabels(name) && shape.count == original.count && shape.first != original.first
      && shape.dropFirst() == original.dropFirst()
  }
}
