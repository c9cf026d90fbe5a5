public import Formats

/// The names that transformers gave the parts of a vision-language model before
/// version 4.52 and gives them since.
///
/// One row for each part, one column for each way to begin its names. A file keeps to
/// one column for a part, but not every file to the same: an old adapter meets a new
/// base, and a new adapter the base's old file.
struct VisionLanguageLayout {
  private struct Part: Sendable {
    let beginnings: [String]
    /// The one in the models that transformers builds today.
    let live: String
    /// Others that PEFT turns into that one by itself.
    var converted: Set<String> = []
    var isVision = false

    init(_ beginnings: [String], live: String? = nil, isVision: Bool = false) {
      self.beginnings = beginnings
      self.live = live ?? beginnings[0]
      self.isVision = isVision
    }

    func converting(_ names: Set<String>) -> Part {
      var part = self
      part.converted = names
      return part
    }
  }

  private static let parts: [Part] =
    ["layers", "embed_tokens", "norm"].map { list in
      Part([
        "model.language_model.\(list)", "language_model.model.\(list)",
        "model.text_model.\(list)", "text_model.model.\(list)", "model.\(list)",
      ]).converting(["language_model.model.\(list)"])
    }
    + [
      Part(["lm_head", "language_model.lm_head", "text_model.lm_head"]),
      Part(["model.visual", "visual"], isVision: true),
    ]
    // CLIP and SigLIP lost a level in version 5.
    + ["vision_tower", "image_tower", "video_tower"].map { tower in
      let deep = ["model.\(tower).vision_model", "\(tower).vision_model"]
      return Part(deep + ["model.\(tower)", tower], live: "model.\(tower)", isVision: true)
        .converting(Set(deep))
    }
    + ["vision_model", "multi_modal_projector", "image_newline", "vqmodel"].map {
      Part(["model.\($0)", $0], isVision: true)
    }

  /// By part, the one beginning that a file has for it; nil where it has none or several.
  private let beginnings: [String?]

  /// The layout of a file with these names; nil where no part of them sees.
  init?(_ names: some Sequence<String>) {
    var found = [Set<String>](repeating: [], count: Self.parts.count)
    for name in names {
      guard let (part, beginning) = Self.place(of: name) else { continue }
      found[part].insert(beginning)
    }
    guard zip(Self.parts, found).contains(where: { $0.isVision && !$1.isEmpty }) else {
      return nil
    }
    beginnings = found.map { $0.count == 1 ? $0.first : nil }
  }

  /// The name as this file would have it; nil where that is the same or not known.
  func name(for other: String) -> String? {
    guard let (part, beginning) = Self.place(of: other), let own = beginnings[part],
      own != beginning
    else { return nil }
    return own + other.dropFirst(beginning.count)
  }

  /// How a name begins that PEFT does not find in the model that transformers builds today,
  /// and how it begins there; nil where PEFT finds it, or the name is of no part.
  func hidden(_ name: String) -> (beginning: String, live: String)? {
    guard let (index, beginning) = Self.place(of: name) else { return nil }
    let part = Self.parts[index]
    // Models whose vision part was called `visual` never had another language model.
    let isConverted = part.converted.contains(beginning) && (part.isVision || !hasVisual)
    return beginning == part.live || isConverted ? nil : (beginning, part.live)
  }

  private var hasVisual: Bool {
    zip(Self.parts, beginnings).contains { $0.beginnings.contains("visual") && $1 != nil }
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

extension Adapter {
  /// The adapter with the names of the base where the two are of different layouts of
  /// transformers, and a finding that says so; the adapter as it is where they are not.
  ///
  /// What the base has under the adapter's own name stays, and no two become one. The base
  /// has the output of `tied`, though its file may not hold it.
  public func relaid(onto base: Checkpoint, tied: TiedWeights?) -> (
    adapter: Adapter, finding: Finding?
  ) {
    let own = base.records.map(\.name) + (tied.map { [$0.output] } ?? [])
    guard kind == .peftAdapter, let layout = VisionLanguageLayout(own) else { return (self, nil) }
    let names = Set(own.map { ExactName($0) })
    func isThere(_ path: String) -> Bool {
      ["weight", "in_proj_weight"].contains { names.contains(ExactName("\(path).\($0)")) }
    }
    var renamed: [String: String] = [:]
    for module in modules where !isThere(module.target) {
      guard let name = layout.name(for: module.target) else { continue }
      if module.kind == .parameter || isThere(name) { renamed[module.target] = name }
    }
    for replacement in replacements where !names.contains(ExactName(replacement.target)) {
      guard let name = layout.name(for: replacement.target), names.contains(ExactName(name))
      else { continue }
      renamed[replacement.target] = name
    }
    let places = modules.map(\.target) + replacements.map(\.target)
    let taken = Set(places.filter { renamed[$0] == nil })
    guard !renamed.isEmpty, taken.isDisjoint(with: renamed.values),
      Set(renamed.values).count == renamed.count
    else { return (self, nil) }
    return (
      named { renamed[$0] ?? $0 },
      Finding(
        .note, .prefixDrift,
        "the adapter has \(FoldedKeys.summary(of: renamed.keys.sorted(), "name")) in one layout "
          + "of transformers and the base in the other (version 4.52 changed it): they are taken "
          + "for \(Wording.folded(renamed.values.sorted()))")
    )
  }
}
