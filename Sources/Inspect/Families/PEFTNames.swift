import Formats

/// The names that PEFT gives a model that it wraps, as rules that undo them.
enum PEFTNames {
  static let front = [
    RenameRule(checked: #"^\#(KeyWrappers.beforePEFT)*(?:base_model\.model\.)+"#, "")
  ]
  /// Parts of a model that were wrapped by themselves.
  static let inner = [RenameRule(checked: #"(\.|^)(?:base_model\.model\.)+"#, #"\1"#)]
  static let inside = [
    RenameRule(checked: #"\.base_layer(?=\.)"#, ""),
    RenameRule(checked: #"\.modules_to_save\.[^.]+(?=\.)"#, ""),
    RenameRule(checked: #"\.original_module(?=\.)"#, ""),
    // The adapter's name behind the leaf; on disk PEFT leaves it out.
    RenameRule(
      checked: #"\.(lora_A|lora_B|lora_embedding_A|lora_embedding_B)"#
        + #"\.(?!(?:weight|bias)$)[^.]+(?=$|\.(?:weight|bias)$)"#, #".\1"#),
    RenameRule(
      checked: #"\.lora_magnitude_vector(?:\.[^.]+)?\.weight$"#, ".lora_magnitude_vector"),
  ]

  /// A tensor of a module that was trained as a whole.
  struct Saved: Hashable {
    let before: [Substring]
    let behind: [Substring]

    /// Nil unless `segment` and then `count` more stand in the name, with others around.
    init?(_ name: String, _ segment: Substring, _ count: Int = 0) {
      let segments = name.dottedSegments
      guard let start = segments.firstIndex(of: segment), start > 0,
        start + 1 + count < segments.count
      else { return nil }
      before = Array(segments[..<start])
      behind = Array(segments[(start + 1 + count)...])
    }
  }
}

extension RenamingDraft {
  /// Leaves out the untrained copies of what was trained as a whole; returns their number.
  mutating func dropFrozenCopies() -> Int {
    let trained = Set(names.compactMap { PEFTNames.Saved($0, "modules_to_save", 1) })
    if trained.isEmpty { return 0 }
    func isCopy(_ tensor: Tensor) -> Bool {
      PEFTNames.Saved(tensor.record.name, "original_module").map(trained.contains) ?? false
    }
    let copies = tensors.filter(isCopy).map(\.record.name)
    dropped += copies.map { ($0, "the trained module stands in modules_to_save") }
    tensors.removeAll(where: isCopy)
    return copies.count
  }
}
