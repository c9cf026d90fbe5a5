import Formats

/// The file that LLaVA writes beside an adapter: what was trained without LoRA, such as
/// the projector between the vision tower and the language model.
enum LlavaTrainables {
  static let fileName = "non_lora_trainables.bin"

  /// Its tensors as replacements, named as LLaVA's builder names them.
  static func replacements(beside checkpoint: Checkpoint) throws(CheckpointError)
    -> [AdapterReplacement]
  {
    guard let file = checkpoint.sideFile(fileName) else { return [] }
    let records = try Checkpoint.open(file.path).records
    let names = stripped(records.map(\.name))
    return zip(records, names).map { record, name in
      AdapterReplacement(target: name, kind: .module, record: record)
    }
  }

  /// The rule of LLaVA's `builder.py`: `base_model.` goes from the front; then, if any
  /// key begins with `model.model.`, one `model.` goes from the front of all.
  static func stripped(_ names: [String]) -> [String] {
    let wrapper = "base_model."
    let bare = names.map { $0.hasPrefix(wrapper) ? String($0.dropFirst(wrapper.count)) : $0 }
    guard bare.contains(where: { $0.hasPrefix("model.model.") }) else { return bare }
    return bare.map { $0.hasPrefix("model.") ? String($0.dropFirst("model.".count)) : $0 }
  }
}
