import Formats

/// What PEFT makes of the names that the parts of a vision-language model had before
/// transformers 4.52, and of those of a text model.
///
/// The model that transformers builds has its own names whatever the files of the base
/// call them, and PEFT looks for these alone. For some types of models it translates what
/// it reads; for none does it put `model.` before a name that lacks nothing else.
struct OldLayout {
  /// Types of models for which PEFT translates.
  private static let translated: Set = [
    "aria", "aya_vision", "fuyu", "gemma3", "got_ocr2", "internvl", "llava", "llava_next",
    "llava_next_video", "llava_onevision", "mistral3", "mllama", "paligemma", "pp_chart2table",
    "video_llava", "vipllava",
  ]
  /// Types of models for which it does not.
  private static let untranslated: Set = ["qwen2_vl", "qwen2_5_vl"]
  /// Types of models of which it is known what PEFT does.
  static let known = translated.union(untranslated)

  /// Others of which transformers renames the files as well.
  private static let others: Set = [
    "audioflamingo3", "emu3", "glmasr", "granite_speech", "granite_speech_plus", "musicflamingo",
    "qwen2_audio", "vibevoice_asr", "voxtral", "voxtral_realtime",
  ]

  /// Whether transformers renames the tensors of files of such a model when it loads them;
  /// nil where the type is none that is known.
  static func isRenamed(_ type: String?) -> Bool? {
    type.map { known.contains($0) || others.contains($0) }
  }

  private let type: String?
  private let translates: Bool

  /// How PEFT loads an adapter onto a base; nil where transformers does not build its model,
  /// or where it neither sees nor hears.
  init?(_ adapter: Adapter, onto base: Checkpoint) {
    guard adapter.kind == .peftAdapter, VisionLanguageLayout(base.records.lazy.map(\.name)) != nil,
      let configuration = try? ModelConfiguration(beside: base), configuration.codeFiles.isEmpty
    else { return nil }
    let isKnown = configuration.modelType.map(Self.known.contains) ?? false
    // What has a part called so was never otherwise.
    guard
      isKnown || !base.records.contains(where: { $0.name.dottedSegments.contains("text_model") })
    else { return nil }
    type = isKnown ? configuration.modelType : nil
    translates =
      adapter.configuration?.family.lowercased() == "lora"
      && configuration.modelType.map(Self.translated.contains) == true
  }

  /// The name under which PEFT would have found a module that it does not find; nil for one
  /// that it finds.
  func hiddenName(of target: String) -> String? {
    // Of other models only the layers are known.
    guard type != nil || target.hasPrefix("model.layers."),
      let name = try? KeyMap(VisionLanguageNames.new).renaming(of: [target]).results.first,
      name != target
    else { return nil }
    // CLIP and SigLIP lost a level in version 5: with it the beginning is translated as well.
    if translates, target.contains("_tower.vision_model.") { return nil }
    let isTranslated =
      translates && !target.hasPrefix("model.") && !".\(target)".hasSuffix(".\(name)")
      && name != "model.\(target)"
    return isTranslated ? nil : name
  }

  /// The base with the names of the model that transformers builds of it.
  func loaded(_ base: Checkpoint) -> Checkpoint {
    let names = base.records.map(\.name)
    guard type != nil,
      let renamed = try? KeyMap(VisionLanguageNames.new).renaming(of: names).results
    else { return base }
    var base = base
    for (index, name) in renamed.enumerated() { base.records[index].name = name }
    return base
  }
}
