import Formats

/// A sentence of a program that has a cause worth explaining: one row of a table.
struct KnownFailure: Sendable {
  /// What the text has to hold, all of it.
  let marks: [String]
  /// What it must not hold: the sentence is said of several faults.
  let unless: String?
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
    _ marks: [String], unless: String? = nil, _ code: Finding.Code, _ message: String,
    proof: @escaping @Sendable (Inspection) -> Proof? = { _ in nil }
  ) {
    self.marks = marks
    self.unless = unless
    self.code = code
    self.message = message
    self.proof = proof
  }

  static func found(in text: LogSearch) -> [KnownFailure] {
    func isIn(_ row: KnownFailure) -> Bool {
      row.marks.allSatisfy { text.contains($0) } && row.unless.map { !text.contains($0) } ?? true
    }
    // A program looks in several places for one file.
    return table.filter(isIn) + servers.filter(isIn) + damage.filter(isIn).prefix(1)
      + files.filter(isIn).prefix(1)
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
      ["No LoRA keys associated to"], unless: UnusedComponents.mark, .prefixDrift,
      "diffusers looks for keys that begin with the name of the component, such as \"unet.\" or "
        + "\"transformer.\"; the adapter's do not"),
    KnownFailure(
      ["have not been correctly renamed"], .unmergeable,
      "diffusers converts only lora_down, lora_up, alpha and dora_scale of kohya's names; LoHa, "
        + "LoKr and LoCon's lora_mid are left over"),
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
      ["Unexpected keyword arguments", "these are ignored"], .configMismatch,
      "adapter_config.json was written by a newer PEFT: fields that this one does not know are left "
        + "out, whatever they do to the result"),
    KnownFailure(
      ["expected torch.Tensor or Tensor-like object from checkpoint"], .nestedWrapper,
      "what was loaded holds something else than a tensor under that name: often the whole of a "
        + "training state, in which the weights are a member such as \"model\" or \"state_dict\""),
    KnownFailure(
      ["Expected state_dict to be dict-like"], .nestedWrapper,
      "what was loaded is no table of names and tensors: often a list, or a whole model object"),
    KnownFailure(
      ["KeyError: 'peft_type'"], .configMismatch,
      "adapter_config.json has no peft_type: it is cut, or no configuration of PEFT"),
    KnownFailure(
      ["KeyError", "prompt_embeddings"], .prefixDrift,
      "PEFT looks for prompt_embeddings under that very name, and the file does not have it so"),
    KnownFailure(
      ["Specified to load vera_A and vera_B from state dictionary"], .missingKey,
      "PEFT looks for base_model.vera_A and base_model.vera_B, which an adapter holds that was saved "
        + "with save_projection=True, and the file does not have them so"),
    KnownFailure(
      ["`r` should be a positive integer"], .configMismatch,
      "r of adapter_config.json is no rank: it has to be 1 or more"),
    KnownFailure(
      ["Already found a `peft_config` attribute"], .nestedWrapper,
      "the model had an adapter already when this one was put onto it: load the base anew"),
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
