import Formats

/// The output of a model whose weight is that of its input embedding, so that its file
/// holds the weight once, under the input's name.
struct OutputHead {
  /// The name of the weight.
  let weight: String
  /// The bias that is tied along, and the tensor that the file holds of it.
  let bias: (name: String, source: String)?

  /// An output under a name of its own, known by another tensor of the model.
  struct Named {
    let first: String
    let module: String
    var bias: String?
    /// Whether no model has something else under this name.
    var isAlwaysOutput = true
  }

  /// Heads of more than one layer, by the weight of the first.
  static let masked = [
    Named(
      first: "cls.predictions.transform.dense.weight", module: "cls.predictions.decoder",
      bias: "cls.predictions.bias"),
    Named(first: "lm_head.dense.weight", module: "lm_head.decoder", bias: "lm_head.bias"),
    Named(
      first: "predictions.dense.weight", module: "predictions.decoder", bias: "predictions.bias"),
    Named(first: "vocab_transform.weight", module: "vocab_projector"),
    Named(first: "generator_predictions.dense.weight", module: "generator_lm_head"),
    // Whisper's has one layer; models of images project with one of this name.
    Named(first: "model.encoder.conv1.weight", module: "proj_out", isAlwaysOutput: false),
  ]

  /// Nil where the class of the model, as its configuration names it, has no such output.
  init?(
    tiedTo input: String, in records: [TensorRecord], architecture: String?,
    modelType: String? = nil
  ) {
    if let (row, lead) = Self.layered(input, records) {
      weight = "\(lead)\(row.module).weight"
      bias = row.bias.map { ("\(lead)\(row.module).bias", "\(lead)\($0)") }
      return
    }
    if let architecture, Self.isHeadless(architecture) { return nil }
    weight =
      Self.weightOfBias(input, records) ?? modelType.flatMap { Self.byType[$0] }
      ?? Self.name(for: input)
    bias = nil
  }

  /// The row whose tensor the model has, or the part of it that has the input too; and what
  /// stands before the names of that part.
  private static func layered(_ input: String, _ records: [TensorRecord])
    -> (row: Named, lead: Substring)?
  {
    for row in masked {
      for record in records where record.name.hasSuffix(row.first) {
        let lead = record.name.dropLast(row.first.count)
        let isPart = lead.hasSuffix(".") && input.hasPrefix(lead) && row.isAlwaysOutput
        guard lead.isEmpty || isPart else { continue }
        // Some have a layer of this name before an output of another.
        let bias = row.bias.map { "\(lead)\($0)" }
        guard bias == nil || records.contains(where: { $0.name == bias }) else { continue }
        return (row, lead)
      }
    }
    return nil
  }

  /// The weight that is missing beside a bias of one number for each token.
  private static func weightOfBias(_ input: String, _ records: [TensorRecord]) -> String? {
    guard let rows = records.first(where: { $0.name == input })?.shape.first else { return nil }
    let biases = records.filter { $0.shape == [rows] && $0.name.hasSuffix(".bias") }
    guard let bias = biases.first?.name, biases.count == 1 else { return nil }
    let weight = "\(bias.dropLast("bias".count))weight"
    return records.contains { $0.name == weight } ? nil : weight
  }

  /// Outputs of another name than most, where only the type of the model tells.
  private static let byType = [
    "trocr": "output_projection.weight", "biogpt": "output_projection.weight",
  ]

  private static let names = [
    "embed_in.weight": "embed_out.weight", "tok_embeddings.weight": "output.weight",
  ]

  private static func name(for input: String) -> String {
    let module = input.split(separator: ".").suffix(2).joined(separator: ".")
    let name = names[module] ?? "lm_head.weight"
    // The language model inside a model of several parts keeps its own head.
    let parts = input.dottedSegments
    return parts.count > 3 && parts[1] == "model" ? "\(parts[0]).\(name)" : name
  }

  /// A bare model, or one that ends in classes instead of tokens.
  static func isHeadless(_ architecture: String) -> Bool {
    isBare(architecture) || architecture.hasSuffix("Classification")
      || architecture.hasSuffix("ForQuestionAnswering") || architecture.hasSuffix("MultipleChoice")
  }

  /// Whether a class of this name is a model without a head.
  static func isBare(_ architecture: String) -> Bool {
    architecture.hasSuffix("Model")
      && !["HeadModel", "HeadsModel", "ChatModel", "MTModel"].contains {
        architecture.hasSuffix($0)
      }
  }
}
