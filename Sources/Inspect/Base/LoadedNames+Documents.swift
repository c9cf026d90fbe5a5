/// Models that read the pages of documents.
extension LoadedNames {
  static let documents = #"""
    paddleocr_vl
      ^mlp_AR -> model.projector
      ^visual -> model.visual
      ^model(?!(\.visual|\.projector|\.language_model)) -> model.language_model
    deepseek_ocr2
      sam_model\.blocks\.(\d+)\.norm1\. -> vision_tower.sam_encoder.layers.\1.layer_norm1.
      sam_model\.blocks\.(\d+)\.norm2\. -> vision_tower.sam_encoder.layers.\1.layer_norm2.
      sam_model\.blocks\.(\d+)\.attn\. -> vision_tower.sam_encoder.layers.\1.attn.
      sam_model\.blocks\.(\d+)\.mlp\. -> vision_tower.sam_encoder.layers.\1.mlp.
      sam_model\.patch_embed\.proj\. -> vision_tower.sam_encoder.patch_embed.projection.
      sam_model\.pos_embed -> vision_tower.sam_encoder.pos_embed
      sam_model\.neck\.0\. -> vision_tower.sam_encoder.neck.conv1.
      sam_model\.neck\.1\. -> vision_tower.sam_encoder.neck.layer_norm1.
      sam_model\.neck\.2\. -> vision_tower.sam_encoder.neck.conv2.
      sam_model\.neck\.3\. -> vision_tower.sam_encoder.neck.layer_norm2.
      sam_model\.net_2\. -> vision_tower.sam_encoder.proj.conv1.
      sam_model\.net_3\. -> vision_tower.sam_encoder.proj.conv2.
      qwen2_model\.model\.model\.layers\. -> vision_tower.vision_encoder.layers.
      qwen2_model\.model\.model\.norm\. -> vision_tower.vision_encoder.norm.
      qwen2_model\.query_768\. -> vision_tower.query_768_resolution.
      qwen2_model\.query_1024\. -> vision_tower.query_1024_resolution.
      projector\.layers\. -> multi_modal_projector.
      view_seperator -> view_separator
      (^|model\.)embed_tokens\. -> \1language_model.embed_tokens.
      (^|model\.)layers\. -> \1language_model.layers.
      (^|model\.)norm\. -> \1language_model.norm.
    unlimited_ocr
      (^|model\.)sam_model -> \1vision_tower.sam_encoder
      (^|model\.)vision_model -> \1vision_tower.vision_encoder
      (^|model\.)view_seperator -> \1view_separator
      (^|model\.)projector\.layers\.weight -> \1multi_modal_projector.weight
      (^|model\.)projector\.layers\.bias -> \1multi_modal_projector.bias
      (^|model\.)embed_tokens\. -> \1language_model.embed_tokens.
      (^|model\.)layers\. -> \1language_model.layers.
      (^|model\.)norm\. -> \1language_model.norm.
    unlimited_ocr_sam_vision_model
      blocks\.(\d+)\.norm1\. -> layers.\1.layer_norm1.
      blocks\.(\d+)\.norm2\. -> layers.\1.layer_norm2.
      blocks\.(\d+)\.attn\. -> layers.\1.attn.
      blocks\.(\d+)\.mlp\. -> layers.\1.mlp.
      patch_embed\.proj\. -> patch_embed.projection.
      neck\.0\. -> neck.conv1.
      neck\.1\. -> neck.layer_norm1.
      neck\.2\. -> neck.conv2.
      neck\.3\. -> neck.layer_norm2.
      net_2\. -> proj.conv1.
      net_3\. -> proj.conv2.
    unlimited_ocr_vision_encoder
      transformer -> encoder
      qkv_proj.weight -> q_proj.weight + k_proj.weight + v_proj.weight
      qkv_proj.bias -> q_proj.bias + k_proj.bias + v_proj.bias
    qianfan_ocr
      ^vision_model\. -> model.vision_tower.
      encoder\.layers\. -> layers.
      \.ls1 -> .lambda_1
      \.ls2 -> .lambda_2
      (layers\.\d+)\.attn\.proj\. -> \1.attention.projection_layer.
      \.norm1\. -> .layernorm_before.
      \.norm2\. -> .layernorm_after.
      \.embeddings\.class_embedding -> .embeddings.cls_token
      \.embeddings\.position_embedding -> .embeddings.position_embeddings
      \.embeddings\.patch_embedding\. -> .embeddings.patch_embeddings.projection.
      ^language_model\.model\. -> model.language_model.
      ^language_model\.lm_head\. -> lm_head.
      ^mlp1\.0\. -> model.multi_modal_projector.layer_norm.
      ^mlp1\.1\. -> model.multi_modal_projector.linear_1.
      ^mlp1\.3\. -> model.multi_modal_projector.linear_2.
      attn.qkv.weight -> attention.q_proj.weight + attention.k_proj.weight + attention.v_proj.weight
      attn.qkv.bias -> attention.q_proj.bias + attention.k_proj.bias + attention.v_proj.bias
    """#
}
