import Formats

/// A sentence of a program that has a cause worth explaining: one row of a table.
struct KnownFailure: Sendable {
  /// What the text has to hold, all of it.
  let marks: [String]
  let code: Finding.Code
  /// The cause and what to do.
  let message: String
  /// What the checkpoint at hand has to do with it, where that can be seen.
  let proof: @Sendable (Inspection) -> Proof?

  /// What a checkpoint shows of the cause: the end of the sentence, and the command.
  struct Proof: Sendable {
    let text: String
    var fix: String?
  }

  init(
    _ marks: [String], _ code: Finding.Code, _ message: String,
    proof: @escaping @Sendable (Inspection) -> Proof? = { _ in nil }
  ) {
    self.marks = marks
    self.code = code
    self.message = message
    self.proof = proof
  }

  static func found(in text: String) -> [KnownFailure] {
    func isIn(_ row: KnownFailure) -> Bool { row.marks.allSatisfy { text.contains($0) } }
    // A program looks in several places for one file.
    return table.filter(isIn) + files.filter(isIn).prefix(1)
  }

  func finding(of inspection: Inspection) -> Finding {
    let proof = proof(inspection)
    return Finding(
      .error, code, proof.map { "\(message): \($0.text)" } ?? message, fix: proof?.fix)
  }

  private static let table = [
    KnownFailure(
      ["forward() takes", "positional arguments but"], .ploraLost,
      "PEFT up to 0.6.2 replaces PLoRA layers by plain ones, which take no image mask: what was "
        + "trained so was trained without PLoRA; train again with PEFT 0.7 or later"),
    KnownFailure(
      ["non_lora_trainables.bin"], .missingSideFile,
      "LLaVA's trainer writes non_lora_trainables.bin, with the projector, only at the end of "
        + "training; in checkpoint-N the states of DeepSpeed hold it"),
    KnownFailure(
      ["mm_projector.bin"], .missingSideFile,
      "LLaVA looks for mm_projector.bin where it takes the directory for no LoRA: its name has to "
        + "hold both \"llava\" and \"lora\", and the base has to be given"),
    KnownFailure(
      ["Target modules", "not found in the base model"], .wrongBase,
      "no module of the model has one of the names in target_modules: the adapter belongs to a "
        + "model of another architecture, or to one with other names for its layers"),
    KnownFailure(
      ["No modules were targeted for adaptation"], .wrongBase,
      "no module of the model is one of those that the configuration targets"),
    KnownFailure(
      ["were set but no parameter was matched"], .wrongBase,
      "the model has none of the parameters in target_parameters: its experts are not fused, or "
        + "named otherwise in this version of transformers"),
    KnownFailure(
      ["should not be contained in the prefix"], .prefixDrift,
      "an adapter called \"lora\" cannot be told from the prefix \"lora_\": give it another name"),
    KnownFailure(
      ["The size of tensor a (0) must match"], .zeroSizeTensor,
      "the weights of the model are placeholders of ZeRO-3: merge outside of the ZeRO-3 context"),
    KnownFailure(
      ["is not a zero checkpoint"], .configMismatch,
      "the states were written by BF16_Optimizer, which states no zero_stage, or by no ZeRO at "
        + "all"),
    KnownFailure(
      ["Impossible to merge LoRA with `lora_bias=True`"], .unmergeable,
      "lora_bias adds a bias to the output, but the layer of the base has none to add it to"),
    KnownFailure(
      ["lora key not loaded"], .prefixDrift,
      "ComfyUI knows none of these names: the adapter is named for another family of programs and "
        + "has to be renamed"),
    KnownFailure(
      ["No LoRA keys associated to"], .prefixDrift,
      "diffusers looks for keys that begin with the name of the component, such as \"unet.\" or "
        + "\"transformer.\"; the adapter's do not"),
    KnownFailure(
      ["have not been correctly renamed"], .unmergeable,
      "diffusers converts only lora_down, lora_up, alpha and dora_scale of kohya's names; LoHa, "
        + "LoKr and LoCon's lora_mid are left over"),
    KnownFailure(
      ["Weights only load failed"], .unsafeGlobal,
      "the pickle names globals that torch.load does not allow with weights_only=True"),
    KnownFailure(
      ["PytorchStreamReader failed"], .checksumMismatch,
      "the zip archive is damaged or cut short: compare its size with the original's"),
    KnownFailure(
      ["MetadataIncompleteBuffer"], .indexMismatch,
      "the file is shorter or longer than its header says: a download or a copy was cut short"),
    KnownFailure(
      ["HeaderTooLarge"], .indexMismatch,
      "the file does not begin with a safetensors header: often a Git LFS pointer or an error page "
        + "in place of the file"),
    KnownFailure(
      ["is out of bounds for dimension 0 with size"], .vocabularyMismatch,
      "a row of an embedding was wanted that the model does not have: where PEFT raises it, "
        + "trainable_token_indices names tokens that were added in training, and "
        + "resize_token_embeddings has to be called on the model before the adapter is loaded"),
    KnownFailure(
      ["got an unexpected keyword argument", "Config"], .configMismatch,
      "adapter_config.json was written by a newer PEFT, whose fields this one does not know: use "
        + "that PEFT, or remove the field if it only has its default"),
    KnownFailure(
      ["on the meta device, we need a `value`"], .missingKey,
      "a tensor of the model got no value, because the checkpoint does not have it under that name"),
    KnownFailure(
      ["Cannot copy out of meta tensor"], .missingKey,
      "a tensor of the model was never filled: the checkpoint lacks it, or part of the model was "
        + "left on the disk by device_map"),
    KnownFailure(
      ["Cannot merge", "quantized"], .quantisedBase,
      "the base was loaded in 4 or 8 bits: merge into the unquantised model"),
  ]
}
