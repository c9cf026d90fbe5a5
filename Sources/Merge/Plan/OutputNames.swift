import Formats

/// What the files of an output are called, and which files of the input belong
/// to it as they are.
struct OutputNames {
  let base: Checkpoint
  let options: OutputOptions
  let isAdapter: Bool
  /// Whether tensors of an adapter are among those that are written.
  let holdsAdapter: Bool

  /// The name of the file of tensors without number and suffix.
  var stem: String { isAdapter ? "adapter_model" : stem(in: "") }

  /// The same of a model in a directory of its own, which ends with a slash.
  func stem(in directory: String) -> String {
    // Diffusers looks for its weights under a name of its own.
    let diffusers = directory + "diffusion_pytorch_model"
    if base.shards.contains(where: { $0.name.hasPrefix(diffusers) }) { return diffusers }
    return directory + (options.format == .pytorch ? "pytorch_model" : "model")
  }

  /// Names that belong to a repository, a training or another result, not to the
  /// model; DeepSpeed's would point to steps that are not there.
  private static let notCopied: Set<String> = [
    "README.md", "trainer_state.json", "all_results.json", "train_results.json",
    "eval_results.json", "latest", "latest_universal", "zero_to_fp32.py", "zero_to_torch.py",
  ]

  /// The files whose bytes go into the one file that is written, where its format has a
  /// place for them.
  var carriedFiles: [SideFile] {
    options.isSingleFile && options.format.carriesDocuments
      ? belonging.filter { !$0.isOfModule } : []
  }

  /// The files that go out as they are; none beside a single file.
  var sideFiles: [SideFile] { options.isSingleFile ? [] : belonging }

  /// The files of the input that belong to the output.
  private var belonging: [SideFile] {
    base.sideFiles.filter { file in
      guard !Self.notCopied.contains(file.name), !file.name.hasSuffix("~") else { return false }
      if file.isOfModule { return !isAdapter }
      if isAdapter, SideFile.companions.contains(file.name) { return true }
      return !file.holdsTensors && (holdsAdapter || file.name != "adapter_config.json")
    }
  }
}
