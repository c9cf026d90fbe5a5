/// What a checkpoint is to its user, as `inspect` names it.
public enum CheckpointKind: String, Sendable, Hashable, CaseIterable {
  /// A whole model with its configuration.
  case model
  case peftAdapter = "peft-adapter"
  /// Base and adapter in one file: a model saved while it was wrapped for training.
  case wrappedCheckpoint = "wrapped-checkpoint"
  case kohyaAdapter = "kohya-adapter"
  case diffusersAdapter = "diffusers-adapter"
  /// An adapter of Apple's MLX.
  case mlxAdapter = "mlx-adapter"
  /// A PEFT adapter with `non_lora_trainables.bin` beside it.
  case llavaAdapter = "llava-adapter"
  /// Tensors of which no more is known.
  case stateDict = "state-dict"
  /// What a trainer keeps of its run: no weights.
  case trainingState = "training-state"
  /// A file without any tensor.
  case noTensors = "no-tensors"
}
