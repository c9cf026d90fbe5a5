import Compute
import Formats
import Inspect

/// The tensors of a plan, paired with those of a merged model.
struct MergedPairing {
  /// The names of the plan with the merged tensors of that shape and a type that the
  /// plan's can be converted to, in the order of the plan.
  private(set) var pairs: [(name: String, merged: TensorRecord)] = []
  /// What the headers alone show.
  private(set) var changes: [VerificationReport.Change] = []

  /// Two names of one tensor are no change: a writer may have written data that two
  /// tensors share once, or twice.
  init(
    _ planned: [PlannedTensor], base: Checkpoint, merged: Checkpoint, tied: TiedWeights?
  ) throws(CheckpointError) {
    let positions = merged.positions()
    let baseNames = try OtherNames(base, tied: tied, merged: merged)
    let mergedNames = try OtherNames(merged)
    var used = Set<ExactName>()
    var byName: [ExactName: PlannedTensor] = [:]
    for tensor in planned {
      byName[ExactName(tensor.name)] = tensor
      let names = [tensor.name] + baseNames[tensor.name] + mergedNames[tensor.name]
      guard let position = names.lazy.compactMap({ positions[$0] }).first else {
        changes.append(Change(name: tensor.name, reason: .missing, expected: .init(tensor)))
        continue
      }
      let record = merged.records[position]
      used.insert(ExactName(record.name))
      add(tensor, record)
    }
    for record in merged.records where !used.contains(ExactName(record.name)) {
      if mergedNames[record.name].contains(where: { used.contains(ExactName($0)) }) { continue }
      if let tensor = baseNames[record.name].lazy.compactMap({ byName[ExactName($0)] }).first {
        add(tensor, record)
      } else {
        changes.append(Change(name: record.name, reason: .extra, found: .init(record)))
      }
    }
  }

  private typealias Change = VerificationReport.Change

  private mutating func add(_ tensor: PlannedTensor, _ record: TensorRecord) {
    let reason: Change.Reason
    if record.bytes == nil {
      reason = .missing
    } else if record.shape != tensor.shape {
      reason = .shape
    } else if tensor.converted(to: record.type) == nil {
      reason = .dtype
    } else {
      pairs.append((tensor.name, record))
      return
    }
    changes.append(
      Change(name: record.name, reason: reason, expected: .init(tensor), found: .init(record)))
  }
}

/// The other names that a checkpoint has or notes for the data of a tensor.
private struct OtherNames {
  private var names: [ExactName: [String]] = [:]

  init(_ checkpoint: Checkpoint, tied: TiedWeights? = nil, merged: Checkpoint? = nil)
    throws(CheckpointError)
  {
    if let tied {
      for (name, source) in tied.names {
        names[ExactName(source), default: []].append(name)
        names[ExactName(name)] = [source]
      }
      // Before the input, which is the same tensor only where the merge leaves it so.
      if let output = tied.output, let other = merged.flatMap(tied.otherOutput) {
        names[ExactName(output), default: []].insert(other, at: 0)
        names[ExactName(other)] = [output, tied.input]
      }
    }
    let shared = SharedTensors(in: checkpoint, restores: true, filter: try NameFilter())
    for group in shared.groups {
      let members = [group.kept] + group.others
      for member in members {
        names[ExactName(member), default: []] += members.filter { $0 != member }
      }
    }
  }

  subscript(name: String) -> [String] { names[ExactName(name)] ?? [] }
}
