import Formats

/// Names that files of a model can have and what is to load them has not: a row of the
/// table of which advice is made.
struct NameFamily: Sendable {
  /// Whose names they are, and what else is different.
  let words: String
  /// What gives them the other names.
  let preset: String
  /// What some of the names have in them, each module or tensor with its last two words.
  let own: [String]
  /// What the others have in their place.
  let others: [String]
  /// Whether nothing but names is different.
  var isRenaming = true
  /// What loads such names all the same.
  var loader: String?

  /// The names of files that transformers has others for.
  static let files = [
    NameFamily(
      words: "the names are those of Meta's files of Llama, which Mistral's have too, and the rows "
        + "of q and k lie in another order than transformers has them",
      preset: "meta-to-hf", own: MetaNames.steps.map(\.fused),
      others: MetaNames.steps.flatMap(\.parts),
      isRenaming: false),
    NameFamily(
      words: "the names are those of BERT's first files, which come from TensorFlow",
      preset: "tensorflow-bert", own: ["LayerNorm.gamma", "LayerNorm.beta"],
      others: ["LayerNorm.weight", "LayerNorm.bias"],
      loader: "from_pretrained of transformers renames them by itself"),
  ]

  static let table =
    files + [
      NameFamily(
        words: "the names are those of transformers, and the rows of q and k lie in another order "
          + "than Meta's code has them",
        preset: "hf-to-meta", own: MetaNames.steps.flatMap(\.parts),
        others: MetaNames.steps.map(\.fused), isRenaming: false)
    ]

  /// The family of which some names are, where those that are wanted have the others.
  static func leading(from names: [String], to wanted: [String]) -> NameFamily? {
    let endings = ModuleEndings(names)
    let candidates = table.filter { $0.own.contains(where: endings.contains) }
    if candidates.isEmpty { return nil }
    let others = ModuleEndings(wanted)
    return candidates.first { family in
      family.others.contains(where: others.contains)
        && !family.own.contains(where: others.contains)
    }
  }

  /// Whether the names have everything that tells it: enough where nothing else is known.
  func isWhole(in names: ModuleEndings) -> Bool { own.allSatisfy(names.contains) }

  /// Those of the names that tell it.
  func telling(_ names: [String]) -> [String] {
    names.filter { name in own.contains { ".\(name).".contains(".\($0).") } }
  }

  /// The command that gives the checkpoint the other names.
  func command(for checkpoint: Checkpoint) -> String {
    let hasHeads = isRenaming || !AttentionHeads.files(beside: checkpoint).isEmpty
    return FixCommands.remap(
      checkpoint.path,
      "--preset \(preset)"
        + (hasHeads ? "" : " --attention-heads HEADS --key-value-heads HEADS_OF_KEYS"))
  }
}

extension RenamingDraft {
  /// Gives names of another time those of the base; throws where that takes more than
  /// names.
  mutating func convertSpelling(_ base: KeyList) throws(CheckpointError) {
    let wanted = entries(of: base).map(\.name)
    if let family = TrainerNames.recognised(names), family.telling(wanted).isEmpty {
      throw family.refusal(of: path, names)
    }
    guard let family = NameFamily.leading(from: names, to: wanted) else { return }
    guard family.isRenaming else {
      throw CheckpointError(
        path: path,
        "\(family.words): a renaming to those of \(base.path) would give wrong numbers",
        fix: "add --preset \(family.preset), and --attention-heads and --key-value-heads where no "
          + "config.json or params.json tells them")
    }
    try apply(try RenamePreset(named: family.preset), base: base)
  }
}
