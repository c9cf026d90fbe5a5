import Formats

/// Parts of projections while they are being put together.
struct ProjectionFusion {
  let draft: RenamingDraft
  let zeros: Zeros
  let configured: FusionScales?
  var recuts: [Recut] = []
  /// Rank and alpha of the wholes whose rank grew.
  var scales: [ScaledModule] = []

  /// With the scales that the draft's configuration states.
  init(_ draft: RenamingDraft) throws(CheckpointError) {
    let configured = try draft.configuration.map { json throws(CheckpointError) in
      try FusionScales(AdapterConfiguration(json, path: AdapterSurvey.configurationName))
    }
    try self.init(draft, configured)
  }

  init(_ draft: RenamingDraft, _ configured: FusionScales?) throws(CheckpointError) {
    self.draft = draft
    self.configured = configured
    zeros = try Zeros()
  }

  /// Puts the tensors of one whole together.
  mutating func add(_ whole: ProjectionParts) throws(CheckpointError) {
    let (sizes, groups) = try sizes(of: whole)
    let pieces = whole.step.pieces(sizes, groups: groups)
    // The columns of B follow from A.
    var columns: [String: FactorColumns] = [:]
    for member in whole.members where member.role == .a {
      let others = whole.members.first { $0.suffix == member.suffix.asB }
      guard let others, others.positions.map({ $0 == nil }) == member.positions.map({ $0 == nil })
      else { throw CheckpointError("a part has lora_A or lora_B alone; expected both") }
      columns[member.suffix.asB] = try fuseA(member.suffix, member.positions, whole)
    }
    for member in whole.members where member.role != .a {
      if member.role == .base || member.role == .magnitude {
        try requireAll(member.suffix, member.positions, whole)
      }
      try stack(
        member.suffix, member.positions, whole, sizes, pieces, columns: columns[member.suffix],
        isB: member.role == .b)
    }
  }

  /// The rows of all parts, as their tensors show them.
  private func sizes(of whole: ProjectionParts) throws(CheckpointError) -> (
    sizes: [Int], groups: Int
  ) {
    var known: [Int?] = whole.step.parts.map { _ in nil }
    for member in whole.members where member.role != .a {
      for (part, position) in member.positions.enumerated() {
        guard let position else { continue }
        let tensor = draft.tensors[position]
        guard tensor.isShapeKnown, let rows = tensor.record.shape.first,
          known[part] == nil || known[part] == rows
        else {
          throw CheckpointError(
            tensor: tensor.record.name,
            tensor.isShapeKnown
              ? "is \(tensor.record.shape); another tensor of the module has \(known[part] ?? 0) rows"
              : "its shape is not known, so it cannot be put together with others")
        }
        known[part] = rows
      }
    }
    return try whole.step.sizes(known) { () throws(CheckpointError) in
      try draft.heads(of: whole.path())
    }
  }

  private func requireAll(_ suffix: String, _ positions: [Int?], _ whole: ProjectionParts)
    throws(CheckpointError)
  {
    guard let missing = positions.firstIndex(of: nil) else { return }
    let present = positions.indices.filter { positions[$0] != nil }
    throw CheckpointError(
      "\(whole.path(missing)).\(suffix) is missing; "
        + "there is \(present.map { whole.path($0) + ".\(suffix)" }.joined(separator: ", "))")
  }
}

extension String {
  /// The name of B where this is that of A.
  fileprivate var asB: String {
    dottedSegments.map { $0 == "lora_A" ? "lora_B" : $0 }.joined(separator: ".")
  }
}
