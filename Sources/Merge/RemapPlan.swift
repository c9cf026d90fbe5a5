public import Formats
public import Inspect
import OrderedCollections

/// A renaming that is to be written: everything that can be refused is refused by
/// its initialiser.
public struct RemapPlan: Sendable {
  public let draft: RenamingDraft
  /// What became of the names of the input.
  public let renaming: Renaming
  public let plan: MergePlan
  public let threads: Int

  /// Plans to write `input` under the names that `draft` gives its tensors.
  public init(_ draft: RenamingDraft, of input: Checkpoint, options: OutputOptions)
    throws(CheckpointError)
  {
    let renaming = draft.renaming
    try input.requireDistinctNames()
    guard input.components.isEmpty else {
      throw CheckpointError(
        path: input.path,
        "is a pipeline of \(input.components.count) models; expected one of them",
        fix: "name it, for example \(shellQuoted("\(input.path)/\(input.components[0])"))")
    }
    try draft.requireDistinct()
    let kind = draft.kind ?? Inspection(input).kind
    let isAdapter = kind == .peftAdapter || kind == .llavaAdapter
    let base = try Self.renamedNotes(draft.checkpoint(from: input), draft.map)
    // Names are what a renaming is about: each has its tensor, also where the format
    // cannot share the bytes of two.
    let shared =
      options.format.sharesStorages
      ? SharedTensors(
        in: base, restores: true, filter: try NameFilter(include: [], exclude: []),
        separate: Set(
          draft.tensors.filter { $0.place != nil }.map { ExactName($0.record.name) }))
      : SharedTensors(none: base)
    var plan = try PlanBuilder(
      base: base, options: options, sharing: shared, isAdapter: isAdapter,
      holdsAdapter: kind == .wrappedCheckpoint, isVerifying: true,
      adapterConfiguration: Self.configuration(of: draft)
    ).plan(updates: [:], findings: input.findings + draft.findings)
    if options.format == .safetensors { plan.alignToInputs() }
    if !options.isSingleFile {
      plan.nameFiles(of: kind, format: options.format)
      plan.replaceConfiguration(by: draft)
      plan.noteConfiguration(of: input, draft)
    } else if draft.configuration != nil, !options.format.carriesDocuments {
      try LostScales.refuse(draft, of: input)
      plan.findings.append(Self.noConfiguration)
    }
    self.draft = draft
    self.renaming = renaming
    self.plan = plan
    threads = options.threads
  }

  static let configurationName = "adapter_config.json"

  /// The configuration that goes with the new names.
  fileprivate static func configuration(of draft: RenamingDraft) -> MergePlan.Document? {
    guard let configuration = draft.configuration else { return nil }
    var writer = JSONWriter(isIndented: true)
    writer.value(configuration)
    return MergePlan.Document(name: configurationName, bytes: writer.document())
  }

  private static let noConfiguration = Finding(
    .note, .missingSideFile,
    "a single file has no adapter_config.json beside it; name a directory to have it written")

  /// Notes that a name is another tensor's, renamed along with the tensors.
  private static func renamedNotes(_ checkpoint: Checkpoint, _ map: KeyMap) throws(CheckpointError)
    -> Checkpoint
  {
    let positions = checkpoint.positions()
    var result = checkpoint
    result.metadata = [:]
    let keys = Array(checkpoint.metadata.keys)
    let values = Array(checkpoint.metadata.values)
    let newKeys = try map.renaming(of: keys).results
    let newValues = try map.renaming(of: values).results
    for position in keys.indices {
      // The tensors have their new names already.
      let isNote = positions[newValues[position]] != nil && keys[position] != "format"
      result.metadata[isNote ? newKeys[position] : keys[position]] =
        isNote ? newValues[position] : values[position]
    }
    return result
  }
}

extension MergePlan {
  /// Adapters of image pipelines have file names of their own.
  fileprivate mutating func nameFiles(of kind: CheckpointKind, format: OutputFormat) {
    guard kind == .diffusersAdapter || kind == .kohyaAdapter, files.count == 1 else { return }
    files[0].name =
      (kind == .diffusersAdapter ? "pytorch_lora_weights" : "lora") + format.fileSuffixes[0]
  }

  /// Tells that a model's configuration still asks for the projections of before.
  fileprivate mutating func noteConfiguration(of input: Checkpoint, _ draft: RenamingDraft) {
    let name = "config.json"
    guard !draft.projections.isEmpty, sideFiles.contains(where: { $0.name == name }),
      let file = input.sideFile(name)
    else { return }
    let modules = draft.projections.flatMap(\.to).joined(separator: ", ")
    let type = (try? InputFile.json(at: file.path))?["model_type"]?.string
    findings.append(
      Finding(
        .note, .configMismatch,
        "config.json goes out as it came in\(type.map { ", of model_type \($0)" } ?? ""); it has "
          + "to name a model with \(modules)"))
  }

  /// Writes the configuration that goes with the new names.
  fileprivate mutating func replaceConfiguration(by draft: RenamingDraft) {
    let name = "adapter_config.json"
    let copied = sideFiles.contains { $0.name == name }
    guard copied || draft.kind == .peftAdapter else { return }
    sideFiles.removeAll { $0.name == name }
    if let configuration = RemapPlan.configuration(of: draft) { documents.append(configuration) }
  }
}
