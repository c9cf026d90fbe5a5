/// The globals that the pickles of a DeepSpeed checkpoint name.
enum ZeroGlobals {
  /// Classes that DeepSpeed's checkpoints always name, and that only hold values.
  private static let harmless: Set<String> = [
    ZeroStage.className,
    "deepspeed.runtime.fp16.loss_scaler.LossScaler",
    "deepspeed.runtime.fp16.loss_scaler.DynamicLossScaler",
    "deepspeed.utils.tensor_fragment.fragment_address",
  ]

  /// The globals of a file that are worth a word.
  static func notable(_ file: ZeroFile) -> [TorchGlobal] {
    file.globals.filter { global in
      if global.hazard == .harmless || harmless.contains(global.name) { return false }
      // Some versions of Python pickle an enumeration as the lookup of a name.
      return global.attribute != "getattr" || !ZeroStage.areAllLookups(in: file.pickle)
    }
  }

  static func findings(_ globals: [TorchGlobal]) -> [Finding] {
    TorchFindings.unsafeGlobals(TorchFindings.globals(globals))
  }
}
