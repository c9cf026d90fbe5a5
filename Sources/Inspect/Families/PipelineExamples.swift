/// Keys of adapters of image pipelines, each with its tensor in bases of several
/// layouts.
enum PipelineExamples {
  typealias Example = AdapterFamily.Example

  static let flattened = [
    // Stable Diffusion 1, component and whole file.
    Example(
      "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight",
      "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"),
    Example(
      "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q.lora_down.weight",
      "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"),
    Example(
      "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight",
      "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight"),
    // Stable Diffusion 2: OpenCLIP.
    Example(
      "lora_te_text_model_encoder_layers_22_mlp_fc1.lora_up.weight",
      "cond_stage_model.model.transformer.resblocks.22.mlp.c_fc.weight"),
    // SDXL, in the original names.
    Example(
      "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight",
      "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight"),
    Example(
      "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight",
      "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.weight"),
    Example(
      "lora_unet_output_blocks_2_2_conv.hada_w1_a", "up_blocks.0.upsamplers.0.conv.weight"),
    Example(
      "lora_unet_middle_block_0_in_layers_2.lora_mid.weight", "mid_block.resnets.0.conv1.weight"),
    Example(
      "lora_te1_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight",
      "conditioner.embedders.0.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight"),
    Example(
      "lora_te2_text_model_encoder_layers_31_mlp_fc2.lora_down.weight",
      "conditioner.embedders.1.model.transformer.resblocks.31.mlp.c_proj.weight"),
    Example(
      "lora_te2_text_model_encoder_layers_0_self_attn_k_proj.lora_down.weight",
      "conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight", part: 1),
    Example(
      "lora_te2_text_model_encoder_layers_0_self_attn_k_proj.lora_down.weight",
      "text_model.encoder.layers.0.self_attn.k_proj.weight"),
    // Parameters of OpenCLIP that are no module's.
    Example(
      "lora_te2_text_projection.lora_down.weight", "conditioner.embedders.1.model.text_projection"),
    Example(
      "lora_te2_text_model_embeddings_position_embedding.diff",
      "conditioner.embedders.1.model.positional_embedding"),
    // Of transformers 5.
    Example(
      "lora_te_encoder_layers_22_mlp_fc1.lora_up.weight",
      "cond_stage_model.model.transformer.resblocks.22.mlp.c_fc.weight"),
    Example(
      "lora_te2_text_model_encoder_layers_0_self_attn_k_proj.lora_down.weight",
      "encoder.layers.0.self_attn.k_proj.weight"),
    // Flux and SD 3, in the original names.
    Example(
      "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight",
      "double_blocks.0.img_attn.qkv.weight"),
    Example(
      "lora_unet_single_blocks_37_linear1.lora_down.weight",
      "model.diffusion_model.single_blocks.37.linear1.weight"),
    Example(
      "lora_te3_encoder_block_0_layer_0_SelfAttention_q.lora_down.weight",
      "text_encoders.t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q.weight"),
    Example(
      "lora_unet_joint_blocks_0_context_block_attn_qkv.lora_down.weight",
      "model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight"),
    // Flux in the names of diffusers.
    Example(
      "lora_unet_double_blocks_0_txt_attn_proj.lora_down.weight",
      "transformer_blocks.0.attn.to_add_out.weight"),
    Example(
      "lora_unet_single_blocks_37_linear2.lora_down.weight",
      "transformer.single_transformer_blocks.37.proj_out.weight"),
    Example(
      "lora_unet_vector_in_in_layer.lora_up.weight",
      "time_text_embed.text_embedder.linear_1.weight"),
    // LyCORIS.
    Example(
      "lycoris_transformer_blocks_0_attn_to_q.lokr_w1", "transformer_blocks.0.attn.to_q.weight"),
  ]

  static let dotted = [
    Example(
      "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight",
      "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"),
    Example(
      "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight",
      "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight"),
    Example(
      "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight",
      "single_transformer_blocks.0.attn.to_q.weight"),
    Example(
      "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_B.weight",
      "text_model.encoder.layers.0.self_attn.q_proj.weight"),
    Example(
      "text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight",
      "text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj.weight"),
    Example(
      "text_encoder_2.text_projection.lora_A.weight",
      "conditioner.embedders.1.model.text_projection"),
    // Before PEFT's names.
    Example(
      "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight",
      "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"),
    Example(
      "unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_out_lora.up.weight",
      "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0.weight"),
    Example(
      "text_encoder.text_model.encoder.layers.3.self_attn.to_out_lora.down.weight",
      "text_model.encoder.layers.3.self_attn.out_proj.weight"),
    Example(
      "unet.mid_block.attentions.0.proj_in.lora.down.weight",
      "mid_block.attentions.0.proj_in.weight"
    ),
    // Before there were components.
    Example(
      "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight",
      "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"),
    Example(
      "up_blocks.1.attentions.2.transformer_blocks.0.attn2.to_out_lora.up.weight",
      "up_blocks.1.attentions.2.transformer_blocks.0.attn2.to_out.0.weight"),
    Example(
      "mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_v_lora.up.weight",
      "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_v.weight"),
    // The names of trainers that keep the original's paths.
    Example(
      "diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight",
      "model.diffusion_model.double_blocks.0.img_attn.qkv.weight"),
    Example(
      "diffusion_model.double_blocks.0.img_attn.qkv.lora_down.weight",
      "double_blocks.0.img_attn.qkv.weight"),
    Example(
      "diffusion_model.double_blocks.0.img_attn.qkv.alpha", "double_blocks.0.img_attn.qkv.weight"),
    // Wan, whose modules no other model has.
    Example(
      "diffusion_model.blocks.0.self_attn.q.lora_down.weight",
      "model.diffusion_model.blocks.0.self_attn.q.weight"),
    Example("diffusion_model.blocks.0.ffn.2.lora_up.weight", "blocks.0.ffn.2.weight"),
    Example("diffusion_model.blocks.0.ffn.2.diff_b", "blocks.0.ffn.2.weight"),
  ]
}
