import Formats

extension CheckpointCheck {
  /// That a checkpoint has the names of the base's file, but the model that transformers
  /// builds for the base has others since version 4.52.
  func relaidModel(_ base: Checkpoint?) -> Finding? {
    guard let base, VisionLanguageLayout(base.records.lazy.map(\.name)) != nil,
      let configuration = try? ModelConfiguration(beside: base), configuration.codeFiles.isEmpty,
      let old = base.records.first(where: { record in
        Self.oldBeginnings.contains { record.name.hasPrefix($0) }
      })
    else { return nil }
    return Finding(
      .note, .prefixDrift,
      "the names are those of the files of the base, as \(old.name.quoted): a model that "
        + "transformers 4.52 or later builds has others, which from_pretrained makes of them and "
        + "torch's load_state_dict does not")
  }

  /// That transformers has other names for such a model.
  var foreignNames: [Finding] {
    guard !isAdapter else { return [] }
    let names = checkpoint.records.map(\.name)
    let endings = ModuleEndings(names)
    guard let family = NameFamily.files.first(where: { $0.isWhole(in: endings) }) else {
      return []
    }
    return [
      Finding(
        .note, .prefixDrift, tensors: family.telling(names),
        "\(family.words): \(family.loader ?? "transformers does not load them so")",
        fix: family.command(for: checkpoint))
    ]
  }

  private static let oldBeginnings = ["model.layers.", "language_model.model.layers."]
}
