/// Models of text and of what they see.
extension LoadedNames {
  static let multimodal = #"""
    Qwen2_5OmniThinkerModel Qwen3OmniMoeThinkerModel
      ^thinker\. ->
      ^model\.(?!language_model\.) -> model.language_model.
    Qwen2_5OmniThinkerForConditionalGeneration qwen2_5_omni_thinker \
    Qwen3OmniMoeThinkerForConditionalGeneration
      ^thinker\. ->
      ^audio_tower -> model.audio_tower
      ^visual -> model.visual
      ^model(?!\.(language_model|visual|audio_tower)) -> model.language_model
    gemma4_unified
      vision_embedder\.patch_ln1 -> embed_vision.patch_ln1
      vision_embedder\.patch_dense -> embed_vision.patch_dense
      vision_embedder\.patch_ln2 -> embed_vision.patch_ln2
      vision_embedder\.pos_embedding -> embed_vision.pos_embedding
      vision_embedder\.pos_norm -> embed_vision.pos_norm
      embed_vision\.embedding_projection -> embed_vision.multimodal_embedder.embedding_projection
    hunyuan_vl
      mlp.dense_h_to_4h -> mlp.fc1
      mlp.dense_4h_to_h -> mlp.fc2
      ^vit\.layers\.(\d+)\.input_layernorm\. -> vit.layers.\1.layer_norm1.
      ^vit\.layers\.(\d+)\.post_attention_layernorm\. -> vit.layers.\1.layer_norm2.
      perceive\.proj\.0\. -> perceive.proj_conv.
      perceive\.proj\.2\. -> perceive.proj_out.
      perceive\. -> patch_merger.
      ^model(?!\.(language_model|vit|vision_tower)) -> model.language_model
      ^model\.vit -> model.vision_tower
      ^vit -> model.vision_tower
    kimi_k25
      (vision_tower\.encoder\.blocks\.\d+)\.norm1 -> \1.norm2
      (vision_tower\.encoder\.blocks\.\d+)\.norm0 -> \1.norm1
      (vision_tower\.encoder\.blocks\.\d+\.mlp)\.fc1 -> \1.fc2
      (vision_tower\.encoder\.blocks\.\d+\.mlp)\.fc0 -> \1.fc1
      language_model.model -> model.language_model
      language_model.lm_head -> lm_head
      vision_tower.encoder.blocks.(\d+).wo -> vision_tower.encoder.blocks.\1.attn.proj
      vision_tower.encoder -> model.vision_tower
      mm_projector.proj.0 -> model.mm_projector.in_proj
      mm_projector.proj.2 -> model.mm_projector.out_proj
      blocks -> layers
      vision_tower.patch_embed.pos_emb.weight -> \
        model.vision_tower.patch_embed.pos_emb.position_embeddings
    minimax_m3_vl
      ^language_model\.lm_head -> lm_head
      ^language_model\.model\. -> model.language_model.
      ^vision_tower\.vision_model\.embeddings\.patch_embedding\. -> \
        model.vision_tower.embeddings.proj.
      ^vision_tower\.vision_model\.encoder\.layers\. -> model.vision_tower.layers.
      ^vision_tower\.vision_model\.pre_layrnorm\. -> model.vision_tower.pre_layrnorm.
      ^multi_modal_projector\.linear_1\. -> model.multi_modal_projector.linear_1.
      ^multi_modal_projector\.linear_2\. -> model.multi_modal_projector.linear_2.
      ^patch_merge_mlp\.linear_1\. -> model.multi_modal_projector.merge_linear_1.
      ^patch_merge_mlp\.linear_2\. -> model.multi_modal_projector.merge_linear_2.
      \.block_sparse_moe\.(experts|gate|shared_experts)\. -> .mlp.\1.
      \.block_sparse_moe\.e_score_correction_bias -> .mlp.gate.e_score_correction_bias
      \.self_attn\.index_q_proj\. -> .self_attn.indexer.q_proj.
      \.self_attn\.index_k_proj\. -> .self_attn.indexer.k_proj.
      \.self_attn\.index_q_norm\. -> .self_attn.indexer.q_norm.
      \.self_attn\.index_k_norm\. -> .self_attn.indexer.k_norm.
    molmo2
      (?<!image_vit\.)transformer\.(?!ln_f\.|blocks\.) -> language_model.
      (?<!image_vit\.)transformer\.ln_f\. -> language_model.norm.
      (?<!image_vit\.)transformer\.blocks\. -> language_model.layers.
      vision_backbone\.image_vit\.(?!transformer\.resblocks\.) -> vision_tower.
      vision_backbone\.image_vit\.transformer\.resblocks\. -> vision_tower.layers.
      vision_backbone\.image_pooling_2d\. -> multi_modal_projector.image_pooling_2d.
      vision_backbone\.image_projector\. -> multi_modal_projector.image_projector.
      \.attention\.wq -> .self_attn.q_proj
      \.attention\.wk -> .self_attn.k_proj
      \.attention\.wv -> .self_attn.v_proj
      \.attention\.wo -> .self_attn.o_proj
      \.feed_forward\.w1 -> .mlp.fc1
      \.feed_forward\.w2 -> .mlp.fc2
      \.attention_norm -> .layer_norm1
      \.ffn_norm -> .layer_norm2
      image_pooling_2d\.wq -> image_pooling_2d.q_proj
      image_pooling_2d\.wk -> image_pooling_2d.k_proj
      image_pooling_2d\.wv -> image_pooling_2d.v_proj
      image_pooling_2d\.wo -> image_pooling_2d.o_proj
      image_projector\.w1 -> image_projector.gate_proj
      image_projector\.w2 -> image_projector.down_proj
      image_projector\.w3 -> image_projector.up_proj
    molmo2_text
      \.attn_norm\. -> .input_layernorm.
      \.ff_norm\. -> .post_attention_layernorm.
      self_attn\.attn_out -> self_attn.o_proj
      mlp\.ff_out -> mlp.down_proj
      mlp.ff_proj.weight -> mlp.up_proj.weight + mlp.gate_proj.weight
    step3p7
      ^vision_model\. -> model.vision_model.
      ^vit_large_projector\. -> model.multi_modal_projector.
      ^model\.embed_tokens\. -> model.language_model.embed_tokens.
      ^model\.layers\. -> model.language_model.layers.
      ^model\.norm\. -> model.language_model.norm.
      \.moe\.gate\.weight -> .mlp.gate.weight
      \.moe\.router_bias -> .mlp.gate.e_score_correction_bias
      \.moe\.down_proj\.weight -> .mlp.experts.down_proj
      \.moe\.down_proj\.weight_scale_inv -> .mlp.experts.down_proj_scale_inv
      \.share_expert\. -> .mlp.shared_experts.
    step3p5_vision
      (?:^|(?<=\.))conv1\.weight -> embeddings.patch_embedding.weight
      (?:^|(?<=\.))positional_embedding -> embeddings.position_embedding.weight
      (?:^|(?<=\.))transformer\.resblocks\. -> layers.
      (?:^|(?<=\.))ln_pre\. -> pre_layernorm.
      (?:^|(?<=\.))vit_downsampler1\. -> downsampler1.
      (?:^|(?<=\.))vit_downsampler2\. -> downsampler2.
      \.ls_1\.gamma -> .lambda_1
      \.ls_2\.gamma -> .lambda_2
      \.mlp\.c_fc\. -> .mlp.fc1.
      \.mlp\.c_proj\. -> .mlp.fc2.
      \.attn\. -> .self_attn.
      \.ln_1\. -> .layernorm_before.
      \.ln_2\. -> .layernorm_after.
    colqwen2
      ^vlm\.model\. -> vlm.
    shieldgemma2
      ^model\.(?!model\.) -> model.model.
    pi0
      ^model\. ->
      state_proj -> embed_action_time.state_proj
      action_in_proj -> embed_action_time.action_in_proj
      action_time_mlp_in -> embed_action_time.action_time_mlp_in
      action_time_mlp_out -> embed_action_time.action_time_mlp_out
      ^paligemma_with_expert.paligemma.model -> model.vlm
      ^paligemma_with_expert.gemma_expert.model -> model.dit
      ^paligemma_with_expert.gemma_expert.lm_head -> model.dit.embed_tokens
      ^paligemma_with_expert.paligemma.lm_head -> model.vlm.language_model.embed_tokens
    t5gemma2_encoder
      (?<!decoder\.)(?<!text_model\.)embed_tokens\. -> text_model.embed_tokens.
      (?<!decoder\.)(?<!text_model\.)(?<!layer)(?<!_)norm\. -> text_model.norm.
      (?<!vision_model.encoder\.)(?<!vision_tower.encoder\.)(?<!decoder\.)(?<!text_model\.)layers. -> \
        text_model.layers.
    cosmos3_edge
      ^embed_tokens\. -> model.language_model.embed_tokens.
      ^norm\. -> model.language_model.norm.
      ^layers\. -> model.language_model.layers.
      \.self_attn\.to_q\. -> .self_attn.q_proj.
      \.self_attn\.to_k\. -> .self_attn.k_proj.
      \.self_attn\.to_v\. -> .self_attn.v_proj.
      \.self_attn\.to_out\. -> .self_attn.o_proj.
      \.mlp\.up_proj\. -> .mlp.fc1.
      \.mlp\.down_proj\. -> .mlp.fc2.
    cosmos3_omni
      ^(layers\.|embed_tokens\.|norm\.) -> model.language_model.\1
      ^(blocks\.|merger\.|patch_embed\.|pos_embed\.|deepstack_merger_list\.) -> model.visual.\1
      \.self_attn\.to_q\. -> .self_attn.q_proj.
      \.self_attn\.to_k\. -> .self_attn.k_proj.
      \.self_attn\.to_v\. -> .self_attn.v_proj.
      \.self_attn\.to_out\. -> .self_attn.o_proj.
      \.self_attn\.norm_q\. -> .self_attn.q_norm.
      \.self_attn\.norm_k\. -> .self_attn.k_norm.
    lfm3_vl_vision
      patchifier -> patch_embed
      q_layernorm -> q_norm
      k_layernorm -> k_norm
    ernie4_5_vl_moe
      vision_model -> vision_tower
      spatial_linear.0 -> spatial_linear.fc1
      spatial_linear.2 -> spatial_linear.fc2
      spatial_linear.3 -> spatial_linear.ln
      temporal_linear.0 -> temporal_linear.fc1
      temporal_linear.2 -> temporal_linear.fc2
      temporal_linear.3 -> temporal_linear.ln
      (?<!language_model\.)embed_tokens -> language_model.embed_tokens
      (?<!language_model\.)layers -> language_model.layers
      (?<!_)(?<!\w)norm\. -> language_model.norm.
      mlp.moe_statics.e_score_correction_bias -> \
        mlp.text_moe.gate.moe_statics.e_score_correction_bias + \
        mlp.vision_moe.gate.moe_statics.e_score_correction_bias
    hyperclovax_vision_v2
      ^model.language_model.lm_head -> lm_head
      ^model.vision_projector -> model.projector
      ^model.language_model\.model\. -> model.language_model.
    inkling_mm_model
      model\.llm\.layers -> model.language_model.layers
      model\.llm\.embed_norm\.weight -> model.language_model.embed_tokens.embed_norm.weight
      model\.llm\.embed\.weight -> model.language_model.embed_tokens.weight
      model\.llm\.norm\.weight -> model.language_model.norm.weight
      model\.llm\.unembed\.weight -> lm_head.weight
      model\.audio\. -> model.audio_tower.
      model\.visual -> model.vision_tower
      vision_tower.layers.linear_(\d+) -> vision_tower.encoder_layers.\1.projection
      vision_tower.layers.norm_(\d+) -> vision_tower.encoder_layers.\1.layer_norm
      audio_tower.encoder.weight -> audio_tower.embed_audio_tokens.embed_audio_tokens.weight
      audio_tower.final_norm.weight -> audio_tower.norm.weight
      shared_w2_weight -> down_proj
      mlp.experts.w2_weight -> mlp.experts.down_proj
      mlp.w2_md.weight -> mlp.down_proj.weight
      mlp.gate.bias -> mlp.gate.e_score_correction_bias
      attn\.wq_du -> self_attn.q_proj
      attn\.wk_dv -> self_attn.k_proj
      attn\.wv_dv -> self_attn.v_proj
      attn\.wr_du -> self_attn.r_proj
      attn\.wo_ud -> self_attn.o_proj
      \.attn\.q_norm -> .self_attn.q_norm
      \.attn\.k_norm -> .self_attn.k_norm
      \.attn\.k_sconv -> .self_attn.k_sconv.conv1d
      \.attn\.v_sconv -> .self_attn.v_sconv.conv1d
      \.attn\.rel_logits_proj -> .self_attn.rel_logits_proj
      attn_sconv\.weight -> attn_sconv.conv1d.weight
      mlp_sconv\.weight -> mlp_sconv.conv1d.weight
      mlp_norm -> post_attention_layernorm
      attn_norm -> input_layernorm
    inkling2
      model\.llm\.unembed\.weight -> lm_head.weight
      model\.llm\. -> model.language_model.
      model\.visual\.backbone\.embeddings\. -> model.vision_tower.embeddings.
      vision_tower\.embeddings\.position_embedding -> \
        vision_tower.embeddings.position_embedding.weight
      model\.visual\.backbone\.ln_pre\. -> model.vision_tower.pre_layernorm.
      model\.visual\.backbone\.layers\. -> model.vision_tower.layers.
      model\.visual\.proj_in\. -> model.vision_tower.merger.linear_1.
      model\.visual\.proj_out\. -> model.vision_tower.merger.linear_2.
      (vision_tower\.layers\.\d+)\.ln_1\. -> \1.layernorm_before.
      (vision_tower\.layers\.\d+)\.ln_2\. -> \1.layernorm_after.
      (vision_tower\.layers\.\d+)\.mlp\.c_fc\. -> \1.mlp.fc1.
      (vision_tower\.layers\.\d+)\.mlp\.c_proj\. -> \1.mlp.fc2.
      (vision_tower\.layers\.\d+)\.ls_1\.gamma -> \1.lambda_1
      (vision_tower\.layers\.\d+)\.ls_2\.gamma -> \1.lambda_2
    mistral_large4
      ^vision_encoder\. -> model.vision_tower.
      ^tok_embeddings\. -> model.language_model.embed_tokens.
      ^lerope\.alpha -> model.language_model.rotary_emb.alpha
      ^layers\. -> model.language_model.layers.
      ^norm\. -> model.language_model.norm.
      ^output\. -> lm_head.
      ^pre_mm_projector_norm\. -> model.multi_modal_projector.norm.
      ^patch_merger\. -> model.multi_modal_projector.patch_merger.
      ^vision_language_adapter\.w_in\. -> model.multi_modal_projector.linear_1.
      ^vision_language_adapter\.w_out\. -> model.multi_modal_projector.linear_2.
      \.wv\. -> .v_proj.
      \.wo\. -> .o_proj.
      \.(feed_forward|shared_experts)\.w1\. -> .\1.gate_proj.
      \.(feed_forward|shared_experts)\.w2\. -> .\1.down_proj.
      \.(feed_forward|shared_experts)\.w3\. -> .\1.up_proj.
    """#
}
