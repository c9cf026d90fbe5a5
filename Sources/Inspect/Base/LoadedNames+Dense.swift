/// Models that say something of each point of an image.
extension LoadedNames {
  static let dense = #"""
    sapiens2
      ^backbone\. -> model.
      decode_head\.deconv_layers\.0\.weight -> decode_head.upsample_layers.0.convolution.weight
      decode_head\.deconv_layers\.3\.weight -> decode_head.upsample_layers.1.convolution.weight
      decode_head\.deconv_layers\.6\.weight -> decode_head.upsample_layers.2.convolution.weight
      decode_head\.deconv_layers\.9\.weight -> decode_head.upsample_layers.3.convolution.weight
      decode_head\.conv_layers\.0\.(weight|bias) -> decode_head.conv_layers.0.convolution.\1
      decode_head\.conv_layers\.3\.(weight|bias) -> decode_head.conv_layers.1.convolution.\1
      decode_head\.conv_layers\.6\.(weight|bias) -> decode_head.conv_layers.2.convolution.\1
      decode_head\.input_conv\.0\.(weight|bias) -> decode_head.input_conv.convolution.\1
      decode_head\.upsample_blocks\.(\d+)\.0\.weight -> \
        decode_head.upsample_layers.\1.convolution.weight
      decode_head\.upsample_blocks\.(\d+)\.0\.bias -> \
        decode_head.upsample_layers.\1.convolution.bias
      decode_head\.scale_conv_layers\.0\.weight -> scale_head.conv_layers.0.convolution.weight
      decode_head\.scale_conv_layers\.0\.bias -> scale_head.conv_layers.0.convolution.bias
      decode_head\.scale_conv_layers\.3\.weight -> scale_head.conv_layers.1.convolution.weight
      decode_head\.scale_conv_layers\.3\.bias -> scale_head.conv_layers.1.convolution.bias
      decode_head\.scale_conv_layers\.6\.weight -> scale_head.conv_layers.2.convolution.weight
      decode_head\.scale_conv_layers\.6\.bias -> scale_head.conv_layers.2.convolution.bias
      decode_head\.scale_final_layer\.1\. -> scale_head.predictor.block1.layers.0.
      decode_head\.scale_final_layer\.3\. -> scale_head.predictor.block2.layers.0.
      decode_head\.scale_final_layer\.5\. -> scale_head.predictor.proj.
      decode_head\.conv_(seg|pose|normal|pointmap|matting)\. -> decode_head.predictor.
      (?:^|(?<=\.))cls_token -> embeddings.cls_token
      (?:^|(?<=\.))storage_tokens -> embeddings.register_tokens
      (?:^|(?<=\.))patch_embed\.projection\. -> embeddings.patch_embeddings.
      blocks\.(\d+)\. -> model.layer.\1.
      attn\.proj\. -> attention.o_proj.
      attn\.wq\. -> attention.q_proj.
      attn\.wk\. -> attention.k_proj.
      attn\.wv\. -> attention.v_proj.
      attn\.q_norm\. -> attention.q_norm.
      attn\.k_norm\. -> attention.k_norm.
      attn\.gamma\.weight -> layer_scale1.lambda1
      ffn\.w3\. -> mlp.down_proj.
      \.ln1\. -> .norm1.
      \.ln2\. -> .norm2.
      (?:^|(?<=\.))ln1\. -> norm.
      ffn\.w12\.weight -> mlp.gate_proj.weight + mlp.up_proj.weight
      ffn\.w12\.bias -> mlp.gate_proj.bias + mlp.up_proj.bias
    tipsv2_dpt
      vision_encoder -> backbone
      head\.reassemble\.readout_projects\.(\d+) -> \
        neck.reassemble_stage.readout_projects.\1.layers.0
      head\.reassemble\.out_projections\.(\d+)\. -> neck.reassemble_stage.layers.\1.projection.
      head\.reassemble\.resize_layers\.(\d+)\. -> neck.reassemble_stage.layers.\1.resize.
      head\.fusion_blocks\.(\d+)\.out_conv\. -> neck.fusion_stage.layers.\1.projection.
      head\.fusion_blocks\.(\d+)\.main_unit\.conv1\. -> \
        neck.fusion_stage.layers.\1.residual_layer2.convolution1.
      head\.fusion_blocks\.(\d+)\.main_unit\.conv2\. -> \
        neck.fusion_stage.layers.\1.residual_layer2.convolution2.
      head\.fusion_blocks\.(\d+)\.residual_unit\.conv1\. -> \
        neck.fusion_stage.layers.\1.residual_layer1.convolution1.
      head\.fusion_blocks\.(\d+)\.residual_unit\.conv2\. -> \
        neck.fusion_stage.layers.\1.residual_layer1.convolution2.
      head\.convs -> neck.convs
      head\.project -> decoder.project
      depth_head\.depth_head\. -> depth_decoder.head.
      normals_head\.normals_head\. -> normals_decoder.head.
      segmentation_head\.segmentation_head\. -> segmentation_decoder.head.
    Tipsv2DptForDepthEstimation Tipsv2DptForNormalEstimation Tipsv2DptForSemanticSegmentation
      (?:depth_|normals_|segmentation_)head\.reassemble\.readout_projects\.(\d+) -> \
        neck.reassemble_stage.readout_projects.\1.layers.0
      (?:depth_|normals_|segmentation_)head\.reassemble\.out_projections\.(\d+)\. -> \
        neck.reassemble_stage.layers.\1.projection.
      (?:depth_|normals_|segmentation_)head\.reassemble\.resize_layers\.(\d+)\. -> \
        neck.reassemble_stage.layers.\1.resize.
      (?:depth_|normals_|segmentation_)head\.fusion_blocks\.(\d+)\.out_conv\. -> \
        neck.fusion_stage.layers.\1.projection.
      (?:depth_|normals_|segmentation_)head\.fusion_blocks\.(\d+)\.main_unit\.conv1\. -> \
        neck.fusion_stage.layers.\1.residual_layer2.convolution1.
      (?:depth_|normals_|segmentation_)head\.fusion_blocks\.(\d+)\.main_unit\.conv2\. -> \
        neck.fusion_stage.layers.\1.residual_layer2.convolution2.
      (?:depth_|normals_|segmentation_)head\.fusion_blocks\.(\d+)\.residual_unit\.conv1\. -> \
        neck.fusion_stage.layers.\1.residual_layer1.convolution1.
      (?:depth_|normals_|segmentation_)head\.fusion_blocks\.(\d+)\.residual_unit\.conv2\. -> \
        neck.fusion_stage.layers.\1.residual_layer1.convolution2.
      (?:depth_|normals_|segmentation_)head\.convs -> neck.convs
      (?:depth_|normals_|segmentation_)head\.project -> decoder.project
      (depth|normals|segmentation)_head\.(?:depth|normals|segmentation)_head\. -> decoder.head.
    """#
}
