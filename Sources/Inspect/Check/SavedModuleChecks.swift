import Formats

/// The modules that `modules_to_save` names, against the tensors that the file has.
struct SavedModuleChecks {
  let adapter: Adapter
  let configuration: AdapterConfiguration

  /// The names that PEFT adds by itself for a task, each time that it wraps a model: of
  /// the heads that some architecture has, a model has one.
  private static let heads: [String: Set<String>] = [
    "SEQ_CLS": ["classifier", "score"],
    "TOKEN_CLS": ["classifier", "score"],
    "QUESTION_ANS": ["qa_outputs"],
  ]

  func findings() -> [Finding] {
    let heads = Self.heads[configuration.json["task_type"]?.string ?? ""] ?? []
    let hasHead = heads.contains(where: isPresent)
    var seen: Set<String> = []
    let absent = configuration.modulesToSave.filter { name in
      seen.insert(name).inserted && !isPresent(name) && !(hasHead && heads.contains(name))
    }
    guard !absent.isEmpty else { return [] }
    return [
      Finding(
        .warning, .configMismatch,
        "modules_to_save names \(Wording.list(absent)), of which the file has no tensors: what was "
          + "trained there is lost")
    ]
  }

  private func isPresent(_ name: String) -> Bool {
    adapter.replacements.contains { AdapterConfiguration.saves(name, $0.module) }
  }
}
