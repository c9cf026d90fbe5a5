/// Encoders of images.
extension LoadedNames {
  static let vision = #"""
    vit audio-spectrogram-transformer deit ijepa vit_mae vit_msn vivit beit pixio
      encoder\.layer\. -> layers.
      attention.query -> q_proj
      attention.key -> k_proj
      attention.value -> v_proj
      attention.output.dense -> attention.o_proj
      intermediate.dense -> mlp.fc1
      output.dense -> mlp.fc2
    dinov2 dinov2_with_registers
      attention.attention.query -> attention.q_proj
      attention.attention.key -> attention.k_proj
      attention.attention.value -> attention.v_proj
      attention.output.dense -> attention.o_proj
      mlp.weights_out -> mlp.down_proj
      mlp.weights_in.weight -> mlp.gate_proj.weight + mlp.up_proj.weight
      mlp.weights_in.bias -> mlp.gate_proj.bias + mlp.up_proj.bias
    ViTMSNForImageClassification
      ^encoder\. -> vit.encoder.
    BeitBackbone
      ^fpn1\.0\. -> fpn.fpn1.conv_transpose1.
      ^fpn1\.1\. -> fpn.fpn1.normalization.
      ^fpn1\.3\. -> fpn.fpn1.conv_transpose2.
      ^fpn2\.0\. -> fpn.fpn2.
      ^encoder\.layer\. -> beit.encoder.layer.
      ^embeddings\. -> beit.embeddings.
      attention.query -> q_proj
      attention.key -> k_proj
      attention.value -> v_proj
      attention.output.dense -> attention.o_proj
      intermediate.dense -> mlp.fc1
      output.dense -> mlp.fc2
    BeitForSemanticSegmentation
      (?<!psp_modules\.[0-9]\.1\.)bn\. -> normalization.
      (?<!psp_modules\.[0-9]\.1\.)conv\.weight -> convolution.weight
      ^fpn1\.0\. -> fpn.fpn1.conv_transpose1.
      ^fpn1\.1\. -> fpn.fpn1.normalization.
      ^fpn1\.3\. -> fpn.fpn1.conv_transpose2.
      ^fpn2\.0\. -> fpn.fpn2.
      decode_head.bottleneck. -> decode_head.psp_bottleneck.
      decode_head\.psp_modules\.(\d+)\.1\.conv\.weight -> \
        decode_head.psp_modules.blocks.\1.conv.convolution.weight
      decode_head\.psp_modules\.(\d+)\.1\.bn\. -> \
        decode_head.psp_modules.blocks.\1.conv.normalization.
    beit
      encoder.relative_position_bias -> shared_position_bias
      attention.attention.relative_position_bias.relative_position_bias_table -> \
        relative_position_bias.relative_position_bias_table
    pixio
      norm1 -> layernorm_before
      norm2 -> layernorm_after
      ^encoder\. -> pixio.
    swin
      attention.self.query -> attention.q_proj
      attention.self.key -> attention.k_proj
      attention.self.value -> attention.v_proj
      attention.self.relative_position_bias_table -> \
        attention.relative_position_bias.relative_position_bias_table
      attention.output.dense -> attention.o_proj
      intermediate.dense -> mlp.fc1
      output.dense -> mlp.fc2
    SwinBackbone
      ^encoder\. -> swin.encoder.
      ^embeddings\. -> swin.embeddings.
    segformer
      encoder.patch_embeddings.(\d+). -> stages.\1.patch_embeddings.
      encoder.block.(\d+). -> stages.\1.blocks.
      encoder.layer_norm.(\d+) -> stages.\1.layer_norm
      attention.self.query -> attention.q_proj
      attention.self.key -> attention.k_proj
      attention.self.value -> attention.v_proj
      attention.self.sr -> attention.sequence_reduction.sequence_reduction
      attention.self.layer_norm -> attention.sequence_reduction.layer_norm
      attention.output.dense -> attention.o_proj
      mlp.dense1 -> mlp.fc1
      mlp.dense2 -> mlp.fc2
      layer_norm_1 -> layernorm_before
      layer_norm_2 -> layernorm_after
    SegformerForSemanticSegmentation
      decode_head.linear_c -> decode_head.linear_projections
    videomae
      attention\.attention\.q_bias -> attention.attention.query.bias
      attention\.attention\.v_bias -> attention.attention.value.bias
    lw_detr
      attention.attention.query -> attention.q_proj
      attention.attention.key -> attention.k_proj
      attention.attention.value -> attention.v_proj
      attention.output -> attention.o_proj
    radio
      radio_model.model.patch_generator.video_embedder -> embeddings.video_patch_projection
      radio_model.model.patch_generator.embedder -> embeddings.patch_projection
      radio_model.model.patch_generator.pos_embed -> embeddings.position_embedding
      radio_model.model.patch_generator.cls_token.token -> embeddings.cls_register_token
      radio_model.model.blocks -> encoder.layer
      attn.proj -> attention.o_proj
      radio_model.input_conditioner -> input_conditioner
      radio_model.summary_idxs -> summary_idxs
      attn.qkv -> attention.q_proj + attention.k_proj + attention.v_proj
    dinov3_convnext
      (?<!model\.)stages -> model.stages
    dinov3_vit
      (?<!model\.)layer. -> model.layer.
    yolos
      encoder.mid_position_embeddings -> encoder.interpolation.mid_position_embeddings
    timm_wrapper
      ^(?!timm_model\.) -> timm_model.
    CLIPVisionModel AltCLIPVisionModel ChineseCLIPVisionModel CLIPSegVisionModel \
    MetaClip2VisionModel mlcd_vision mlcd SiglipVisionModel Siglip2VisionModel \
    XCLIPVisionModel
      ^vision_model\. ->
    CLIPTextModel CLIPSegTextModel MetaClip2TextModel SiglipTextModel Siglip2TextModel \
    XCLIPTextModel
      ^text_model\. ->
    altclip
      layer\. -> layers.
    sam3_tracker sam3_tracker_video
      detector_model.vision_encoder.backbone. -> vision_encoder.backbone.
      tracker_neck. -> vision_encoder.neck.
      tracker_model.(.+) -> \1
    tipsv2
      text_encoder -> text_model
      vision_encoder -> vision_model
    tipsv2_text_model
      (?:^|(?<=\.))text_encoder\. ->
      ln_final\. -> final_layer_norm.
      token_embedding\. -> embeddings.token_embedding.
      transformer\.resblocks\. -> encoder.layers.
      \.ln_1\. -> .layer_norm1.
      \.ln_2\. -> .layer_norm2.
      \.attn\. -> .self_attn.
      \.mlp\.c_fc\. -> .mlp.fc1.
      \.mlp\.c_proj\. -> .mlp.fc2.
      \.in_proj_weight -> .q_proj.weight + .k_proj.weight + .v_proj.weight
      \.in_proj_bias -> .q_proj.bias + .k_proj.bias + .v_proj.bias
    tipsv2_vision_model
      (?:^|(?<=\.))vision_encoder\. ->
      patch_embed\.proj\. -> embeddings.patch_embeddings.projection.
      cls_token -> embeddings.cls_token
      mask_token -> embeddings.mask_token
      register_tokens -> embeddings.register_tokens
      pos_embed -> embeddings.position_embeddings
      norm\. -> layernorm.
      blocks\. -> encoder.layer.
      \.attn\.proj\. -> .attention.o_proj.
      \.ls1\.gamma -> .layer_scale1.lambda1
      \.ls2\.gamma -> .layer_scale2.lambda1
      \.mlp\.c_fc\. -> .mlp.fc1.
      \.mlp\.c_proj\. -> .mlp.fc2.
      \.mlp\.w3\. -> .mlp.down_proj.
      \.mlp\.w12\.weight -> .mlp.gate_proj.weight + .mlp.up_proj.weight
      \.mlp\.w12\.bias -> .mlp.gate_proj.bias + .mlp.up_proj.bias
      \.attn\.qkv\.weight -> \
        .attention.q_proj.weight + .attention.k_proj.weight + .attention.v_proj.weight
      \.attn\.qkv\.bias -> .attention.q_proj.bias + .attention.k_proj.bias + .attention.v_proj.bias
    """#
}
