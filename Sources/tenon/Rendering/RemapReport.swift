import Formats
import Inspect
import Merge

/// What `tenon remap` did, or would do.
struct RemapReport {
  let path: String
  let output: String?
  let isDryRun: Bool
  let hasEffect: Bool
  let renaming: Renaming
  let steps: [RenamingDraft.Step]
  let dropped: [(name: String, reason: String)]
  /// Tensors that were made on the way.
  let added: [String]
  let projections: [ProjectionChange]
  let files: [String]
  let byteCount: Int
  let match: MatchSummary?
  let findings: [Finding]

  init(_ draft: RenamingDraft, _ remap: RemapPlan?, output: String?, isDryRun: Bool) {
    path = draft.path
    hasEffect = draft.hasEffect
    self.output = hasEffect ? output : nil
    self.isDryRun = isDryRun
    renaming = draft.renaming
    steps = draft.steps
    dropped = draft.dropped
    added = draft.tensors.filter { $0.origin == nil && $0.place == nil }.map(\.record.name)
    projections = draft.projections
    files = remap?.plan.files.map(\.name) ?? []
    byteCount = remap?.plan.byteCount ?? 0
    match = draft.match
    findings = remap?.plan.findings ?? draft.findings
  }
}
