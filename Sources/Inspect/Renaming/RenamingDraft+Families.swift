import Formats

extension RenamingDraft {
  /// Adapters of image pipelines have PEFT's names first.
  mutating func convertFamily(_ base: KeyList) throws(CheckpointError) {
    guard kind == nil else { return }
    let survey = AdapterSurvey(
      Checkpoint(path: path, format: .safetensors, records: tensors.map(\.record)))
    switch AdapterFamily.recognised(survey)?.kind {
    case .kohyaAdapter: try apply(try RenamePreset(named: "kohya-to-peft"), base: base)
    case .diffusersAdapter: try apply(try RenamePreset(named: "diffusers-to-peft"), base: base)
    case .mlxAdapter: try apply(try RenamePreset(named: "mlx-to-peft"), base: base)
    default: return
    }
  }

  /// Names that a preset made and that are looked up: there is nothing to infer.
  mutating func look(up style: PipelineModules.Style, in base: KeyList) {
    let modules = PipelineModules(base.names, style: style)
    let family = AdapterFamily.table.first { $0.kind == kind }
    let targets = Set(names.compactMap { family?.parse($0, nil)?.target })
    let unplaced = NaturalOrder.sorted(targets.filter { modules[$0].isEmpty })
    match = MatchSummary(
      base: base.path, placed: targets.count - unplaced.count, count: targets.count,
      unplaced: unplaced)
    guard !unplaced.isEmpty else { return }
    findings.append(Self.unplaced(unplaced, base))
  }

  static func unplaced(_ names: [String], _ base: KeyList) -> Finding {
    Finding(
      .warning, .unmatchedKey, tensors: names,
      "\(FoldedKeys.summary(of: names, "name")) \(names.count == 1 ? "has" : "have") no "
        + "fitting place in \(base.path)")
  }
}
