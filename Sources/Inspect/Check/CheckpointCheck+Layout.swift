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

  private static let oldBeginnings = ["model.layers.", "language_model.model.layers."]
}
