import Formats

/// The parts of an image pipeline, as kohya's scripts and diffusers call them.
struct PipelineComponent {
  /// What diffusers puts before the path.
  let diffusers: String
  /// What kohya's scripts put before the flattened path.
  let kohya: [String]
  /// Before the paths of the part in a file that holds the whole pipeline.
  let inPipeline: [String]
  /// Segments of which one is in the paths of such a model and in no other's.
  let marks: Set<Substring>

  static let table = [
    PipelineComponent(
      diffusers: "unet", kohya: ["lora_unet", "lycoris_unet", "lycoris"],
      inPipeline: ["model.diffusion_model", "unet"],
      marks: ["down_blocks", "up_blocks", "mid_block", "input_blocks", "output_blocks"]),
    PipelineComponent(
      diffusers: "transformer",
      kohya: ["lora_unet", "lora_transformer", "lycoris_transformer", "lycoris"],
      inPipeline: ["model.diffusion_model", "transformer"],
      marks: [
        "transformer_blocks", "single_transformer_blocks", "double_blocks", "single_blocks",
        "joint_blocks",
      ]),
    PipelineComponent(
      diffusers: "text_encoder", kohya: ["lora_te1", "lora_te", "lycoris_te1", "lycoris_te"],
      inPipeline: [
        "text_encoder", "cond_stage_model.transformer", "conditioner.embedders.0.transformer",
        "text_encoders.clip_l.transformer",
      ], marks: ["text_model"]),
    PipelineComponent(
      diffusers: "text_encoder_2", kohya: ["lora_te2", "lycoris_te2"],
      inPipeline: [
        "text_encoder_2", "conditioner.embedders.1.model", "text_encoders.clip_g.transformer",
      ], marks: []),
    PipelineComponent(
      diffusers: "text_encoder_3", kohya: ["lora_te3", "lycoris_te3"],
      inPipeline: ["text_encoder_3", "text_encoders.t5xxl.transformer"], marks: []),
  ]

  /// The component whose marks the paths show, if they show one alone.
  static func shown(by paths: [String]) -> PipelineComponent? {
    var found: [PipelineComponent] = []
    for component in table where !component.marks.isEmpty {
      if paths.contains(where: { !component.marks.isDisjoint(with: $0.dottedSegments) }) {
        found.append(component)
      }
    }
    // The blocks of a UNet hold transformer blocks.
    if found.first?.diffusers == "unet" { return found.count <= 2 ? found[0] : nil }
    return found.count == 1 ? found[0] : nil
  }
}
