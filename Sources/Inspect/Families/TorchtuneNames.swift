import Formats

/// What torchtune calls the tensors of an adapter in the file from which it goes on training.
///
/// It is no family: torchtune writes PEFT's names too, into a file beside that one, and the
/// rows of its queries and keys are in Meta's order for most models.
enum TorchtuneNames {
  private static let endings = [".lora_a.weight", ".lora_b.weight", ".magnitude"]

  /// Whether all are such names.
  static func areAll(_ names: some Collection<String>) -> Bool {
    names.contains { $0.hasSuffix(endings[0]) }
      && names.allSatisfy { name in endings.contains { name.hasSuffix($0) } }
  }

  /// What a file of such names is.
  static func finding(_ checkpoint: Checkpoint) -> Finding? {
    let names = checkpoint.records.map(\.name)
    guard areAll(names) else { return nil }
    return Finding(
      .note, .unmatchedKey, tensors: names,
      "the tensors are an adapter's, named as by torchtune (\(Wording.folded(names, limit: 1))): "
        + advice)
  }

  static let advice =
    "PEFT knows none of them; torchtune writes what PEFT loads into adapter_model.safetensors or "
    + "adapter_model.bin beside it, and renaming is not enough, as for most models the rows of "
    + "q_proj and k_proj are in another order here"
}
