import Formats

/// The names that transformers gave the parts of a vision-language model before
/// version 4.52 and gives them since.
///
/// One row for each part, one column for each way to begin its names. A file keeps to
/// one column for a part, but not every file to the same: an old adapter meets a new
/// base, and a new adapter the base's old file.
struct VisionLanguageLayout {
  private struct Part: Sendable {
    let beginnings: [String]
    /// Only a model that sees or hears has it.
    var isOfSenses = false
  }

  private static let parts: [Part] =
    ["layers", "embed_tokens", "norm"].map { list in
      Part(
        beginnings: [
          "model.language_model.\(list)", "language_model.model.\(list)",
          "model.text_model.\(list)", "text_model.model.\(list)", "model.\(list)",
        ])
    }
    + [
      Part(beginnings: ["lm_head", "language_model.lm_head", "text_model.lm_head"]),
      Part(beginnings: ["model.visual", "visual"], isOfSenses: true),
      // CLIP and SigLIP lost a level in version 5.
      Part(
        beginnings: [
          "model.vision_tower.vision_model", "vision_tower.vision_model", "model.vision_tower",
          "vision_tower",
        ], isOfSenses: true),
    ]
    + [
      "vision_model", "multi_modal_projector", "image_newline", "image_tower", "video_tower",
      "vqmodel", "audio_tower", "vision_embed_tokens", "acoustic_tokenizer_encoder",
      "semantic_tokenizer_encoder",
    ].map { Part(beginnings: ["model.\($0)", $0], isOfSenses: true) }

  /// By part, the one beginning that a file has for it; nil where it has none or several.
  private let beginnings: [String?]
  /// Whether there is a language model beside what sees or hears.
  let holdsText: Bool

  /// The layout of a file with these names; nil where no part of them sees or hears.
  init?(_ names: some Sequence<String>) {
    var found = [Set<String>](repeating: [], count: Self.parts.count)
    for name in names {
      guard let (part, beginning) = Self.place(of: name) else { continue }
      found[part].insert(beginning)
    }
    guard zip(Self.parts, found).contains(where: { $0.isOfSenses && !$1.isEmpty }) else {
      return nil
    }
    holdsText = zip(Self.parts, found).contains { !$0.isOfSenses && !$1.isEmpty }
    beginnings = found.map { $0.count == 1 ? $0.first : nil }
  }

  /// The name as this file would have it; nil where that is the same or not known.
  func name(for other: String) -> String? {
    guard let (part, beginning) = Self.place(of: other), let own = beginnings[part],
      own != beginning
    else { return nil }
    return own + other.dropFirst(beginning.count)
  }

  /// The part that a name belongs to, and how it begins.
  private static func place(of name: String) -> (part: Int, beginning: String)? {
    for (index, part) in parts.enumerated() {
      for beginning in part.beginnings where name.hasPrefix(beginning) {
        let rest = name.dropFirst(beginning.count)
        if rest.isEmpty || rest.first == "." { return (index, beginning) }
      }
    }
    return nil
  }
}
