import Formats

/// The file that LLaVA writes beside an adapter: what was trained without LoRA, such as
/// the projector between the vision tower and the language model.
struct LlavaTrainables {
  static let fileName = "non_lora_trainables.bin"

  /// Whether a name is that of a tensor of the projector, with nothing of LoRA in it.
  static func isProjector(_ name: String) -> Bool {
    name.contains(".mm_projector.") && !AdapterKey.hasLeaf(name)
  }

  /// Its tensors, named as LLaVA's builder names them.
  private(set) var replacements: [AdapterReplacement] = []
  /// Untrained copies beside trained modules.
  private(set) var frozenCopies: [TensorRecord] = []
  /// What is wrong or remarkable.
  private(set) var findings: [Finding] = []

  /// Reads the file beside `checkpoint`, if it is there.
  init(beside checkpoint: Checkpoint) throws(CheckpointError) {
    guard let file = checkpoint.sideFile(Self.fileName) else { return }
    let records = try Checkpoint.open(file.path).records
    var names: [String] = []
    var trained: [TensorRecord] = []
    var wrappers: [Substring: [String]] = [:]
    for record in records {
      var segments = record.name.dottedSegments
      for wrapper in Set(KeyWrappers.strip(&segments)) {
        wrappers[wrapper, default: []].append(record.name)
      }
      if AdapterKey.removeSavedCopy(&segments) == .frozen {
        frozenCopies.append(record)
        continue
      }
      segments.removeAll { $0 == "base_layer" }
      names.append(segments.joined(separator: "."))
      trained.append(record)
    }
    replacements = zip(trained, Self.stripped(names)).map { record, name in
      AdapterReplacement(target: name, kind: .module, record: record)
    }
    if records.isEmpty { findings.append(KeyFindings.emptyBeside(Self.fileName)) }
    findings += KeyFindings.zeroSized(records.filter { $0.elementCount == 0 }.map(\.name))
    findings += KeyFindings.wrapped(wrappers, loader: "LLaVA", isOfAdapter: false)
  }

  /// The rule of LLaVA's `builder.py`: `base_model.` goes from the front; then, if any
  /// key begins with `model.model.`, one `model.` goes from the front of all.
  static func stripped(_ names: [String]) -> [String] {
    let wrapper = "base_model."
    let bare = names.map { $0.hasPrefix(wrapper) ? String($0.dropFirst(wrapper.count)) : $0 }
    guard bare.contains(where: { $0.hasPrefix("model.model.") }) else { return bare }
    return bare.map { $0.hasPrefix("model.") ? String($0.dropFirst("model.".count)) : $0 }
  }
}

extension Adapter {
  /// The adapter with what lies beside it. LLaVA loads that first and the adapter over
  /// it, so that of two tensors for one place the adapter's counts.
  func adding(_ trainables: LlavaTrainables) -> Adapter {
    let own = Set(replacements.map(\.target))
    let more = trainables.replacements.filter { !own.contains($0.target) }
    let covered = trainables.replacements.filter { own.contains($0.target) }.map(\.record)
    return with(
      replacements: NaturalOrder.sorted(replacements + more, by: \.target),
      frozenCopies: frozenCopies + trainables.frozenCopies + covered,
      findings: findings + trainables.findings
        + KeyFindings.covered(covered.map(\.name), in: LlavaTrainables.fileName))
  }
}
