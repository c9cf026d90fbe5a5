import Formats

extension AdapterConfiguration {
  /// Says what MLX trained: `lora`, `dora` or `full`. PEFT has no such field.
  private static let trainingField = "fine_tune_type"

  /// Whether the configuration beside a checkpoint is one of MLX.
  static func isMLX(beside checkpoint: Checkpoint) -> Bool {
    guard let file = checkpoint.sideFile(AdapterSurvey.configurationName) else { return false }
    return (try? InputFile.json(at: file.path))?[trainingField]?.string != nil
  }

  /// Reads the `adapter_config.json` that MLX writes beside `adapters.safetensors`:
  /// rank and scale are in `lora_parameters`, and the scale is alpha/rank already.
  init(mlxAt path: String) throws(CheckpointError) {
    try self.init(mlx: try InputFile.json(at: path), path: path)
  }

  init(mlx json: JSONValue, path: String) throws(CheckpointError) {
    let fields = try ConfigurationFields(json, path: path)
    let parameters = json["lora_parameters"] ?? .object([])
    let own = try ConfigurationFields(parameters, path: path)
    let rank = try own.positiveInt("rank")
    let scale = try own.finiteDouble("scale")
    let type = try fields.string(Self.trainingField) ?? "lora"
    // Before that field there was PEFT's.
    let usesMagnitudes = try fields.bool(AdapterFeature.dora.rawValue) ?? (type == "dora")
    self.init(
      path: path, family: type == "full" ? "lora" : type,
      base: try fields.string("model"), rank: rank,
      alpha: scale.flatMap { scale in rank.map { scale * Double($0) } }, scale: scale,
      features: usesMagnitudes ? [.dora] : [], json: json)
  }
}
