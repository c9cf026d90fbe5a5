/// The parts of an image pipeline, as kohya's scripts and diffusers call them.
struct PipelineComponent: Sendable {
  /// What diffusers puts before the path.
  let diffusers: String
  /// What kohya's scripts and LyCORIS put before the flattened path.
  let kohya: [String]
  /// What else is put before the path, by name.
  var otherPrefixes: [String] = []
  /// Before the paths of the part in a file that holds the whole pipeline.
  let inPipeline: [String]
  /// Segments of which one is in the paths of such a model and in no other's.
  let marks: Set<Substring>
  /// Segments of the models that have been used for the part, which others have as well.
  var sharedMarks: Set<Substring> = []
  /// What the paths begin with where transformers 5 has done away with `text_model`.
  var beginnings: [String] = []
  /// The names of the part in layouts other than the base's.
  var layout = Layout.single

  enum Layout: Sendable {
    case single
    case unet
    case transformer
    case textEncoder
  }

  /// The beginnings of the paths in CLIP's text encoders without `text_model`.
  static let textBeginnings = ["encoder.layers.", "embeddings.", "final_layer_norm"]

  static let table = [
    PipelineComponent(
      diffusers: "unet", kohya: ["lora_unet", "lycoris_unet", "lycoris"],
      otherPrefixes: ["diffusion_model"], inPipeline: ["model.diffusion_model", "unet"],
      marks: ["down_blocks", "up_blocks", "mid_block", "input_blocks", "output_blocks"],
      layout: .unet),
    PipelineComponent(
      diffusers: "transformer",
      kohya: ["lora_unet", "lora_transformer", "lycoris_transformer", "lycoris"],
      otherPrefixes: ["diffusion_model"], inPipeline: ["model.diffusion_model", "transformer"],
      marks: [
        "transformer_blocks", "single_transformer_blocks", "double_blocks", "single_blocks",
        "joint_blocks",
      ], layout: .transformer),
    PipelineComponent(
      diffusers: "text_encoder", kohya: ["lora_te1", "lora_te", "lycoris_te1", "lycoris_te"],
      inPipeline: [
        "text_encoder", "cond_stage_model.transformer", "cond_stage_model.model",
        "conditioner.embedders.0.transformer", "text_encoders.clip_l.transformer",
      ], marks: ["text_model"], beginnings: textBeginnings, layout: .textEncoder),
    PipelineComponent(
      diffusers: "text_encoder_2", kohya: ["lora_te2", "lycoris_te2"],
      inPipeline: [
        "text_encoder_2", "conditioner.embedders.1.model", "text_encoders.clip_g.transformer",
      ], marks: [], sharedMarks: ["text_model", "SelfAttention"], beginnings: textBeginnings,
      layout: .textEncoder),
    PipelineComponent(
      diffusers: "text_encoder_3", kohya: ["lora_te3", "lycoris_te3"],
      inPipeline: ["text_encoder_3", "text_encoders.t5xxl.transformer"], marks: [],
      sharedMarks: ["SelfAttention"]),
  ]

  /// The component whose marks the paths show, if they show one alone.
  static func shown(by paths: [String]) -> PipelineComponent? {
    var found: [PipelineComponent] = []
    for component in table where !component.marks.isEmpty {
      if paths.contains(where: { component.isShown(by: $0, component.marks) }) {
        found.append(component)
      }
    }
    // The blocks of a UNet hold transformer blocks.
    if found.first?.diffusers == "unet" { return found.count <= 2 ? found[0] : nil }
    return found.count == 1 ? found[0] : nil
  }

  /// The components that a model of these paths may be; all where nothing is shown.
  static func possible(for paths: [String]) -> [PipelineComponent] {
    func found(_ component: PipelineComponent, _ marks: Set<Substring>) -> Bool {
      paths.contains { component.isShown(by: $0, marks) }
    }
    if found(table[0], table[0].marks) { return [table[0]] }
    let possible = table.filter { found($0, $0.marks.union($0.sharedMarks)) }
    return possible.isEmpty ? table : possible
  }

  /// Whether the path has one of the marks or begins as those of the part do.
  private func isShown(by path: String, _ marks: Set<Substring>) -> Bool {
    beginnings.contains { path.hasPrefix($0) } || !marks.isDisjoint(with: path.dottedSegments)
  }
}
