/// Models that find objects.
extension LoadedNames {
  static let detection = #"""
    detr maskformer
      backbone.conv_encoder -> backbone
      out_proj -> o_proj
      layers.(\d+).fc1 -> layers.\1.mlp.fc1
      layers.(\d+).fc2 -> layers.\1.mlp.fc2
    DetrForSegmentation ConditionalDetrForSegmentation
      bbox_attention.q_linear -> bbox_attention.q_proj
      bbox_attention.k_linear -> bbox_attention.k_proj
      mask_head.lay1 -> mask_head.conv1.conv
      mask_head.gn1 -> mask_head.conv1.norm
      mask_head.lay2 -> mask_head.conv2.conv
      mask_head.gn2 -> mask_head.conv2.norm
      mask_head.adapter1 -> mask_head.fpn_stages.0.fpn_adapter
      mask_head.lay3 -> mask_head.fpn_stages.0.refine.conv
      mask_head.gn3 -> mask_head.fpn_stages.0.refine.norm
      mask_head.adapter2 -> mask_head.fpn_stages.1.fpn_adapter
      mask_head.lay4 -> mask_head.fpn_stages.1.refine.conv
      mask_head.gn4 -> mask_head.fpn_stages.1.refine.norm
      mask_head.adapter3 -> mask_head.fpn_stages.2.fpn_adapter
      mask_head.lay5 -> mask_head.fpn_stages.2.refine.conv
      mask_head.gn5 -> mask_head.fpn_stages.2.refine.norm
      mask_head.out_lay -> mask_head.output_conv
    deformable_detr
      backbone.conv_encoder -> backbone
      self_attn.out_proj -> self_attn.o_proj
      layers.(\d+).fc1 -> layers.\1.mlp.fc1
      layers.(\d+).fc2 -> layers.\1.mlp.fc2
    d_fine
      out_proj -> o_proj
      layers.(\d+).fc1 -> layers.\1.mlp.layers.0
      layers.(\d+).fc2 -> layers.\1.mlp.layers.1
      encoder.encoder.(\d+).layers -> encoder.aifi.\1.layers
    rt_detr rt_detr_v2 pp_doclayout_v2 pp_doclayout_v3
      out_proj -> o_proj
      layers.(\d+).fc1 -> layers.\1.mlp.fc1
      layers.(\d+).fc2 -> layers.\1.mlp.fc2
      encoder.encoder.(\d+).layers -> encoder.aifi.\1.layers
    pp_doclayout_v4
      decoder_roor_order_head. -> decoder.successor_order_head.proj.
      decoder_roor_global_pointer. -> decoder.successor_order_head.global_pointer.
      decoder_order_head. -> decoder.relative_order_head.proj.
      decoder_global_pointer. -> decoder.relative_order_head.global_pointer.
      s2r_fusion.a -> decoder.relative_order_head.s2r_fusion.closure_weight
      out_proj -> o_proj
      layers.(\d+).fc1 -> layers.\1.mlp.fc1
      layers.(\d+).fc2 -> layers.\1.mlp.fc2
      encoder.encoder.(\d+).layers -> encoder.aifi.\1.layers
    conditional_detr
      backbone.conv_encoder -> backbone
      self_attn.out_proj -> self_attn.o_proj
      encoder_attn.out_proj -> encoder_attn.o_proj
      layers.(\d+).fc1 -> layers.\1.mlp.fc1
      layers.(\d+).fc2 -> layers.\1.mlp.fc2
      decoder.layers.(\d+).sa_qcontent_proj -> decoder.layers.\1.self_attn.q_content_proj
      decoder.layers.(\d+).sa_qpos_proj -> decoder.layers.\1.self_attn.q_pos_proj
      decoder.layers.(\d+).sa_kcontent_proj -> decoder.layers.\1.self_attn.k_content_proj
      decoder.layers.(\d+).sa_kpos_proj -> decoder.layers.\1.self_attn.k_pos_proj
      decoder.layers.(\d+).sa_v_proj -> decoder.layers.\1.self_attn.v_proj
      decoder.layers.(\d+).ca_qcontent_proj -> decoder.layers.\1.encoder_attn.q_content_proj
      decoder.layers.(\d+).ca_qpos_proj -> decoder.layers.\1.encoder_attn.q_pos_proj
      decoder.layers.(\d+).ca_kcontent_proj -> decoder.layers.\1.encoder_attn.k_content_proj
      decoder.layers.(\d+).ca_kpos_proj -> decoder.layers.\1.encoder_attn.k_pos_proj
      decoder.layers.(\d+).ca_v_proj -> decoder.layers.\1.encoder_attn.v_proj
      decoder.layers.(\d+).ca_qpos_sine_proj -> decoder.layers.\1.encoder_attn.q_pos_sine_proj
    RfDetrForObjectDetection
      ^ -> model.
    RfDetrForInstanceSegmentation
      ^(?!segmentation_head) -> model.
      segmentation_head\.query_features_block\.layers\.0 -> query_features_block.mlp.fc1
      segmentation_head\.query_features_block\.layers\.2 -> query_features_block.mlp.fc2
      segmentation_head\.query_features_block\.norm_in -> query_features_block.norm
      segmentation_head\.blocks\.(\d+)\.norm -> blocks.\1.layernorm
      segmentation_head\.blocks\.(\d+)\.dwconv -> blocks.\1.depthwise_conv
      segmentation_head\.blocks\.(\d+)\.pwconv1 -> blocks.\1.pointwise_conv
      segmentation_head\.spatial_features_proj -> spatial_features_proj
      segmentation_head\.query_features_proj -> query_features_proj
      segmentation_head\.bias -> segmentation_bias
    rf_detr
      backbone.0.encoder.encoder -> backbone.backbone
      backbone.0.projector -> backbone.projector
      projector.stages.0.0.cv1.conv -> projector.projector_layer.conv1.conv
      projector.stages.0.0.cv1.bn -> projector.projector_layer.conv1.norm
      projector.stages.0.0.cv2.conv -> projector.projector_layer.conv2.conv
      projector.stages.0.0.cv2.bn -> projector.projector_layer.conv2.norm
      projector.stages.0.1 -> projector.layer_norm
      projector.stages.0.0.m.(\d+).cv1.conv -> projector.projector_layer.bottlenecks.\1.conv1.conv
      projector.stages.0.0.m.(\d+).cv1.bn -> projector.projector_layer.bottlenecks.\1.conv1.norm
      projector.stages.0.0.m.(\d+).cv2.conv -> projector.projector_layer.bottlenecks.\1.conv2.conv
      projector.stages.0.0.m.(\d+).cv2.bn -> projector.projector_layer.bottlenecks.\1.conv2.norm
      transformer.decoder -> decoder
      decoder.layers.(\d+).norm1 -> decoder.layers.\1.self_attn_layer_norm
      decoder.layers.(\d+).norm2 -> decoder.layers.\1.cross_attn_layer_norm
      decoder.layers.(\d+).linear1 -> decoder.layers.\1.mlp.fc1
      decoder.layers.(\d+).linear2 -> decoder.layers.\1.mlp.fc2
      decoder.layers.(\d+).norm3 -> decoder.layers.\1.layer_norm
      decoder.norm -> decoder.layernorm
      ^transformer\.enc_output_norm -> enc_output_norm
      ^transformer\.enc_output -> enc_output
      transformer.enc_out_class_embed -> enc_out_class_embed
      transformer.enc_out_bbox_embed -> enc_out_bbox_embed
      refpoint_embed\.weight -> reference_point_embed.weight
      attention.attention.query -> attention.q_proj
      attention.attention.key -> attention.k_proj
      attention.attention.value -> attention.v_proj
      attention.output.dense -> attention.o_proj
      self_attn.out_proj -> self_attn.o_proj
      self_attn.in_proj_bias -> \
        self_attn.q_proj.bias + self_attn.k_proj.bias + self_attn.v_proj.bias
      self_attn.in_proj_weight -> \
        self_attn.q_proj.weight + self_attn.k_proj.weight + self_attn.v_proj.weight
    """#
}
