import Formats

extension AdapterConfiguration {
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
    let type = try fields.string("fine_tune_type") ?? "lora"
    self.init(
      path: path, family: type == "full" ? "lora" : type,
      base: try fields.string("model"), rank: rank,
      alpha: scale.flatMap { scale in rank.map { scale * Double($0) } }, scale: scale,
      json: json)
  }
}
