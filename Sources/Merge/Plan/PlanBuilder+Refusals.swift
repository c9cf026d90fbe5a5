import Formats
import Inspect

/// Why one tensor cannot be written, and what else than leaving it out would help.
struct TensorRefusal: Error {
  let message: String
  var advice: String?
}

extension PlanBuilder {
  /// The tensors that a message lists before it only counts.
  private static let shownRefusals = 8
  /// The most globs that one command is made of.
  private static let maximumGlobs = 20

  /// One error for all tensors that cannot be written: who has a file with fifty of
  /// them learns it at once.
  func error(for refusals: [(name: String, refusal: TensorRefusal)]) -> CheckpointError? {
    guard let first = refusals.first else { return nil }
    let names = refusals.map(\.name)
    var error = CheckpointError(
      path: base.path, tensor: first.name, first.refusal.message,
      fix: fix(for: names, advice: first.refusal.advice))
    guard refusals.count > 1 else { return error }
    error.message += "; in all \(refusals.count) tensors cannot be written"
    // Where it is all of them, their names say nothing.
    guard refusals.count < base.records.count else { return error }
    let isOneReason = refusals.allSatisfy { $0.refusal.message == first.refusal.message }
    let lines =
      isOneReason
      ? FoldedKeys.fold(names).map(\.description)
      : refusals.map { "\($0.name.printable) \($0.refusal.message)" }
    error.details = Array(lines.prefix(Self.shownRefusals))
    if lines.count > Self.shownRefusals {
      error.details.append("and \(lines.count - Self.shownRefusals) more")
    }
    return error
  }

  private func fix(for names: [String], advice: String?) -> String? {
    let refused = Set(names.map(ExactName.init))
    let others = base.records.map(\.name).filter { !refused.contains(ExactName($0)) }
    let globs = Glob.covering(names, without: others)
    var exclusion: String?
    if globs.count <= Self.maximumGlobs, !others.isEmpty {
      let options = globs.map { "--exclude \(shellWord($0))" }.joined(separator: " ")
      exclusion =
        canExclude ? "add \(options)" : "tenon convert \(shellQuoted(base.path)) -o OUT \(options)"
    }
    // A merge that leaves tensors out is no merge; only where nothing else helps.
    if !canExclude, advice != nil { exclusion = nil }
    let parts = [advice, exclusion].compactMap(\.self)
    return parts.isEmpty ? nil : parts.joined(separator: ", or ")
  }
}
